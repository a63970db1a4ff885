// What the app knows about the vault: an OAuth authorization server, spoken to with a standard client library.
import * as oauth from 'openid-client';

/** What Recipe Writer asks for: two providers, in one request. */
export const wanted = [
  {
    type: 'ai_model_access',
    provider: 'openai',
    models: ['gpt-4o-mini', 'gpt-4o'],
    capabilities: ['chat'],
    limits: { monthly_spend: 5, requests_per_minute: 20 },
    reason: 'To write the recipes you ask for.',
  },
  {
    type: 'ai_model_access',
    provider: 'anthropic',
    models: ['claude-haiku-4-5', 'claude-sonnet-5'],
    capabilities: ['chat'],
    limits: { monthly_spend: 3, requests_per_minute: 10 },
    reason: 'To look a recipe over for allergens.',
  },
];

export class Vault {
  #url;
  #clientId;
  #redirectUri;
  #configuration;

  constructor({ url, clientId, redirectUri }) {
    this.#url = new URL(url);
    this.#clientId = clientId;
    this.#redirectUri = redirectUri;
  }

  get origin() {
    return this.#url.origin;
  }

  // Asked for when first needed: the vault may start after the app.
  async #server() {
    this.#configuration ??= await oauth.discovery(this.#url, this.#clientId, undefined, oauth.None(), {
      algorithm: 'oauth2',
      // Loopback has no TLS. A real app leaves this out.
      execute: this.#url.protocol === 'http:' ? [oauth.allowInsecureRequests] : [],
    });
    return this.#configuration;
  }

  /** Where to send the browser, and what to remember until it comes back. */
  async begin() {
    const server = await this.#server();
    const verifier = oauth.randomPKCECodeVerifier();
    const state = oauth.randomState();
    const url = oauth.buildAuthorizationUrl(server, {
      redirect_uri: this.#redirectUri,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      authorization_details: JSON.stringify(wanted),
    });
    return { url, pending: { verifier, state } };
  }

  /** Turns the browser's return into a token and what was granted. */
  async finish(search, pending) {
    const url = new URL(this.#redirectUri);
    url.search = search;
    const answer = await oauth.authorizationCodeGrant(await this.#server(), url, {
      pkceCodeVerifier: pending.verifier,
      expectedState: pending.state,
    });
    return { token: answer.access_token, details: answer.authorization_details ?? [] };
  }

  /** Gives the access back. */
  async revoke(token) {
    await oauth.tokenRevocation(await this.#server(), token);
  }
}
