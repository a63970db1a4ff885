// The script of the page on which a request is decided: it leaves the page once somebody decided elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner } from './browser.mjs';
import { Organization, until, url } from './vault.mjs';

async function openRequest(t) {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const asked = await organization.ask();
  const page = await owner(t, organization);
  const live = page.waitForRequest('**/inbox/live');
  await page.goto(`${url}/requests/${asked.id}`);
  await page.getByRole('heading', { name: 'asks for access' }).waitFor();
  await (await live).response();
  return { organization, asked, page };
}

for (const [how, heading] of [['approve', 'You approved this'], ['deny', 'You denied this']]) {
  test(`a request that is decided elsewhere (${how}) shows how it stands, without a reload`, async (t) => {
    const { organization, asked, page } = await openRequest(t);
    await organization.call('POST', `/requests/${asked.id}/${how}`, {});
    await page.getByText(heading).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Approve' }).count(), 0);
    assert.equal(page.url(), `${url}/requests/${asked.id}`);
  });
}

test('another request that comes in leaves what was typed where it is', async (t) => {
  const { organization, asked, page } = await openRequest(t);
  await page.locator('[name="d0.monthly_spend"]').fill('1.25');
  const looked = page.waitForResponse(`${url}/api/v1/requests/${asked.id}`);
  await organization.ask();
  assert.equal((await (await looked).json()).state, 'pending');
  assert.equal(await page.locator('[name="d0.monthly_spend"]').inputValue(), '1.25');
});

test('a change that comes while the page looks is looked at too', async (t) => {
  const { organization, asked, page } = await openRequest(t);
  await page.evaluate(() => {
    window.changes = 0;
    new EventSource('/inbox/live').addEventListener('changed', () => { window.changes += 1; });
  });
  let answerOld;
  const old = new Promise((resolve) => { answerOld = resolve; });
  let looks = 0;
  let written = false;
  await page.route(`**/api/v1/requests/${asked.id}`, async (route) => {
    looks += 1;
    if (looks > 1) return route.continue();
    const response = await route.fetch();
    written = true;
    await old;
    return route.fulfill({ response });
  });
  await until('the first look', async () => {
    if (looks === 0) await organization.ask();
    return written;
  });
  const before = await page.evaluate(() => window.changes);
  await organization.call('POST', `/requests/${asked.id}/deny`, {});
  await page.waitForFunction((seen) => window.changes > seen, before);
  answerOld();
  await page.getByText('You denied this').waitFor();
});

test('the page hangs up when its own decision is sent', async (t) => {
  const { page } = await openRequest(t);
  const looked = [];
  let sent = false;
  page.on('request', (request) => {
    if (sent && request.url().includes('/api/v1/requests/')) looked.push(request.url());
    // Before that it looks when it is told of a change, the last being that the request came in.
    sent ||= request.method() === 'POST' && request.url().endsWith('/deny');
  });
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.waitForURL('**/inbox?done=denied');
  assert.ok(sent);
  assert.deepEqual(looked, []);
});

test('what a yes comes to is asked again only if a browser filled something in again', async (t) => {
  const { page } = await openRequest(t);
  const previews = [];
  page.on('request', (request) => request.url().endsWith('/preview') && previews.push(request.url()));
  await page.clock.install();
  // What a browser fills in when one comes back is there before the page is shown, and no input is told.
  const comeBack = async (filled) => {
    await page.locator('[name="d0.monthly_spend"]').evaluate((field, value) => {
      field.value = value ?? field.defaultValue;
      window.dispatchEvent(new PageTransitionEvent('pageshow'));
    }, filled);
    await page.clock.runFor(1_000);
  };
  await comeBack();
  await comeBack('1.25');
  await page.getByText('At the very most this costs you $1.25 in a calendar month').waitFor();
  assert.equal(previews.length, 1);
});

test('what a yes comes to follows what is typed, and is what is granted', async (t) => {
  const { organization, asked, page } = await openRequest(t);
  await page.getByText('At the very most this costs you').waitFor();
  assert.equal(await page.getByText('Less than asked').count(), 0);
  await page.locator('[name="d0.monthly_spend"]').fill('1.25');
  await page.locator('[name="d0.requests_per_minute"]').fill('3');
  await page.getByText('At the very most this costs you $1.25 in a calendar month').waitFor();
  await page.getByText('At most 3 calls a minute').waitFor();
  // What cannot be read yet counts as asked, and takes nothing away from the page.
  await page.locator('[name="d0.requests_per_minute"]').fill('three');
  await page.getByText('At most 3 calls a minute').waitFor({ state: 'detached' });
  await page.locator('[name="d0.requests_per_minute"]').fill('3');
  await page.getByText('At most 3 calls a minute').waitFor();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL('**/inbox?done=approved');
  const { grant_id: id } = await organization.call('GET', `/requests/${asked.id}`);
  const [granted] = (await organization.call('GET', `/grants/${id}`)).authorization_details;
  assert.deepEqual([granted.limits.monthly_spend, granted.limits.requests_per_minute], [1.25, 3]);
});
