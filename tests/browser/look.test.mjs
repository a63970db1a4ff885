import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture, visitor } from './browser.mjs';
import { Organization, chat, until, url, wanted } from './vault.mjs';

const PAGES = ['/inbox', '/connected-apps', '/blocked-apps', '/approval-rules', '/provider-keys', '/connect', '/usage', '/account', '/apps', '/developers', '/policy', '/custom-providers', '/model-aliases', '/budgets'];

async function lived() {
  const organization = await Organization.fresh();
  for (const provider of ['openai', 'anthropic']) await organization.storeKey(provider);
  const app = await organization.grant([wanted('openai'), wanted('anthropic')]);
  assert.equal((await chat(app.token)).status, 200);
  const asked = await organization.ask();
  await until('the call in the record', async () => (await organization.get('/usage')).total.calls === 1);
  return { organization, pages: [...PAGES, `/requests/${asked.id}`] };
}

const named = (path) => path.split('/')[1];

test('dark mode is dark on every page, and text stands out', async (t) => {
  const { organization, pages } = await lived();
  const page = await owner(t, organization, { colorScheme: 'dark' });
  for (const path of pages) {
    await page.goto(`${url}${path}`);
    const { ground, ink } = await page.evaluate(() => {
      const light = (color) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
        return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
      };
      return { ground: light(getComputedStyle(document.body).backgroundColor), ink: light(getComputedStyle(document.body).color) };
    });
    assert.ok(ground < 0.3 && ink > 0.6, `${path}: ground ${ground}, ink ${ink}`);
    await picture(page, `dark-${named(path)}`);
  }
});

test('on a telephone no page is wider than the screen', async (t) => {
  const { organization, pages } = await lived();
  const page = await owner(t, organization, { viewport: { width: 360, height: 740 }, hasTouch: true });
  for (const path of pages) {
    await page.goto(`${url}${path}`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${path} is ${width} wide`);
    await picture(page, `narrow-${named(path)}`);
  }
});

test('every field has a label and every page one main heading', async (t) => {
  const { organization, pages } = await lived();
  const page = await owner(t, organization);
  for (const path of pages) {
    await page.goto(`${url}${path}`);
    const unnamed = await page.evaluate(() => {
      const fields = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')];
      return fields.filter((f) => !f.labels?.length && !f.ariaLabel && !f.getAttribute('aria-labelledby')).map((f) => f.name || f.id);
    });
    assert.deepEqual(unnamed, [], path);
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1, path);
    assert.ok(await page.evaluate(() => document.documentElement.lang), path);
  }
});

test('what is not there, and what is not allowed, has a page too', async (t) => {
  const page = await visitor(t, { expected: [404, 403, 400] });
  assert.equal((await page.goto(`${url}/no-such-page`)).status(), 404);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await picture(page, 'not-found');
});

test('pages work without scripts', async (t) => {
  const { organization, pages } = await lived();
  const page = await owner(t, organization, { javaScriptEnabled: false });
  await page.goto(`${url}${pages.at(-1)}`);
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL('**/inbox?done=approved');
  await page.goto(`${url}/connected-apps`);
  await page.getByRole('button', { name: 'Revoke', exact: true }).first().click();
  await page.waitForURL('**/connected-apps**');
  const states = (await organization.get('/grants')).items.map((grant) => grant.state);
  assert.deepEqual(states.sort(), ['live', 'revoked']);
});
