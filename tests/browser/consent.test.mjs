import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appAt } from './app_page.mjs';
import { owner, picture, tabTo } from './browser.mjs';
import { Organization, chat, okap, until, url, wanted } from './vault.mjs';

async function withKey(...providers) {
  const organization = await Organization.fresh();
  for (const provider of providers) await organization.storeKey(provider);
  return organization;
}

test('a request shows up in the open inbox by itself', async (t) => {
  const organization = await withKey('openai');
  const page = await owner(t, organization);
  await page.locator('[data-live-state][data-state=open]').waitFor();
  await page.evaluate(() => { window.sameDocument = true; });
  await organization.ask();
  await page.getByRole('heading', { name: 'Garden planner' }).waitFor();
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  assert.equal(await page.locator('[data-inbox-count]').innerText(), '1');
  await picture(page, 'inbox');
});

test('what was typed is what is granted, what the API shows and what holds', async (t) => {
  const organization = await withKey('openai');
  const asked = await organization.ask();
  const page = await owner(t, organization);
  await page.getByRole('link', { name: /^Decide/ }).click();
  await picture(page, 'consent');
  await page.locator('[name="d0.monthly_spend"]').fill('1.25');
  await page.locator('[name="d0.requests_per_minute"]').fill('2');
  await page.getByRole('checkbox', { name: 'gpt-4o', exact: true }).uncheck();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL('**/inbox?done=approved');
  await picture(page, 'inbox-approved');

  const { token, authorization_details: [told] } = await asked.collect();
  const [shown] = (await organization.get('/grants')).items[0].authorization_details;
  assert.deepEqual(told, shown);
  assert.deepEqual([shown.models, shown.limits.monthly_spend, shown.limits.requests_per_minute], [['gpt-4o-mini'], 1.25, 2]);
  assert.deepEqual(await chat(token, 'gpt-4o'), { status: 403, type: 'model_not_granted' });
  assert.equal((await chat(token)).status, 200);
  assert.equal((await chat(token)).status, 200);
  assert.deepEqual(await chat(token), { status: 429, type: 'rate_limit_exceeded' });
});

test('more than was asked for is refused beside the field and decides nothing', async (t) => {
  const organization = await withKey('openai');
  const asked = await organization.ask();
  const page = await owner(t, organization, { expected: [422] });
  await page.goto(`${url}/requests/${asked.id}`);
  await page.locator('[name="d0.monthly_spend"]').fill('4.01');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.locator('[name="d0.monthly_spend"][aria-invalid]').waitFor();
  assert.equal(await page.locator('[name="d0.monthly_spend"]').inputValue(), '4.01');
  await picture(page, 'consent-refused');
  assert.equal((await asked.collect()).status, 'pending');
});

test('a denial reaches the app in the words of the person', async (t) => {
  const organization = await withKey('openai');
  const asked = await organization.ask();
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`);
  await page.getByText('Say why, if you deny').click();
  await page.locator('#reason').fill('Not this month');
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.waitForURL('**/inbox?done=denied');
  assert.deepEqual(await asked.collect(), { okap: '1.0', status: 'denied', reason: 'Not this month' });
  assert.deepEqual((await organization.get('/grants')).items, []);
  await page.goto(`${url}/requests/${asked.id}`);
  await picture(page, 'request-closed');
});

test('a person without a mouse narrows and approves', async (t) => {
  const organization = await withKey('openai');
  const asked = await organization.ask();
  const page = await owner(t, organization);
  await tabTo(page, 'a[href^="/requests/"]');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'asks for access' }).waitFor();
  await tabTo(page, '[name="d0.monthly_spend"]');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('2.50');
  // The Enter key in a field decides nothing.
  await page.keyboard.press('Enter');
  assert.equal((await asked.collect()).status, 'pending');
  await page.locator('button[data-arm]:enabled').first().waitFor();
  await tabTo(page, 'button[form="approve"]');
  await picture(page, 'consent-keyboard');
  await page.keyboard.press('Space');
  await page.waitForURL('**/inbox?done=approved');
  assert.equal((await organization.get('/grants')).items[0].authorization_details[0].limits.monthly_spend, 2.5);
});

test('a click meant for something else does not approve: the buttons wait a second', async (t) => {
  const organization = await withKey('openai');
  const asked = await organization.ask();
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`, { waitUntil: 'domcontentloaded' });
  await page.locator('button[form="approve"]').click({ force: true, noWaitAfter: true });
  assert.equal(await page.locator('button[form="approve"]').isDisabled(), true);
  assert.equal((await asked.collect()).status, 'pending');
});

