import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { appAt } from './app_page.mjs';
import { owner, picture } from './browser.mjs';
import { Organization, chat, okap, url, wanted } from './vault.mjs';

const blank = '<!doctype html><title>Back</title><link rel="icon" href="data:,">';

async function withKey() {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  return organization;
}

/** The query that the callback was brought, once it was. */
async function backAt(page, app) {
  await page.waitForURL(`${app.origin}/back?**`);
  return new URL(page.url()).searchParams;
}

async function redeem(id, secret, code) {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/okap/requests/${id}`, { method: 'POST', headers, body: JSON.stringify({ code }) });
  return answer.json();
}

test('the form of the page leads to the callback with a code, which the app exchanges', async (t) => {
  const organization = await withKey();
  const app = await appAt(t, { '/back': blank });
  const handle = await organization.call('POST', '/handles', { label: 'For tests' });
  const client = { name: 'Garden planner', callback: `${app.origin}/back` };
  const asked = await okap('/okap/authorize', { authorization_details: [wanted('openai')], client }, new URL(handle.url).username);
  const pending = await asked.json();
  const page = await owner(t, organization);
  await page.goto(pending.authorize_url);
  await picture(page, 'consent-callback');
  await page.getByRole('button', { name: 'Approve' }).click();
  const brought = await backAt(page, app);
  assert.deepEqual([...brought.keys()], ['request_id', 'code', 'iss']);
  assert.equal(brought.get('request_id'), pending.request_id);
  assert.ok(!page.url().includes('okap_'));
  const granted = await redeem(pending.request_id, pending.poll_secret, brought.get('code'));
  assert.equal((await chat(granted.token)).status, 200);
});

test('a native app gets its token by a link, a code and its verifier', async (t) => {
  const organization = await withKey();
  const app = await appAt(t, { '/back': blank }, { host: '127.0.0.1' });
  const verifier = randomBytes(32).toString('base64url');
  const client = {
    name: 'Terminal', callback: `${app.origin}/back`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  };
  const request = Buffer.from(JSON.stringify({ okap: '1.0', authorization_details: [wanted('openai')], client })).toString('base64url');
  const page = await owner(t, organization);
  await page.goto(`${url}/okap/native?url=${encodeURIComponent(`okap://authorize?request=${request}`)}`);
  await page.getByRole('button', { name: 'Approve' }).click();
  const brought = await backAt(page, app);
  const granted = await redeem(brought.get('request_id'), verifier, brought.get('code'));
  assert.equal((await chat(granted.token)).status, 200);
});

test('a denial leads back to the callback, too', async (t) => {
  const organization = await withKey();
  const app = await appAt(t, { '/back': blank });
  const handle = await organization.call('POST', '/handles', { label: 'For tests' });
  const client = { name: 'Garden planner', callback: `${app.origin}/back` };
  const asked = await okap('/okap/authorize', { authorization_details: [wanted('openai')], client }, new URL(handle.url).username);
  const page = await owner(t, organization);
  await page.goto((await asked.json()).authorize_url);
  await page.getByRole('button', { name: 'Deny' }).click();
  assert.equal((await backAt(page, app)).get('error'), 'access_denied');
});

test('the program for okap: links opens them in the vault, and opens nothing else', (t) => {
  const program = fileURLToPath(new URL('../../deploy/native/okap-open', import.meta.url));
  const home = mkdtempSync(`${tmpdir()}/latchkey-native-`);
  t.after(() => rmSync(home, { recursive: true }));
  mkdirSync(`${home}/latchkey`);
  writeFileSync(`${home}/latchkey/vault`, 'https://vault.example.com\n');
  const open = (link) =>
    execFileSync(program, [link], { env: { ...process.env, XDG_CONFIG_HOME: home, LATCHKEY_BROWSER: 'echo' }, stdio: 'pipe' }).toString().trim();
  assert.equal(open('okap://authorize?request=eyJva2Fw_-0='), 'https://vault.example.com/okap/native?request=eyJva2Fw_-0=');
  assert.equal(open('okap://authorize/?request=abc'), 'https://vault.example.com/okap/native?request=abc');
  for (const odd of ['', 'https://evil.test', 'okap://request?request=abc', 'okap://authorize?request=a&b=c', 'okap://authorize?request=a b', 'okap://authorize?request=a#b', 'okap://authorize?request=$(id)']) {
    assert.throws(() => open(odd), odd);
  }
});
