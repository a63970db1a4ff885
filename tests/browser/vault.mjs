// The running vault from outside: organizations of their own, the management API, and apps that ask.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with ./latchkey test browser`);
  return value;
}

export const url = setting('LATCHKEY_URL');
export const screenshots = `${setting('LATCHKEY_STATE_DIR')}/screenshots`;
export const acme = { name: setting('LATCHKEY_ORGANIZATION'), owner: setting('LATCHKEY_OWNER_EMAIL') };

const PROVISION = fileURLToPath(new URL('../python/provision.py', import.meta.url));

/** An organization that nobody else uses, and its owner's API. */
export class Organization {
  static async fresh(ownerName = 'Olive Owner') {
    const word = randomBytes(5).toString('hex');
    const { stdout } = await promisify(execFile)('python3', [PROVISION, `Garden ${word}`, ownerName, `olive-${word}@example.test`]);
    const made = JSON.parse(stdout);
    return Object.assign(new Organization(), { name: made.organization, link: made.sign_in_url, token: made.owner_token });
  }

  async call(method, path, body) {
    const headers = { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': 'application/json' }) };
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  get(path) {
    return this.call('GET', path);
  }

  async storeKey(provider, name = 'Work account') {
    const secret = `sk-test-${provider}-${randomBytes(16).toString('hex')}`;
    await this.call('POST', '/provider-keys', { provider, name, secret });
    return secret;
  }

  /** An app that asks at a handle of the owner; it waits in the inbox. */
  async ask(details = [wanted('openai')], client = { name: 'Garden planner', url: 'https://garden.example' }) {
    const handle = await this.call('POST', '/handles', { label: 'For tests' });
    const answer = await okap('/okap/authorize', { authorization_details: details, client }, new URL(handle.url).username);
    if (answer.status !== 202) throw new Error(`asking: ${answer.status} ${await answer.text()}`);
    return new Asked(await answer.json());
  }

  /** A grant within a ticket's ceiling: nobody has to decide. */
  async grant(details = [wanted('openai')], name = 'Recipe Robot') {
    const providers = details.map((detail) => detail.provider);
    const ceiling = { providers, models: [], monthly_spend: '20', days: 30 };
    const ticket = await this.call('POST', '/connect-tickets', { label: name, ceiling });
    const answer = await okap('/okap/authorize', { authorization_details: details, client: { name } }, new URL(ticket.url).username);
    if (answer.status !== 200) throw new Error(`asking with a ticket: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}

class Asked {
  constructor(pending) {
    this.id = pending.request_id;
    this.pending = pending;
  }

  /** What the app gets when it comes back. */
  async collect() {
    const answer = await fetch(this.pending.poll_url, { headers: { authorization: `Bearer ${this.pending.poll_secret}` } });
    return answer.json();
  }
}

export function okap(path, body, user) {
  const authorization = `Basic ${Buffer.from(`${user}:`).toString('base64')}`;
  const headers = { authorization, 'content-type': 'application/json', prefer: 'wait=0' };
  return fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify({ okap: '1.0', ...body }) });
}

const MODELS = {
  openai: ['gpt-4o-mini', 'gpt-4o'],
  anthropic: ['claude-haiku-4-5', 'claude-sonnet-5'],
  google: ['gemini-2.5-flash'],
};

export const wanted = (provider, members = {}) => ({
  type: 'ai_model_access', provider, models: MODELS[provider], capabilities: ['chat'], limits: { monthly_spend: 4 },
  reason: 'To plan your garden beds.', ...members,
});

/** One chat call of an app: its status, and the type of the error if it is one. */
export async function chat(token, model = 'gpt-4o-mini') {
  const answer = await fetch(`${url}/v1/openai/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_completion_tokens: 50, messages: [{ role: 'user', content: 'Which beds?' }] }),
  });
  const body = await answer.json();
  return { status: answer.status, type: body.error?.type };
}

/** The first true answer before the deadline. */
export async function until(what, ask, seconds = 10) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await pause(50);
  }
}