test('several providers are decided on one page', async (t) => {
  const organization = await withKey('openai', 'anthropic', 'google');
  const asked = await organization.ask(['openai', 'anthropic', 'google'].map((provider) => wanted(provider)));
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`);
  await picture(page, 'consent-three-providers');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL('**/inbox?done=approved');
  assert.deepEqual((await asked.collect()).authorization_details.map((detail) => detail.provider), ['openai', 'anthropic', 'google']);
});

test('without a key to pay there is a way to one and no approval', async (t) => {
  const organization = await Organization.fresh();
  const asked = await organization.ask();
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`);
  assert.equal(await page.getByRole('button', { name: 'Approve' }).isDisabled(), true);
  assert.equal(await page.getByRole('link', { name: 'Add a provider key' }).getAttribute('href'), '/provider-keys?provider=openai');
  await picture(page, 'consent-without-key');
});

test('what an app writes is text, however it is written', async (t) => {
  const organization = await withKey('openai');
  const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const asked = await organization.ask([wanted('openai', { reason: `${evil} \u202egnp.exe` })], { name: `${evil.slice(0, 40)} Pаypal` });
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`);
  assert.ok((await page.getByRole('heading', { level: 1 }).innerText()).includes('<img src=x'));
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.match(await page.locator('main').innerText(), /mixes alphabets/);
  await picture(page, 'consent-evil-name');
});

test('the buttons stop working while the page is not in front, and wait again after that', async (t) => {
  const organization = await withKey('openai');
  const asked = await organization.ask();
  const page = await owner(t, organization);
  await page.goto(`${url}/requests/${asked.id}`);
  const approve = page.locator('button[form="approve"]');
  await page.locator('button[form="approve"]:enabled').waitFor();
  await page.evaluate(() => {
    window.inFront = false;
    document.hasFocus = () => window.inFront;
    window.dispatchEvent(new Event('blur'));
  });
  assert.equal(await approve.isDisabled(), true);
  await page.evaluate(() => {
    window.inFront = true;
    window.dispatchEvent(new Event('focus'));
    window.cameBackAt = performance.now();
  });
  assert.equal(await approve.isDisabled(), true);
  await page.locator('button[form="approve"]:enabled').waitFor();
  assert.ok(await page.evaluate(() => performance.now() - window.cameBackAt >= 990));
  assert.equal((await asked.collect()).status, 'pending');
});

test('a consent page is shown in no frame, and sends the app no referrer', async (t) => {
  const organization = await withKey('openai');
  const asks = `<!doctype html><title>Frame</title><link rel="icon" href="data:,"><iframe src="${url}/inbox"></iframe>`;
  const referrers = [];
  const app = await appAt(t, { '/frame': asks, '/back': (_, request) => { referrers.push(request.headers.referer); return '<!doctype html><title>Back</title><link rel="icon" href="data:,">'; } });
  const page = await owner(t, organization);
  const own = await page.context().newPage();
  await own.goto(`${app.origin}/frame`);
  await until('the refusal of the frame', () => own.frames().some((frame) => frame.url().startsWith('chrome-error:')));
  const handle = await organization.call('POST', '/handles', { label: 'For tests' });
  const client = { name: 'Garden planner', callback: `${app.origin}/back` };
  const asked = await okap('/okap/authorize', { authorization_details: [wanted('openai')], client }, new URL(handle.url).username);
  await page.goto((await asked.json()).authorize_url);
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL(`${app.origin}/back?**`);
  assert.deepEqual(referrers, [undefined]);
});
