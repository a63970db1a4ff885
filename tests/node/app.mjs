// An app with a grant at one provider, and what the vault's records say of its calls.
import assert from 'node:assert/strict';
import { Organization, until, url, wanted } from '../browser/vault.mjs';

const MODELS = {
  openai: ['gpt-4o-mini', 'text-embedding-3-small', 'gpt-image-1', 'tts-1', 'whisper-1'],
  anthropic: ['claude-haiku-4-5'],
  google: ['gemini-2.5-flash', 'gemini-embedding-001'],
};
const CAPABILITIES = {
  openai: ['chat', 'vision', 'embeddings', 'images', 'audio'],
  anthropic: ['chat', 'vision'],
  google: ['chat', 'vision', 'embeddings'],
};

/** One red pixel. */
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

/** The tool that models are offered, as a JSON schema. */
export const CITY = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };

/** What makes a model call it. Our simulator is told what with; the stand-in knows it from its own file. */
export const WEATHER = 'How is the weather? [[sim {"tool_input":{"city":"Oslo"}}]]';

export class App {
  /** An app in an organization of its own; `members` are more of what it asks for. */
  static async at(provider, members = {}) {
    const organization = await Organization.fresh();
    const secret = await organization.storeKey(provider);
    const details = [wanted(provider, { models: MODELS[provider], capabilities: CAPABILITIES[provider], ...members })];
    const asked = await organization.ask(details);
    await organization.call('POST', `/requests/${asked.id}/approve`, {});
    const { token } = await asked.collect();
    return Object.assign(new App(), { organization, secret, token, url: `${url}/v1/${provider}` });
  }

  /** The records of this app's calls, newest first, once there are `count`. */
  async calls(count = 1) {
    const recorded = async () => {
      const { items } = await this.organization.get('/usage/calls');
      return items.length >= count && items;
    };
    return until(`${count} calls in the record`, recorded);
  }

  /** The one call was measured, as the SDK was told, and charged. */
  async measured(input, output) {
    const [call] = await this.calls();
    assert.deepEqual([call.measurement, call.tokens.input, call.tokens.output], ['measured', input, output]);
    assert.ok(Number(call.cost) > 0);
  }
}
