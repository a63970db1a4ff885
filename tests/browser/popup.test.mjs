import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, appAt, pageWith } from './app_page.mjs';
import { owner, picture, visitor } from './browser.mjs';
import { Organization, chat, url, wanted } from './vault.mjs';

const asked = JSON.stringify({ authorization_details: [wanted('openai')], client: { name: 'Garden planner' } });
const withScript = pageWith(`return okap.request('${url}', ${asked})`, `<script src="${url}/assets/okap.js"></script>`);
const withModule = pageWith(`const { request } = await import('${url}/assets/okap.mjs'); return request('${url}', ${asked})`);

async function withKey() {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  return organization;
}

/** The app's page beside the owner's pages, in the same browser. */
async function appPage(page, address) {
  const app = await page.context().newPage();
  await app.goto(address);
  return app;
}

/** Clicks the app's button; gives the window that it opens. */
async function opened(app) {
  const popup = app.waitForEvent('popup');
  await app.getByRole('button', { name: 'Connect' }).click();
  return popup;
}

async function decide(popup, what) {
  await popup.getByRole('heading', { name: 'asks for access' }).waitFor();
  await popup.getByRole('button', { name: what }).click({ noWaitAfter: true });
}

for (const [kind, html] of [['script', withScript], ['module', withModule]]) {
  test(`a page gets its token through the popup (${kind})`, async (t) => {
    const organization = await withKey();
    const page = await owner(t, organization);
    const { origin } = await appAt(t, { '/': html });
    const app = await appPage(page, origin);
    const popup = await opened(app);
    await popup.getByRole('heading', { name: 'asks for access' }).waitFor();
    const shown = await popup.locator('main').innerText();
    assert.ok(shown.includes(new URL(origin).host), shown);
    await picture(popup, `popup-consent-${kind}`);
    const closed = popup.waitForEvent('close');
    await decide(popup, 'Approve');
    const answer = await answerOf(app);
    assert.equal(answer.status, 'granted', JSON.stringify(answer));
    assert.deepEqual(Object.keys(answer).sort(), ['authorization_details', 'okap', 'status', 'token']);
    await closed;
    const call = await chat(answer.token);
    assert.equal(call.status, 200);
    const [grant] = (await organization.get('/grants')).items;
    assert.deepEqual(answer.authorization_details, grant.authorization_details);
    assert.equal(grant.app_url ?? grant.app?.url ?? origin, origin);
  });
}

test('a denial and the words with it reach the page', async (t) => {
  const page = await owner(t, await withKey());
  const { origin } = await appAt(t, { '/': withScript });
  const app = await appPage(page, origin);
  const popup = await opened(app);
  await popup.getByText('Say why, if you deny').click();
  await popup.locator('#reason').fill('Not this month');
  await decide(popup, 'Deny');
  assert.deepEqual(await answerOf(app), { okap: '1.0', status: 'denied', reason: 'Not this month' });
});

test('a form that was filled in wrongly does not lose the page that asked', async (t) => {
  const page = await owner(t, await withKey(), { expected: [422] });
  const { origin } = await appAt(t, { '/': withScript });
  const app = await appPage(page, origin);
  const popup = await opened(app);
  await popup.locator('[name="d0.monthly_spend"]').fill('4000');
  await decide(popup, 'Approve');
  await popup.locator('[name="d0.monthly_spend"][aria-invalid]').waitFor();
  await popup.locator('[name="d0.monthly_spend"]').fill('1');
  await decide(popup, 'Approve');
  assert.equal((await answerOf(app)).authorization_details[0].limits.monthly_spend, 1);
});

test('who is not signed in does so in a window of their own and comes back', async (t) => {
  const organization = await withKey();
  const page = await visitor(t);
  const { origin } = await appAt(t, { '/': withScript });
  const app = await appPage(page, origin);
  const popup = await opened(app);
  await picture(popup, 'popup-sign-in');
  const elsewhere = popup.context().waitForEvent('page');
  await popup.getByRole('link', { name: 'Sign in', exact: true }).click();
  const signIn = await elsewhere;
  assert.equal(await signIn.evaluate(() => window.opener), null);
  await signIn.goto(organization.link);
  await signIn.getByRole('button', { name: 'Continue as' }).click();
  await signIn.waitForURL(`${url}/inbox`);
  await popup.getByRole('link', { name: 'I have signed in' }).click();
  await decide(popup, 'Approve');
  assert.equal((await answerOf(app)).status, 'granted');
});

test('a window that is closed is told, and the next one finds nothing left over', async (t) => {
  const page = await owner(t, await withKey());
  const { origin } = await appAt(t, { '/': withScript });
  const app = await appPage(page, origin);
  const popup = await opened(app);
  await popup.getByRole('heading', { name: 'asks for access' }).waitFor();
  await popup.close();
  assert.equal((await answerOf(app)).failed, 'popup_closed');
  const again = await opened(app);
  await again.getByRole('heading', { name: 'asks for access' }).waitFor();
  assert.doesNotMatch(await again.locator('main').innerText(), /other request/);
  await decide(again, 'Approve');
  assert.equal((await answerOf(app)).status, 'granted');
});

test('a page that isolates itself, and allows popups, is answered all the same', async (t) => {
  const page = await owner(t, await withKey());
  const { origin } = await appAt(t, { '/': withScript }, { headers: { 'cross-origin-opener-policy': 'same-origin-allow-popups' } });
  const app = await appPage(page, origin);
  await decide(await opened(app), 'Approve');
  assert.equal((await answerOf(app)).status, 'granted');
});

