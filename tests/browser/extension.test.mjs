import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { answerOf, appAt, pageWith } from './app_page.mjs';
import { picture } from './browser.mjs';
import { Organization, chat, url, wanted } from './vault.mjs';

const FOLDER = fileURLToPath(new URL('../../deploy/extension', import.meta.url));
const SOURCE = fileURLToPath(new URL('../../shared/pages/assets/okap.js', import.meta.url));

const asking = pageWith(`
  window.heard = [];
  return new Promise((resolve) => {
    addEventListener('message', (event) => {
      heard.push([event.source === window, event.origin, event.data.type]);
      if (event.source === window && event.data.type === 'OKAP_RESPONSE') resolve(event.data);
    });
    const details = ${JSON.stringify([wanted('openai')])};
    postMessage({ type: 'OKAP_REQUEST', id: 7, okap: '1.0', authorization_details: details, client: { name: 'Garden planner' } }, location.origin);
  })`);

/** A browser with the extension, whose options say this address, if any. */
async function extended(t, vault) {
  const profile = mkdtempSync(`${tmpdir()}/latchkey-extension-`);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: false,
    locale: 'en-GB',
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', `--disable-extensions-except=${FOLDER}`, `--load-extension=${FOLDER}`],
  });
  t.after(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  context.setDefaultTimeout(10_000);
  const id = await idOf(context);
  if (vault) {
    const options = await context.newPage();
    await options.goto(`chrome-extension://${id}/options.html`);
    await options.getByLabel('Its address').fill(vault);
    await options.getByRole('button', { name: 'Save' }).click();
    await options.getByText('Saved.').waitFor();
    await picture(options, 'extension-options');
    await options.close();
  }
  return context;
}

/** The id that the browser gave the extension, as its own page of extensions tells it. */
async function idOf(context) {
  const page = await context.newPage();
  await page.goto('chrome://extensions');
  const id = await page.evaluate(async () => {
    const all = await chrome.developerPrivate.getExtensionsInfo();
    return all.find((extension) => extension.name === 'Latchkey for apps')?.id;
  });
  await page.close();
  assert.ok(id, 'the extension is not loaded');
  return id;
}

test('a page that asks the extension gets its token from the person\'s own vault', async (t) => {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const { origin } = await appAt(t, { '/': asking });
  const context = await extended(t, `${url}/some/page`);
  const page = await context.newPage();
  await page.goto(organization.link);
  await page.getByRole('button', { name: 'Continue as' }).click();
  await page.waitForURL(`${url}/inbox`);
  const app = await context.newPage();
  await app.goto(origin);
  const opening = app.waitForEvent('popup');
  await app.getByRole('button', { name: 'Connect' }).click();
  const popup = await opening;
  await popup.getByRole('heading', { name: 'asks for access' }).waitFor();
  assert.ok((await popup.locator('main').innerText()).includes(new URL(origin).host));
  await popup.getByRole('button', { name: 'Approve' }).click({ noWaitAfter: true });
  const answer = await answerOf(app);
  assert.deepEqual([answer.status, answer.id, answer.okap], ['granted', 7, '1.0'], JSON.stringify(answer));
  assert.equal((await chat(answer.token)).status, 200);
  const told = (await app.evaluate(() => window.heard)).filter(([, , type]) => type === 'OKAP_RESPONSE');
  assert.ok(told.every(([own, from]) => (own ? from === origin : from === url)), JSON.stringify(told));
});

test('without an address in the options a page is told so', async (t) => {
  const { origin } = await appAt(t, { '/': asking });
  const context = await extended(t);
  const app = await context.newPage();
  await app.goto(origin);
  await app.getByRole('button', { name: 'Connect' }).click();
  const answer = await answerOf(app);
  assert.deepEqual([answer.status, answer.error.type], ['error', 'no_vault']);
  assert.equal(context.pages().some((page) => page.url().startsWith(url)), false);
});

test('a frame in a page cannot ask in the name of the page', async (t) => {
  const frame = await appAt(t, { '/': `<!doctype html><script>parent.postMessage({ type: 'OKAP_REQUEST', id: 1, okap: '1.0' }, '*')</script>` }, { host: '127.0.0.1' });
  const listening = `<script>window.heard = []; addEventListener('message', (event) => heard.push([event.source === window, event.data.id]));</script>`;
  const { origin } = await appAt(t, { '/': `<!doctype html>${listening}<iframe src="${frame.origin}/"></iframe>` });
  const context = await extended(t);
  const app = await context.newPage();
  await app.goto(origin);
  await app.waitForFunction(() => window.heard.length > 0);
  // What the page itself asks afterwards is answered, and is the first to be.
  await app.evaluate(() => postMessage({ type: 'OKAP_REQUEST', id: 2, okap: '1.0' }, location.origin));
  await app.waitForFunction(() => window.heard.filter(([own]) => own).length === 2);
  assert.deepEqual((await app.evaluate(() => window.heard)), [[false, 1], [true, 2], [true, 2]]);
});

test('the options take the address of a vault and nothing else', async (t) => {
  const context = await extended(t);
  const options = await context.newPage();
  await options.goto(`chrome-extension://${await idOf(context)}/options.html`);
  for (const odd of ['http://vault.example.com', 'javascript:alert(1)', 'ftp://vault.example.com', 'https://']) {
    await options.getByLabel('Its address').fill(odd);
    await options.getByRole('button', { name: 'Save' }).click();
    await options.getByText('An address that begins with https://').waitFor();
    assert.deepEqual(await options.evaluate(() => chrome.storage.local.get()), {}, odd);
    await options.reload();
  }
  await options.getByLabel('Its address').fill('vault.example.com/inbox');
  await options.getByRole('button', { name: 'Save' }).click();
  await options.getByText('Saved.').waitFor();
  assert.deepEqual(await options.evaluate(() => chrome.storage.local.get()), { vault: 'https://vault.example.com' });
});

test('what is typed before the stored address has come is not lost to it', async (t) => {
  const context = await extended(t);
  const options = await context.newPage();
  // The store answers when the test says so.
  await options.addInitScript(() => {
    const stored = new Promise((resolve) => { window.answerStore = () => resolve({ vault: 'https://old.example.com' }); });
    chrome.storage.local.get = () => stored;
  });
  await options.goto(`chrome-extension://${await idOf(context)}/options.html`);
  await options.getByLabel('Its address').fill('https://vault.example.com');
  await options.evaluate(() => window.answerStore());
  assert.equal(await options.getByLabel('Its address').inputValue(), 'https://vault.example.com');
  await options.reload();
  await options.evaluate(() => window.answerStore());
  assert.equal(await options.getByLabel('Its address').inputValue(), 'https://old.example.com');
});

test('the extension has the vault\'s own okap.js, and asks for no more than a place for the address', () => {
  assert.equal(readFileSync(`${FOLDER}/okap.js`, 'utf8'), readFileSync(SOURCE, 'utf8'));
  const manifest = JSON.parse(readFileSync(`${FOLDER}/manifest.json`, 'utf8'));
  assert.deepEqual([manifest.permissions, manifest.host_permissions], [['storage'], undefined]);
});
