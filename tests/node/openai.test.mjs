// The official OpenAI SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { App, CITY, PIXEL, WEATHER } from './app.mjs';
import { recording } from './recording.mjs';

async function client() {
  const app = await App.at('openai');
  return { app, openai: new OpenAI({ apiKey: app.token, baseURL: app.url, maxRetries: 0 }) };
}

const model = 'gpt-4o-mini';

test('openai: chat in one piece and as a stream', async () => {
  const { app, openai } = await client();
  const messages = [{ role: 'user', content: 'Count to ten' }];
  const answer = await openai.chat.completions.create({ model, messages });
  assert.ok(answer.choices[0].message.content.length > 0);
  await app.measured(answer.usage.prompt_tokens, answer.usage.completion_tokens);
  const stream = await openai.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
  let text = '';
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, answer.choices[0].message.content);
  const [streamed] = await app.calls(2);
  assert.deepEqual([streamed.stream, streamed.tokens.output], [true, usage.completion_tokens]);
});

test('openai: responses in one piece and as a stream', async () => {
  const { app, openai } = await client();
  const answer = await openai.responses.create({ model, input: 'Count to ten' });
  assert.ok(answer.output_text.length > 0);
  await app.measured(answer.usage.input_tokens, answer.usage.output_tokens);
  let text = '';
  for await (const event of await openai.responses.create({ model, input: 'Count to ten', stream: true })) {
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(text, answer.output_text);
  await app.calls(2);
});

test('openai: a picture is looked at', async () => {
  const { app, openai } = await client();
  const content = [
    { type: 'text', text: 'What is in this picture?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
  ];
  const answer = await openai.chat.completions.create({ model, messages: [{ role: 'user', content }] });
  assert.ok(answer.choices[0].message.content.length > 0);
  await app.measured(answer.usage.prompt_tokens, answer.usage.completion_tokens);
});

test('openai: tools are called and answered', async () => {
  const { app, openai } = await client();
  const tools = [{ type: 'function', function: { name: 'weather', parameters: CITY, strict: true } }];
  const messages = [{ role: 'user', content: WEATHER }];
  const asked = await openai.chat.completions.create({ model, messages, tools });
  const [{ id, function: called }] = asked.choices[0].message.tool_calls;
  assert.deepEqual([called.name, JSON.parse(called.arguments)], ['weather', { city: 'Oslo' }]);
  messages.push(asked.choices[0].message, { role: 'tool', tool_call_id: id, content: '4 degrees' });
  const answer = await openai.chat.completions.create({ model, messages, tools });
  assert.match(answer.choices[0].message.content, /4 degrees/);
  await app.calls(2);
});

test('openai: embeddings', async () => {
  const { app, openai } = await client();
  const answer = await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'A sentence about gardens' });
  assert.ok(answer.data[0].embedding.length > 0);
  const [call] = await app.calls();
  assert.deepEqual([call.capability, call.tokens.input], ['embeddings', answer.usage.prompt_tokens]);
});

test('openai: an image is made', async () => {
  const { app, openai } = await client();
  const answer = await openai.images.generate({ model: 'gpt-image-1', prompt: 'A red square', size: '1024x1024', quality: 'low' });
  assert.ok(answer.data[0].b64_json.length > 0);
  const [call] = await app.calls();
  assert.ok(call.capability === 'images' && Number(call.cost) > 0);
});

test('openai: words are spoken and heard', async () => {
  const { app, openai } = await client();
  const spoken = await openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hello there' });
  assert.equal(Buffer.from(await spoken.arrayBuffer()).subarray(0, 3).toString(), 'ID3');
  const file = await toFile(recording(), 'hello.wav');
  const heard = await openai.audio.transcriptions.create({ model: 'whisper-1', file });
  assert.ok(heard.text.length > 0);
  const calls = await app.calls(2);
  assert.ok(calls.every((call) => call.capability === 'audio' && Number(call.cost) > 0));
});

test('openai: a model that is not granted is refused once, with what to do', async () => {
  const { app, openai } = await client();
  const refused = openai.chat.completions.create({ model: 'o3', messages: [{ role: 'user', content: 'Hi' }] });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof OpenAI.PermissionDeniedError);
    assert.equal(error.type, 'model_not_granted');
    return true;
  });
  assert.deepEqual((await app.organization.get('/usage/calls')).items, []);
});
