// The Vercel AI SDK with a vault's token in place of a provider key.
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embed, generateText, streamText } from 'ai';

const vault = createOpenAI({
  baseURL: `${process.env.LATCHKEY_URL}/v1/sandbox`,
  apiKey: process.env.OKAP_TOKEN,
});

const { text } = await generateText({ model: vault('sandbox-echo'), prompt: 'Hello from the AI SDK' });
console.log(text);

const { textStream } = streamText({ model: vault.chat('sandbox-echo'), prompt: 'Hello word by word' });
for await (const piece of textStream) process.stdout.write(piece);
console.log();

const { embedding } = await embed({ model: vault.embedding('sandbox-embedding'), value: 'A sentence' });
console.log(`${embedding.length} numbers`);

try {
  await generateText({ model: vault('sandbox-402'), prompt: 'Hello' });
} catch (error) {
  if (!APICallError.isInstance(error)) throw error;
  console.log(`${error.statusCode} ${error.data.error.type}, retryable: ${error.isRetryable}`);
}
