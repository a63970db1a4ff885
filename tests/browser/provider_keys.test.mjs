import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, chat, until, url } from './vault.mjs';

const SECRET = 'sk-test-browser-0123456789abcdefQRST';

async function store(page, secret = SECRET, name = 'Work account') {
  await page.goto(`${url}/provider-keys`);
  await page.getByLabel('Provider', { exact: true }).selectOption('openai');
  await page.locator('#name').fill(name);
  await page.locator('#secret').fill(secret);
  await page.getByRole('button', { name: 'Store the key' }).click();
}

test('a stored key is named and never shown', async (t) => {
  const organization = await Organization.fresh();
  const page = await owner(t, organization);
  await store(page);
  await page.getByText('OpenAI · Work account').waitFor();
  assert.ok(!(await page.content()).includes(SECRET));
  const [key] = (await organization.get('/provider-keys')).items;
  assert.deepEqual([key.provider, key.name, key.last_four, key.health], ['openai', 'Work account', 'QRST', 'usable']);
  await picture(page, 'provider-keys');
});

test('a key that cannot be one is refused beside its field, and is not kept in the form', async (t) => {
  const organization = await Organization.fresh();
  const page = await owner(t, organization, { expected: [422] });
  await store(page, 'short');
  await page.locator('#secret-error').waitFor();
  assert.equal(await page.locator('#secret').inputValue(), '');
  assert.equal(await page.locator('#name').inputValue(), 'Work account');
  assert.deepEqual((await organization.get('/provider-keys')).items, []);
  await picture(page, 'provider-keys-refused');
});

test('replacing a key leaves its apps connected', async (t) => {
  const organization = await Organization.fresh();
  const page = await owner(t, organization);
  await store(page);
  const app = await organization.grant();
  await page.goto(`${url}/provider-keys`);
  await page.getByText('Replace the key').click();
  await page.getByLabel('The new key').fill('sk-test-browser-replaced-0123456789-ZYXW');
  await page.getByRole('button', { name: 'Replace', exact: true }).click();
  await page.getByText('ends in ZYXW').waitFor({ state: 'attached' });
  assert.equal((await chat(app.token)).status, 200);
});

test('destroying a key is asked about first and ends its calls', async (t) => {
  const organization = await Organization.fresh();
  const page = await owner(t, organization);
  await store(page);
  const app = await organization.grant();
  await page.goto(`${url}/provider-keys`);
  const destroy = page.locator('form[data-confirm]').getByRole('button');
  await destroy.click();
  await picture(page, 'provider-keys-destroy');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await organization.get('/provider-keys')).items.length, 1);
  await destroy.click();
  await page.getByRole('dialog').getByRole('button').last().click();
  await until('the key destroyed', async () => (await organization.get('/provider-keys')).items.length === 0);
  await until('calls refused', async () => (await chat(app.token)).status === 424);
});

test('a key that its provider refuses is found by a check, and the inbox says so', async (t) => {
  const organization = await Organization.fresh();
  const page = await owner(t, organization);
  await store(page, 'sk-test-browser-DEAD-0123456789');
  await until('the refusal', async () => (await organization.get('/provider-keys')).items[0].health === 'invalid');
  await page.goto(`${url}/inbox`);
  await page.getByText('OpenAI refuses your key “Work account”').waitFor();
  await picture(page, 'inbox-refused-key');
  await page.getByRole('link', { name: 'Replace it' }).click();
  await page.getByText('Refused by OpenAI').waitFor();
  await page.getByLabel('The new key').fill(SECRET);
  await page.getByRole('button', { name: 'Replace', exact: true }).click();
  await page.getByText('Connected apps go on with the new key').first().waitFor();
  const checked = async () => (await organization.get('/provider-keys')).items[0].checked_at;
  await until('the first verdict', checked);
  await page.getByRole('button', { name: 'Check this key' }).press('Enter');
  await page.getByText('The provider is being asked').waitFor();
  await until('the second verdict', async () => {
    const [key] = (await organization.get('/provider-keys')).items;
    return key.checked_at >= key.check_requested_at;
  });
  await page.goto(`${url}/provider-keys`);
  await page.getByText('Works', { exact: true }).waitFor();
  await picture(page, 'provider-keys-checked');
});
