import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appAt } from './app_page.mjs';
import { owner, picture } from './browser.mjs';
import { Organization, okap, url, until, wanted } from './vault.mjs';

const blank = '<!doctype html><title>Back</title><link rel="icon" href="data:,">';
/** The challenge of RFC 7636 appendix B. */
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const client = { name: 'Mail Triage', url: 'https://triage.example' };

async function withKey() {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  return organization;
}

const waiting = async (organization) => (await organization.get('/requests')).items.length;

for (const colorScheme of ['light', 'dark']) {
  test(`an app is blocked from the inbox, and its next request does not come there (${colorScheme})`, async (t) => {
    const organization = await withKey();
    const handle = new URL((await organization.call('POST', '/handles', { label: 'For tests' })).url).username;
    const ask = () => okap('/okap/authorize', { authorization_details: [wanted('openai')], client }, handle);
    await ask();
    await ask();
    const page = await owner(t, organization, { colorScheme });
    await picture(page, `inbox-group-${colorScheme}`);
    await page.getByText('2 requests under this name wait').waitFor();
    await page.getByRole('link', { name: /^Block this app/ }).click();
    await page.getByRole('heading', { name: 'Block Mail Triage?' }).waitFor();
    await picture(page, `block-app-${colorScheme}`);
    await page.getByRole('button', { name: 'Block' }).click();
    await page.getByText('Blocked. What it asks from now on').waitFor();
    await picture(page, `blocked-apps-${colorScheme}`);
    assert.equal((await ask()).status, 202);
    assert.equal(await waiting(organization), 0);
    await page.getByRole('button', { name: 'Unblock' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Unblock' }).click();
    await until('nobody blocked', async () => (await organization.get('/blocked-apps')).items.length === 0);
    await ask();
    assert.equal(await waiting(organization), 1);
  });

  test(`a rule written on the page grants at once, and one press takes it back (${colorScheme})`, async (t) => {
    const organization = await withKey();
    const app = await appAt(t, { '/back': blank }, { host: '127.0.0.1' });
    const redirect = `${app.origin}/back`;
    const registered = await organization.call('POST', '/apps', { name: 'Garden planner', redirect_uris: [redirect] });
    const page = await owner(t, organization, { colorScheme, expected: [422] });
    await page.goto(`${url}/approval-rules`);
    await page.getByLabel('A registered app').selectOption(registered.client_id);
    await page.getByLabel('OpenAI').check();
    await page.getByLabel('Models').fill('gpt-4o*');
    await page.getByLabel('At most a month').fill('10');
    await page.getByLabel('All of them together a month').fill('many');
    await page.getByRole('button', { name: 'Write the rule' }).click();
    await page.getByText('No rule was written yet').waitFor();
    await picture(page, `approval-rules-wrong-${colorScheme}`);
    await page.getByLabel('All of them together a month').fill('10');
    await page.getByRole('button', { name: 'Write the rule' }).click();
    await page.getByText('The rule is written.').waitFor();
    await picture(page, `approval-rules-${colorScheme}`);
    const query = new URLSearchParams({
      response_type: 'code', client_id: registered.client_id, redirect_uri: redirect, state: 'garden',
      code_challenge: CHALLENGE, code_challenge_method: 'S256', authorization_details: JSON.stringify([wanted('openai')]),
    });
    await page.goto(`${url}/oauth/authorize?${query}`);
    const back = new URL(page.url());
    assert.equal(back.origin, app.origin);
    assert.ok(back.searchParams.get('code') && back.searchParams.get('state') === 'garden');
    await page.goto(`${url}/connected-apps`);
    await page.getByText('Granted by a rule').first().waitFor();
    await picture(page, `connected-apps-rule-${colorScheme}`);
    await page.goto(`${url}/inbox`);
    await picture(page, `inbox-rule-${colorScheme}`);
    await page.getByRole('button', { name: /^Undo/ }).click();
    await page.getByText('Revoked. The app').waitFor();
    assert.equal((await organization.get('/grants')).items[0].state, 'revoked');
  });
}
