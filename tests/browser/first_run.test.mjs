import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, url } from './vault.mjs';

const EMPTY_PAGES = {
  inbox: '/inbox',
  'provider-keys': '/provider-keys',
  'connected-apps': '/connected-apps',
  connect: '/connect',
  usage: '/usage',
  account: '/account',
  apps: '/apps',
};

test('every empty page says what to do next', async (t) => {
  const page = await owner(t, await Organization.fresh());
  for (const [name, path] of Object.entries(EMPTY_PAGES)) {
    await page.goto(`${url}${path}`);
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1, name);
    const nextSteps = await page.locator('main').locator('a.button, .empty a, .notice a, form button').count();
    assert.ok(nextSteps > 0, `${name} shows no way on`);
    await picture(page, `empty-${name}`);
  }
});

test('from nothing to a connected app by following the pages', async (t) => {
  const organization = await Organization.fresh();
  const page = await owner(t, organization);
  await page.locator('main .empty a.button').first().click();
  await page.getByRole('heading', { level: 1, name: 'Provider keys' }).waitFor();
  await page.getByLabel('Provider', { exact: true }).selectOption('openai');
  await page.locator('#name').fill('Work account');
  await page.locator('#secret').fill('sk-test-0123456789abcdefWXYZ');
  await page.getByRole('button', { name: 'Store the key' }).click();
  await page.getByText('ends in WXYZ').waitFor({ state: 'attached' });
  await page.getByRole('navigation').getByRole('link', { name: 'Connect an app' }).click();
  await page.locator('form[action="/connect/tickets"]').locator('input[type=text]').first().fill('Notebook');
  await page.getByRole('button', { name: 'Make a ticket' }).click();
  const address = await page.locator('.secret-once input').inputValue();
  assert.match(address, /\/\/ct_[A-Za-z0-9]+@/);
  await picture(page, 'ticket');
});
