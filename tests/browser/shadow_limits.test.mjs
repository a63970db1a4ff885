// Tighter limits from the first try to the refusal: set on the page, watched by calls, reported, applied.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, chat, until, url, wanted } from './vault.mjs';

async function tried(t) {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const app = await organization.grant([wanted('openai')]);
  const page = await owner(t, organization);
  await page.goto(`${url}/connected-apps`);
  await page.getByRole('link', { name: /^Change limits/ }).click();
  await page.getByRole('heading', { name: 'Try tighter limits first' }).waitFor();
  await page.getByRole('group', { name: 'Limits to try at OpenAI' }).getByLabel('Calls a day').fill('1');
  await page.getByRole('button', { name: /^Try these limits/ }).click();
  await page.waitForURL('**/edit?done=tried');
  await page.getByText('No call has been made under them yet.').waitFor();
  const [grant] = (await organization.get('/grants')).items;
  return { organization, app, page, grant };
}

test('tighter limits are tried, seen to bite, and applied', async (t) => {
  const { organization, app, page, grant } = await tried(t);
  assert.deepEqual(grant.shadow_limits[0].limits, { requests_per_day: 1 });
  for (let calls = 0; calls < 3; calls += 1) assert.equal((await chat(app.token)).status, 200, 'nothing is refused');
  await until('the calls in the report', async () => {
    const report = await organization.get(`/usage/shadow-limits?shadow=${grant.shadow_limits[0].id}`);
    return report.watched.calls === 3;
  });
  await page.goto(`${url}/connected-apps/${grant.id}/edit`);
  const report = page.getByRole('status');
  await report.getByText('2 of 3 calls').waitFor();
  assert.match(await report.innerText(), /2 of 3 calls would have been refused since .* UTC, worth \$0\.\d+\./);
  await report.getByRole('rowheader', { name: 'Calls a day' }).waitFor();
  await picture(page, 'grant-shadow-limits');
  await page.getByRole('button', { name: 'Apply now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Apply now' }).click();
  await page.waitForURL('**/edit?done=adopted');
  await until('a refused call', async () => (await chat(app.token)).status === 429);
  const [after] = (await organization.get('/grants')).items;
  assert.equal(after.authorization_details[0].limits.requests_per_day, 1);
  assert.equal(after.shadow_limits, undefined);
});

test('tighter limits that are no longer tried have changed nothing', async (t) => {
  const { organization, app, page, grant } = await tried(t);
  await page.getByRole('button', { name: /^Stop trying/ }).click();
  await page.waitForURL('**/edit?done=stopped');
  for (let calls = 0; calls < 2; calls += 1) assert.equal((await chat(app.token)).status, 200);
  const [after] = (await organization.get('/grants')).items;
  assert.deepEqual([after.authorization_details, after.shadow_limits], [grant.authorization_details, undefined]);
});
