// An SDK that may try again, as it does unless told otherwise, asks once when there is no money left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { App } from './app.mjs';

const messages = [{ role: 'user', content: 'Count to ten' }];
// For each of these calls more is held.
const limits = { monthly_spend: 0.0001 };

/** A fetch that counts what an SDK sends, the repeated requests too. */
function counting() {
  const counter = { sent: 0 };
  counter.fetch = (...request) => {
    counter.sent += 1;
    return fetch(...request);
  };
  return counter;
}

const openai = (app, counter) => new OpenAI({ apiKey: app.token, baseURL: app.url, fetch: counter.fetch });
const anthropic = (app, counter) => new Anthropic({ apiKey: app.token, baseURL: app.url, fetch: counter.fetch });
const claude = { model: 'claude-haiku-4-5', max_tokens: 200, messages };
const CALLS = {
  'openai chat': (app, counter) => openai(app, counter).chat.completions.create({ model: 'gpt-4o-mini', messages }),
  'openai chat, streamed': (app, counter) => openai(app, counter).chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true }),
  'openai responses': (app, counter) => openai(app, counter).responses.create({ model: 'gpt-4o-mini', input: 'Count to ten' }),
  'anthropic messages': (app, counter) => anthropic(app, counter).messages.create(claude),
  'anthropic messages, streamed': (app, counter) => anthropic(app, counter).messages.create({ ...claude, stream: true }),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: a call that the limit does not allow is sent once`, async () => {
    const app = await App.at(name.split(' ')[0], { limits });
    const counter = counting();
    await assert.rejects(call(app, counter), (error) => {
      assert.equal(error.status, 402);
      assert.match(JSON.stringify(error.error), /spend_limit_exceeded/);
      return true;
    });
    assert.equal(counter.sent, 1);
  });
}
