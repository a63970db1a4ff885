import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, chat, until, url, wanted } from './vault.mjs';

async function connected() {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  await organization.storeKey('anthropic', 'Research');
  const app = await organization.grant([wanted('openai'), wanted('anthropic')]);
  return { organization, app };
}

test('connected apps show what was spent and what is left', async (t) => {
  const { organization, app } = await connected();
  assert.equal((await chat(app.token)).status, 200);
  const page = await owner(t, organization);
  await page.goto(`${url}/connected-apps`);
  await page.getByRole('heading', { name: 'Recipe Robot' }).waitFor();
  assert.match(await page.locator('article').innerText(), /of \$4\.00/);
  await picture(page, 'connected-apps');
});

test('revoking is asked about first, and then no call goes through', async (t) => {
  const { organization, app } = await connected();
  assert.equal((await chat(app.token)).status, 200);
  const page = await owner(t, organization);
  await page.goto(`${url}/connected-apps`);
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').waitFor();
  await picture(page, 'connected-apps-revoke');
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await until('the grant revoked', async () => (await organization.get('/grants')).items[0].state === 'revoked');
  assert.deepEqual(await chat(app.token), { status: 401, type: 'token_revoked' });
  await page.getByText('Ended (1)').click();
  await picture(page, 'connected-apps-ended');
});

test('a changed limit counts from the next call', async (t) => {
  const { organization, app } = await connected();
  const page = await owner(t, organization);
  await page.goto(`${url}/connected-apps`);
  await page.getByRole('link', { name: /^Change limits/ }).click();
  await picture(page, 'grant-edit');
  await page.locator('[name="d0.requests_per_day"]').fill('1');
  await page.getByRole('button', { name: 'Change the limits' }).click();
  await page.waitForURL('**/connected-apps**');
  assert.equal((await organization.get('/grants')).items[0].authorization_details[0].limits.requests_per_day, 1);
  assert.equal((await chat(app.token)).status, 200);
  assert.deepEqual(await chat(app.token), { status: 429, type: 'rate_limit_exceeded' });
});

test('an ended handle is gone from the page', async (t) => {
  const { organization } = await connected();
  await organization.call('POST', '/handles', { label: 'Old laptop' });
  const page = await owner(t, organization);
  await page.goto(`${url}/connect`);
  await page.getByText('Old laptop').waitFor();
  await picture(page, 'connect');
  await page.locator('form[data-confirm]').getByRole('button').click();
  await page.getByRole('dialog').getByRole('button').last().click();
  await until('the handle ended', async () => (await organization.get('/handles')).items.length === 0);
});
