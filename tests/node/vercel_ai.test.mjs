// The Vercel AI SDK, through each provider's own package.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embed, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { App, CITY, PIXEL } from './app.mjs';

const PROVIDERS = {
  openai: (app) => createOpenAI({ apiKey: app.token, baseURL: app.url })('gpt-4o-mini'),
  'openai chat': (app) => createOpenAI({ apiKey: app.token, baseURL: app.url }).chat('gpt-4o-mini'),
  anthropic: (app) => createAnthropic({ apiKey: app.token, baseURL: `${app.url}/v1` })('claude-haiku-4-5'),
  google: (app) => createGoogleGenerativeAI({ apiKey: app.token, baseURL: `${app.url}/v1beta` })('gemini-2.5-flash'),
};
const once = { maxRetries: 0, maxOutputTokens: 200 };

for (const [name, open] of Object.entries(PROVIDERS)) {
  const provider = name.split(' ')[0];

  test(`ai sdk, ${name}: text in one piece and as a stream`, async () => {
    const app = await App.at(provider);
    const { text, usage } = await generateText({ ...once, model: open(app), prompt: 'Count to ten' });
    assert.ok(text.length > 0);
    await app.measured(usage.inputTokens, usage.outputTokens);
    let streamed = '';
    for await (const piece of streamText({ ...once, model: open(app), prompt: 'Count to ten' }).textStream) streamed += piece;
    assert.equal(streamed, text);
    const [call] = await app.calls(2);
    assert.equal(call.stream, true);
  });

  test(`ai sdk, ${name}: a picture is looked at`, async () => {
    const app = await App.at(provider);
    const content = [
      { type: 'text', text: 'What is in this picture?' },
      { type: 'image', image: PIXEL, mediaType: 'image/png' },
    ];
    const { text } = await generateText({ ...once, model: open(app), messages: [{ role: 'user', content }] });
    assert.ok(text.length > 0);
    await app.calls();
  });

  test(`ai sdk, ${name}: tools are called and answered`, async (t) => {
    if (!process.env.LATCHKEY_STAND_IN_URL) return t.skip('the simulator calls no tools');
    const app = await App.at(provider);
    const cities = [];
    const weather = tool({
      inputSchema: jsonSchema(CITY),
      execute: ({ city }) => {
        cities.push(city);
        return '4 degrees';
      },
    });
    const asked = { ...once, tools: { weather }, stopWhen: stepCountIs(3), prompt: 'How is the weather?' };
    const { text } = await generateText({ ...asked, model: open(app) });
    assert.match(text, /4 degrees/);
    assert.deepEqual(cities, ['Oslo']);
    await app.calls(2);
    const stream = streamText({ ...asked, model: open(app) });
    assert.match(await stream.text, /4 degrees/);
    assert.deepEqual(cities, ['Oslo', 'Oslo']);
    await app.calls(4);
  });

  test(`ai sdk, ${name}: what is refused is not tried again`, async () => {
    const app = await App.at(provider);
    await app.organization.call('POST', `/grants/${(await app.organization.get('/grants')).items[0].id}/revoke`);
    const refused = generateText({ maxRetries: 2, model: open(app), prompt: 'Hi' });
    await assert.rejects(refused, (error) => {
      assert.ok(APICallError.isInstance(error), `${error}`);
      assert.deepEqual([error.statusCode, error.isRetryable], [401, false]);
      return true;
    });
  });
}

test('ai sdk: embeddings of OpenAI', async () => {
  const app = await App.at('openai');
  const model = createOpenAI({ apiKey: app.token, baseURL: app.url }).embedding('text-embedding-3-small');
  const { embedding } = await embed({ model, value: 'A sentence about gardens', maxRetries: 0 });
  assert.ok(embedding.length > 0);
  const [call] = await app.calls();
  assert.equal(call.capability, 'embeddings');
});
