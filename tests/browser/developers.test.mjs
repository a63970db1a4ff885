import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture, tabTo, visitor } from './browser.mjs';
import { Organization, url, wanted } from './vault.mjs';

test('whoever builds an app reads the examples without signing in, and copies them whole', async (t) => {
  const page = await visitor(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.goto(`${url}/developers`);
  const example = await page.locator('[id="example-oauth_code.mjs"]').textContent();
  await tabTo(page, '[data-copy="example-oauth_code.mjs"]');
  await page.keyboard.press('Enter');
  await page.getByText('Copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), example);
  // What is wider than the screen can be moved with the keys.
  await tabTo(page, 'pre');
  await picture(page, 'developers');
});

test('the sandbox is approved without any key, on a page that says it costs nothing', async (t) => {
  const organization = await Organization.fresh();
  const asked = await organization.ask([wanted('sandbox', { models: ['sandbox-echo'], limits: {} })]);
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`);
  await page.getByText('it costs nothing and calls no AI provider').waitFor();
  await page.getByText('This costs you nothing').waitFor();
  await picture(page, 'consent-sandbox');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL(`${url}/inbox?done=approved`);
  const { token } = await asked.collect();
  const answer = await fetch(`${url}/v1/sandbox/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox-echo', messages: [{ role: 'user', content: 'Which beds?' }] }),
  });
  assert.equal((await answer.json()).choices[0].message.content, 'Which beds?');
  await page.goto(`${url}/connected-apps`);
  await page.getByText('paid by nobody: it costs nothing').waitFor();
});
