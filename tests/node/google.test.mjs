// The official Google Gen AI SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, GoogleGenAI } from '@google/genai';
import { App, CITY, PIXEL, WEATHER } from './app.mjs';

async function client() {
  const app = await App.at('google');
  return { app, google: new GoogleGenAI({ apiKey: app.token, httpOptions: { baseUrl: app.url } }) };
}

const model = 'gemini-2.5-flash';

test('google: content in one piece and as a stream', async () => {
  const { app, google } = await client();
  const answer = await google.models.generateContent({ model, contents: 'Count to ten' });
  assert.ok(answer.text.length > 0);
  const { promptTokenCount: input, candidatesTokenCount: output, thoughtsTokenCount: thought } = answer.usageMetadata;
  await app.measured(input, output + (thought ?? 0));
  let text = '';
  for await (const piece of await google.models.generateContentStream({ model, contents: 'Count to ten' })) text += piece.text ?? '';
  assert.equal(text, answer.text);
  const [call] = await app.calls(2);
  assert.equal(call.stream, true);
});

test('google: a picture is looked at', async () => {
  const { app, google } = await client();
  const parts = [{ inlineData: { mimeType: 'image/png', data: PIXEL } }, { text: 'What is in this picture?' }];
  const answer = await google.models.generateContent({ model, contents: [{ role: 'user', parts }] });
  assert.ok(answer.text.length > 0);
  await app.calls();
});

test('google: tools are called and answered', async () => {
  const { app, google } = await client();
  const config = { tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: CITY }] }] };
  const contents = [{ role: 'user', parts: [{ text: WEATHER }] }];
  const first = await google.models.generateContent({ model, contents, config });
  const [{ name, args, id }] = first.functionCalls;
  assert.deepEqual([name, args], ['weather', { city: 'Oslo' }]);
  const functionResponse = { id, name, response: { output: '4 degrees' } };
  contents.push(first.candidates[0].content, { role: 'user', parts: [{ functionResponse }] });
  const answer = await google.models.generateContent({ model, contents, config });
  assert.match(answer.text, /4 degrees/);
  await app.calls(2);
});

test('google: embeddings', async (t) => {
  if (process.env.LATCHKEY_STAND_IN_URL) return t.skip('the stand-in embeds one text at a time only');
  const { app, google } = await client();
  const answer = await google.models.embedContent({ model: 'gemini-embedding-001', contents: 'A sentence about gardens' });
  assert.ok(answer.embeddings[0].values.length > 0);
  const [call] = await app.calls();
  assert.equal(call.capability, 'embeddings');
});

test('google: a model that is not granted is refused, with what to do', async () => {
  const { google } = await client();
  const refused = google.models.generateContent({ model: 'gemini-2.5-pro', contents: 'Hi' });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 403);
    assert.match(error.message, /model_not_granted/);
    return true;
  });
});
