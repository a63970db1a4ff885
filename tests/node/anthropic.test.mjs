// The official Anthropic SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { App, CITY, PIXEL, WEATHER } from './app.mjs';

async function client() {
  const app = await App.at('anthropic');
  return { app, anthropic: new Anthropic({ apiKey: app.token, baseURL: app.url, maxRetries: 0 }) };
}

const asked = { model: 'claude-haiku-4-5', max_tokens: 200 };

test('anthropic: messages in one piece and as a stream', async () => {
  const { app, anthropic } = await client();
  const messages = [{ role: 'user', content: 'Count to ten' }];
  const answer = await anthropic.messages.create({ ...asked, messages });
  assert.ok(answer.content[0].text.length > 0);
  await app.measured(answer.usage.input_tokens, answer.usage.output_tokens);
  const streamed = await anthropic.messages.stream({ ...asked, messages }).finalMessage();
  assert.equal(streamed.content[0].text, answer.content[0].text);
  const [call] = await app.calls(2);
  assert.deepEqual([call.stream, call.tokens.output], [true, streamed.usage.output_tokens]);
});

test('anthropic: a picture is looked at', async () => {
  const { app, anthropic } = await client();
  const content = [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } },
    { type: 'text', text: 'What is in this picture?' },
  ];
  const answer = await anthropic.messages.create({ ...asked, messages: [{ role: 'user', content }] });
  assert.ok(answer.content[0].text.length > 0);
  await app.measured(answer.usage.input_tokens, answer.usage.output_tokens);
});

test('anthropic: tools are called and answered', async () => {
  const { app, anthropic } = await client();
  const tools = [{ name: 'weather', input_schema: CITY }];
  const messages = [{ role: 'user', content: WEATHER }];
  const first = await anthropic.messages.create({ ...asked, messages, tools });
  const use = first.content.find((part) => part.type === 'tool_use');
  assert.deepEqual([use.name, use.input], ['weather', { city: 'Oslo' }]);
  const result = { type: 'tool_result', tool_use_id: use.id, content: '4 degrees' };
  messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: [result] });
  const answer = await anthropic.messages.create({ ...asked, messages, tools });
  assert.match(answer.content[0].text, /4 degrees/);
  await app.calls(2);
});

test('anthropic: a model that is not granted is refused once, with what to do', async () => {
  const { anthropic } = await client();
  const refused = anthropic.messages.create({ ...asked, model: 'claude-opus-4-1', messages: [{ role: 'user', content: 'Hi' }] });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof Anthropic.PermissionDeniedError);
    assert.equal(error.error.error.type, 'model_not_granted');
    return true;
  });
});