test('a page may withdraw, which closes the window', async (t) => {
  const page = await owner(t, await withKey());
  const script = `
    const controller = new AbortController();
    window.withdraw = () => controller.abort();
    return okap.request('${url}', ${asked}, { signal: controller.signal })`;
  const { origin } = await appAt(t, { '/': pageWith(script, `<script src="${url}/assets/okap.js"></script>`) });
  const app = await appPage(page, origin);
  const popup = await opened(app);
  await popup.getByRole('heading', { name: 'asks for access' }).waitFor();
  const closed = popup.waitForEvent('close');
  await app.evaluate(() => window.withdraw());
  await closed;
  assert.equal((await answerOf(app)).failed, 'aborted');
});

test('an address without TLS is no vault, save on this machine', async (t) => {
  const page = await visitor(t);
  const { origin } = await appAt(t, { '/': pageWith(`return okap.request('http://vault.example.com', ${asked})`, `<script src="${url}/assets/okap.js"></script>`) });
  const app = await appPage(page, origin);
  await app.getByRole('button', { name: 'Connect' }).click();
  assert.equal((await answerOf(app)).failed, 'not_a_vault');
});

test('what the vault refuses is an error that says why', async (t) => {
  const page = await owner(t, await withKey(), { expected: [400] });
  const odd = JSON.stringify({ authorization_details: [wanted('nobody')], client: { name: 'Garden planner' } });
  const { origin } = await appAt(t, { '/': pageWith(`return okap.request('${url}', ${odd})`, `<script src="${url}/assets/okap.js"></script>`) });
  const app = await appPage(page, origin);
  await opened(app);
  const answer = await answerOf(app);
  assert.equal(answer.failed, 'request_refused');
  assert.match(answer.message, /provider/);
});

test('another origin than the window was opened for gets nothing', async (t) => {
  const organization = await withKey();
  // An attacker's page that says it is somebody else, and listens.
  const lie = pageWith(`
    window.heard = [];
    addEventListener('message', (event) => heard.push(event.data));
    const popup = open('${url}/okap/popup?origin=' + encodeURIComponent('https://bank.test'));
    await new Promise((done) => setTimeout(done, 1500));
    popup.postMessage({ type: 'OKAP_REQUEST', okap: '1.0', ...${asked} }, '${url}');
    popup.postMessage({ type: 'OKAP_COLLECT' }, '${url}');
    await new Promise((done) => setTimeout(done, 1000));
    return { heard }`);
  const page = await owner(t, organization);
  const { origin } = await appAt(t, { '/': lie });
  const app = await appPage(page, origin);
  await app.getByRole('button', { name: 'Connect' }).click();
  assert.deepEqual(await answerOf(app), { heard: [] });
  assert.deepEqual((await organization.get('/requests')).items, []);
});

test('a page that has gone gets nothing, and its grant ends', async (t) => {
  const organization = await withKey();
  const page = await owner(t, organization);
  const { origin } = await appAt(t, { '/': withScript, '/elsewhere': '<!doctype html><title>Elsewhere</title>' });
  const other = await appAt(t, { '/': '<!doctype html><script>window.heard = []; addEventListener("message", (e) => heard.push(e.data));</script>' }, { host: '127.0.0.1' });
  const app = await appPage(page, origin);
  const popup = await opened(app);
  await popup.getByRole('heading', { name: 'asks for access' }).waitFor();
  // The window that asked now shows a page of another origin.
  await app.goto(other.origin);
  await decide(popup, 'Approve');
  await popup.getByText('The page that asked has gone').waitFor();
  assert.deepEqual(await app.evaluate(() => window.heard), []);
  const [grant] = (await organization.get('/grants')).items;
  assert.equal(grant.state, 'revoked');
});

test('the consent page of any other request cannot be reached by who opened it', async (t) => {
  const organization = await withKey();
  const pending = await organization.ask();
  const page = await owner(t, organization);
  const { origin } = await appAt(t, { '/': pageWith(`window.handle = open('${url}/requests/${pending.id}'); return {}`) });
  const app = await appPage(page, origin);
  const opening = page.context().waitForEvent('page');
  await app.getByRole('button', { name: 'Connect' }).click();
  const consent = await opening;
  await consent.getByRole('heading', { name: 'asks for access' }).waitFor();
  assert.equal(await consent.evaluate(() => window.opener), null);
  assert.equal(await app.evaluate(() => window.handle.closed), true);
});

test('an answer that the vault did not give is none', async (t) => {
  const page = await owner(t, await withKey());
  const forged = "{ type: 'OKAP_RESPONSE', okap: '1.0', status: 'granted', token: 'okap_forged', authorization_details: [] }";
  const other = await appAt(t, { '/': `<!doctype html><script>parent.postMessage(${forged}, document.referrer || '${url}')</script>` }, { host: '127.0.0.1' });
  const { origin } = await appAt(t, {
    '/': pageWith(
      `const answer = okap.request('${url}', ${asked});
       postMessage(${forged}, location.origin);
       const frame = document.createElement('iframe');
       frame.referrerPolicy = 'unsafe-url';
       frame.src = '${other.origin}/';
       document.body.append(frame);
       return answer`,
      `<script src="${url}/assets/okap.js"></script>`,
    ),
  });
  const app = await appPage(page, origin);
  const popup = await opened(app);
  await app.frameLocator('iframe').locator('html').waitFor({ state: 'attached' });
  await decide(popup, 'Deny');
  assert.equal((await answerOf(app)).status, 'denied');
});
