import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, chat, until, url } from './vault.mjs';

test('the usage page shows the calls and the sum of the API, and its CSV has the same rows', async (t) => {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const app = await organization.grant();
  for (let calls = 0; calls < 3; calls += 1) assert.equal((await chat(app.token)).status, 200);
  const total = await until('three calls in the record', async () => {
    const usage = await organization.get('/usage');
    return usage.total.calls === 3 && usage.total;
  });
  const page = await owner(t, organization);
  await page.goto(`${url}/usage`);
  assert.equal(await page.locator('.tile data').first().getAttribute('value'), String(total.cost));
  assert.match(await page.locator('tbody').last().innerText(), /Recipe Robot/);
  await picture(page, 'usage');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download CSV' }).click()]);
  const text = await (await file.createReadStream()).setEncoding('utf8').toArray();
  assert.equal(text.join('').trim().split('\r\n').length, 4);
});

test('a month without calls says so', async (t) => {
  const page = await owner(t, await Organization.fresh());
  await page.goto(`${url}/usage`);
  await page.getByText('Nothing has been spent yet').waitFor();
});
