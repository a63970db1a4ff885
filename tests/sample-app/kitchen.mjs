// The work of the app: the official SDKs, with nothing changed but the key and the address.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';

const COOK = 'You write short recipes: a title, the ingredients, and at most six steps. Plain text.';

export const detailOf = (grant, provider) => grant.details.find((detail) => detail.provider === provider);

/** Whether the owner allowed this model; a missing list means every model. */
export const allows = (detail, model) =>
  !detail?.models?.length ||
  detail.models.some((m) => (m.endsWith('*') ? model.startsWith(m.slice(0, -1)) : m === model));

/** Writes a recipe with an OpenAI model; yields `{ text }` as it comes and `{ remaining }` when it is known. */
export async function* writeRecipe(grant, { dish, model }) {
  const client = new OpenAI({ apiKey: grant.token, baseURL: detailOf(grant, 'openai').base_url, maxRetries: 0 });
  const { data, response } = await client.chat.completions
    .create({
      model,
      max_completion_tokens: 600,
      messages: [{ role: 'system', content: COOK }, { role: 'user', content: `A recipe for ${dish}, please.` }],
      stream: true,
    })
    .withResponse();
  for await (const chunk of data) {
    const text = chunk.choices[0]?.delta?.content;
    if (text) yield { text };
  }
  yield { remaining: response.headers.get('x-okap-spend-remaining') };
}

/** Looks a recipe over with an Anthropic model. */
export async function* findAllergens(grant, { recipe }) {
  const detail = detailOf(grant, 'anthropic');
  const model = detail.models?.find((m) => !m.endsWith('*')) ?? 'claude-haiku-4-5';
  const client = new Anthropic({ apiKey: grant.token, baseURL: detail.base_url, maxRetries: 0 });
  const { data, response } = await client.messages
    .create({
      model,
      max_tokens: 300,
      messages: [{ role: 'user', content: `Which common allergens are in this recipe? One line each.\n\n${recipe}` }],
      stream: true,
    })
    .withResponse();
  for await (const event of data) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield { text: event.delta.text };
  }
  yield { remaining: response.headers.get('x-okap-spend-remaining') };
}

const titles = {
  400: 'The vault could not check this call',
  401: 'The access was withdrawn',
  402: 'The spending limit is reached',
  403: 'This was not granted',
  424: 'The provider refused the owner’s key',
  429: 'Too many calls at once',
  503: 'The vault cannot answer just now',
};
const advice = {
  401: 'Ask again if you still want recipes.',
  402: 'It starts again with the next period, or the owner can raise it in the vault.',
  403: 'Choose what was granted, or ask the owner for more.',
  424: 'The owner was told; nothing was charged.',
  429: 'Wait a little and try again.',
};

/** What a refusal means, in words for a person. The SDK's own exception is the source. */
export function explained(error) {
  const body = error.error?.error ?? error.error ?? {};
  return {
    status: error.status ?? null,
    type: body.type ?? error.name,
    title: titles[error.status] ?? 'The call failed',
    message: body.message ?? error.message,
    advice: advice[error.status] ?? '',
    connectAgain: error.status === 401,
  };
}
