// The Vercel AI SDK, through each provider's own package.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import {
  APICallError, embed, experimental_generateSpeech as generateSpeech, experimental_transcribe as transcribe,
  generateImage, generateText, jsonSchema, stepCountIs, streamText, tool,
} from 'ai';
import { App, CITY, PIXEL, WEATHER } from './app.mjs';
import { recording } from './recording.mjs';

const openaiOf = (app) => createOpenAI({ apiKey: app.token, baseURL: app.url });
const PROVIDERS = {
  openai: (app) => openaiOf(app)('gpt-4o-mini'),
  'openai chat': (app) => openaiOf(app).chat('gpt-4o-mini'),
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

  test(`ai sdk, ${name}: tools are called and answered`, async () => {
    const app = await App.at(provider);
    const cities = [];
    const weather = tool({
      inputSchema: jsonSchema(CITY),
      execute: ({ city }) => {
        cities.push(city);
        return '4 degrees';
      },
    });
    const asked = { ...once, tools: { weather }, stopWhen: stepCountIs(3), prompt: WEATHER };
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
  const model = openaiOf(app).embedding('text-embedding-3-small');
  const { embedding } = await embed({ model, value: 'A sentence about gardens', maxRetries: 0 });
  assert.ok(embedding.length > 0);
  const [call] = await app.calls();
  assert.equal(call.capability, 'embeddings');
});

/** The newest call cost something, as work of this kind. */
function charged([call], capability) {
  assert.equal(call.capability, capability);
  assert.ok(Number(call.cost) > 0);
}

test('ai sdk: an image of OpenAI is made', async () => {
  const app = await App.at('openai');
  const model = openaiOf(app).image('gpt-image-1');
  const { image } = await generateImage({ model, prompt: 'A red square', size: '1024x1024', maxRetries: 0 });
  assert.ok(image.uint8Array.length > 0);
  charged(await app.calls(), 'images');
});

test('ai sdk: words are spoken by OpenAI', async () => {
  const app = await App.at('openai');
  const { audio } = await generateSpeech({ model: openaiOf(app).speech('tts-1'), voice: 'alloy', text: 'hello there', maxRetries: 0 });
  assert.equal(Buffer.from(audio.uint8Array).subarray(0, 3).toString(), 'ID3');
  charged(await app.calls(), 'audio');
});

test('ai sdk: words are heard by OpenAI', async () => {
  const app = await App.at('openai');
  const audio = recording();
  const { text } = await transcribe({ model: openaiOf(app).transcription('whisper-1'), audio, maxRetries: 0 });
  assert.ok(text.length > 0);
  charged(await app.calls(), 'audio');
});
