// Each limit, from the number that a person types on the consent page to the refusal of a call that goes beyond it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appAt } from './app_page.mjs';
import { owner, picture } from './browser.mjs';
import { Organization, until, url, wanted } from './vault.mjs';

// With 100 output tokens a call of gpt-4o-mini costs a little over 0.00006 USD, and holds less than 0.0001 while it runs.
const SCRIPT = '[[sim {"output_tokens": 100}]]';
const MONEY_FOR_ONE = '0.00012';

/** A call of an app, and what the vault said to it. */
async function call(token, members = {}, path = 'chat/completions') {
  const messages = [{ role: 'user', content: SCRIPT }];
  const body = path === 'chat/completions' ? { model: 'gpt-4o-mini', max_completion_tokens: 100, messages, ...members } : members;
  const answer = await fetch(`${url}/v1/openai/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, error: {}, ...(await answer.json()) };
}

/** The token of an app after its owner did something to the page of its request, and approved. */
async function approvedAfter(t, change, members = {}) {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const asked = await organization.ask([wanted('openai', members)]);
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`);
  await change(page);
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL('**/inbox?done=approved');
  return asked.collect();
}

/** The same, with one limit typed; the grant says the number that was typed. */
async function typed(t, field, number) {
  const granted = await approvedAfter(t, (page) => page.locator(`[name="d0.${field}"]`).fill(number));
  assert.equal(granted.authorization_details[0].limits[field], Number(number));
  return granted.token;
}

for (const field of ['monthly_spend', 'daily_spend']) {
  test(`${field}: the call that would go beyond the dollars typed is refused with that number`, async (t) => {
    const token = await typed(t, field, MONEY_FOR_ONE);
    assert.equal((await call(token)).status, 200);
    const { status, error, headers } = await call(token);
    assert.deepEqual([status, error.type, error.limit_name, error.limit], [402, 'spend_limit_exceeded', field, MONEY_FOR_ONE]);
    assert.ok(error.message.includes(`of ${MONEY_FOR_ONE} USD`), error.message);
    assert.ok(Number(error.spent) > 0.00006 - 1e-12 && Number(error.spent) < Number(MONEY_FOR_ONE), error.spent);
    assert.ok(new Date(error.resets_at) > new Date());
    assert.equal(headers.get('x-should-retry'), 'false');
  });
}

for (const [field, longestWait] of [['requests_per_minute', 60], ['requests_per_day', 86_400]]) {
  test(`${field}: the call after as many as were typed is refused with that number`, async (t) => {
    const token = await typed(t, field, '3');
    for (let calls = 0; calls < 3; calls += 1) assert.equal((await call(token)).status, 200);
    const { status, error, headers } = await call(token);
    assert.deepEqual([status, error.type, error.limit_name, error.limit], [429, 'rate_limit_exceeded', field, 3]);
    assert.ok(error.message.includes('3 requests'), error.message);
    const wait = Number(headers.get('retry-after'));
    assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= longestWait, headers.get('retry-after'));
  });
}

test('tokens_per_request: a call that may take more than was typed is refused with that number, a smaller one is not', async (t) => {
  const token = await typed(t, 'tokens_per_request', '400');
  assert.equal((await call(token)).status, 200);
  const { status, error } = await call(token, { max_completion_tokens: 399 });
  assert.deepEqual([status, error.type, error.param], [400, 'request_invalid', 'tokens_per_request']);
  assert.ok(error.message.includes('400'), error.message);
  assert.equal((await call(token)).status, 200);
});

test('models: what was unticked is refused by name, and the refusal says what is granted', async (t) => {
  const { token } = await approvedAfter(t, (page) => page.getByRole('checkbox', { name: 'gpt-4o', exact: true }).uncheck());
  assert.equal((await call(token)).status, 200);
  const { status, error } = await call(token, { model: 'gpt-4o' });
  assert.deepEqual([status, error.type, error.param], [403, 'model_not_granted', 'model']);
  assert.match(error.message, /`gpt-4o` is not granted; granted: gpt-4o-mini(;|$)/);
});

test('capabilities: what was unticked is refused by name, and the refusal says what is granted', async (t) => {
  const members = { models: ['gpt-4o-mini', 'text-embedding-3-small'], capabilities: ['chat', 'embeddings'] };
  const untick = (page) => page.locator('[name="d0.capabilities"][value="embeddings"]').uncheck();
  const { token } = await approvedAfter(t, untick, members);
  assert.equal((await call(token)).status, 200);
  const { status, error } = await call(token, { model: 'text-embedding-3-small', input: 'A bed of roses' }, 'embeddings');
  assert.deepEqual([status, error.type], [403, 'capability_not_granted']);
  assert.match(error.message, /`embeddings` is not granted; granted: chat(;|$)/);
});

test('expires: a grant lasts as long as the page said, and its first call after that is refused', async (t) => {
  const expires = new Date(Date.now() + 12_000).toISOString();
  const granted = await approvedAfter(t, async (page) => {
    assert.match(await page.locator('[name="d0.lifetime"] option').last().innerText(), /As asked/);
    await picture(page, 'consent-short-life');
  }, { expires });
  assert.equal(new Date(granted.authorization_details[0].expires).getTime(), new Date(expires).getTime());
  const end = new Date(expires).getTime();
  assert.equal((await call(granted.token)).status, 200);
  const refused = await until('a refused call', async () => {
    if (Date.now() < end - 1_000) return false;
    const answer = await call(granted.token);
    return answer.status !== 200 && answer;
  }, 20);
  assert.ok(Date.now() >= end, 'refused too early');
  assert.ok(Date.now() < end + 2_000, 'refused too late');
  assert.deepEqual([refused.status, refused.error.type], [401, 'token_expired']);
});

test('expires: the shorter time that a person chose is the token\'s, wherever it is told', async (t) => {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const app = await appAt(t, { '/back': '<!doctype html><title>Back</title><link rel="icon" href="data:,">' });
  const { client_id: client } = await organization.call('POST', '/apps', { name: 'Planner', redirect_uris: [`${app.origin}/back`] });
  const verifier = 'a'.repeat(43);
  const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))).toString('base64url');
  const query = new URLSearchParams({
    response_type: 'code', client_id: client, redirect_uri: `${app.origin}/back`, code_challenge: challenge, code_challenge_method: 'S256',
    authorization_details: JSON.stringify([wanted('openai')]),
  });
  const page = await owner(t, organization);
  await page.goto(`${url}/oauth/authorize?${query}`);
  await page.locator('[name="d0.lifetime"]').selectOption({ label: '24 hours' });
  const chosenAt = Date.now();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL(`${app.origin}/back?**`);
  const form = { grant_type: 'authorization_code', client_id: client, redirect_uri: `${app.origin}/back`, code_verifier: verifier };
  const body = new URLSearchParams({ ...form, code: new URL(page.url()).searchParams.get('code') });
  const token = await (await fetch(`${url}/oauth/token`, { method: 'POST', body })).json();
  const day = 86_400_000;
  const told = new Date(token.authorization_details[0].expires).getTime();
  assert.ok(told >= chosenAt + day - 1_000 && told <= Date.now() + day, token.authorization_details[0].expires);
  assert.ok(token.expires_in <= 86_400 && token.expires_in > 86_300, `${token.expires_in}`);
  const own = await (await fetch(`${url}/v1/grant`, { headers: { authorization: `Bearer ${token.access_token}` } })).json();
  assert.equal(new Date(own.authorization_details[0].expires).getTime(), told);
});
