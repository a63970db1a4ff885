import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture, visitor } from './browser.mjs';
import { Organization, acme, url } from './vault.mjs';

test('a one-time link signs its owner in, once', async (t) => {
  const organization = await Organization.fresh('Olive Owner');
  const page = await visitor(t, { expected: [410] });
  await page.goto(organization.link);
  await picture(page, 'sign-in-link');
  await page.getByRole('button', { name: 'Continue as Olive Owner' }).click();
  await page.waitForURL(`${url}/inbox`);
  await page.goto('about:blank');
  await page.context().clearCookies();
  assert.equal((await page.goto(organization.link)).status(), 410);
  assert.match(await page.getByRole('heading', { level: 1 }).innerText(), /no longer works/);
  await picture(page, 'sign-in-link-used');
});

test('looking at a link does not use it up', async (t) => {
  const organization = await Organization.fresh();
  const page = await visitor(t);
  for (let times = 0; times < 3; times += 1) await page.goto(organization.link);
  await page.getByRole('button', { name: 'Continue as' }).click();
  await page.waitForURL(`${url}/inbox`);
});

test('the OpenID provider of the organization signs its people in', async (t) => {
  const page = await visitor(t);
  await page.goto(`${url}/inbox`);
  await page.waitForURL('**/sign-in?*');
  await picture(page, 'sign-in');
  await page.getByLabel('Organization').fill(acme.name);
  await page.getByRole('button', { name: 'Continue with single sign-on' }).click();
  await page.getByRole('button', { name: acme.owner }).click();
  await page.waitForURL(`${url}/inbox`);
  const session = await (await page.request.get(`${url}/session`)).json();
  assert.deepEqual([session.via, session.organization.name], ['session', acme.name]);
});

test('an organization that nobody knows is told beside the field', async (t) => {
  const page = await visitor(t, { expected: [400, 404] });
  await page.goto(`${url}/sign-in`);
  await page.getByLabel('Organization').fill('No such organization');
  await page.getByRole('button', { name: 'Continue with single sign-on' }).click();
  await page.locator('#organization-error').waitFor();
  assert.equal(await page.getByLabel('Organization').inputValue(), 'No such organization');
  await picture(page, 'sign-in-unknown-organization');
});

test('signing out ends the session', async (t) => {
  const page = await owner(t, await Organization.fresh());
  await page.getByLabel(/^Account of/).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL('**/sign-in');
  await page.goto(`${url}/provider-keys`);
  assert.match(page.url(), /\/sign-in\?next=/);
});
