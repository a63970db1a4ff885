import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, chat, until, url, wanted } from './vault.mjs';

const only = (...models) => wanted('openai', { models, limits: { monthly_spend: 4 } });

async function connected() {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const app = await organization.grant([only('gpt-4o-mini')]);
  return { organization, token: app.token };
}

/** A refused call, and where its error leads. */
async function refusal(token, model, path = 'chat/completions', body = {}) {
  const answer = await fetch(`${url}/v1/openai/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_completion_tokens: 50, messages: [{ role: 'user', content: 'Which beds?' }], ...body }),
  });
  const { error } = await answer.json();
  return { status: answer.status, error };
}

/** The app asks with its token for more of its grant. */
async function askForMore(token, details) {
  const answer = await fetch(`${url}/okap/authorize`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', prefer: 'wait=0' },
    body: JSON.stringify({ okap: '1.0', authorization_details: details, client: { name: 'Recipe Robot' } }),
  });
  assert.equal(answer.status, 202);
  return answer.json();
}

for (const colorScheme of ['light', 'dark']) {
  test(`the link of a refused call leads to one press, and the next call goes through (${colorScheme})`, async (t) => {
    const { organization, token } = await connected();
    const { status, error } = await refusal(token, 'gpt-4o');
    assert.deepEqual([status, error.type], [403, 'model_not_granted']);
    assert.ok(error.step_up_url.startsWith(`${url}/connected-apps/grant_`), error.step_up_url);
    assert.ok(error.message.includes(error.step_up_url));
    assert.ok(!error.step_up_url.includes('okap_'));
    const page = await owner(t, organization, { colorScheme });
    await page.goto(error.step_up_url);
    await page.getByRole('heading', { level: 1, name: /was refused the model gpt-4o at OpenAI/ }).waitFor();
    await picture(page, `allow-${colorScheme}`);
    assert.equal((await chat(token, 'gpt-4o')).status, 403, 'looking gives nothing');
    await page.getByRole('button', { name: 'Allow gpt-4o' }).click();
    await page.waitForURL('**/connected-apps?done=allowed');
    await until('the next call', async () => (await chat(token, 'gpt-4o')).status === 200);
    await page.goto(error.step_up_url);
    await page.getByText('Nothing to allow here').waitFor();
  });
}

test('to somebody else the link leads nowhere', async (t) => {
  const { token } = await connected();
  const { error } = await refusal(token, 'gpt-4o');
  const page = await owner(t, await Organization.fresh('Paul Passer-by'), { expected: [404] });
  const answer = await page.goto(error.step_up_url);
  assert.equal(answer.status(), 404);
  assert.doesNotMatch(await page.locator('body').innerText(), /Recipe Robot|gpt-4o/);
});

test('a limit that is in the way is raised from the link of its refusal', async (t) => {
  const { organization, token } = await connected();
  const [grant] = (await organization.get('/grants')).items;
  const details = [{ type: 'ai_model_access', provider: 'openai', limits: { monthly_spend: 0.000001, daily_spend: 4 } }];
  await organization.call('PATCH', `/grants/${grant.id}`, { authorization_details: details });
  let refused;
  await until('the lower limit', async () => (refused = await refusal(token, 'gpt-4o-mini')).status === 402);
  assert.match(refused.error.step_up_url, /limit=monthly_spend$/);
  const page = await owner(t, organization);
  await page.goto(refused.error.step_up_url);
  await picture(page, 'allow-limit');
  await page.locator('[name="raised"]').fill('3');
  await page.getByRole('button', { name: 'Raise the limit' }).click();
  await page.waitForURL('**/connected-apps?done=allowed');
  await until('the next call', async () => (await chat(token)).status === 200);
});

for (const colorScheme of ['light', 'dark']) {
  test(`a request for more shows what the app has and what it would have (${colorScheme})`, async (t) => {
    const { organization, token } = await connected();
    const asked = await askForMore(token, [wanted('openai', { models: ['gpt-4o'], capabilities: ['chat', 'embeddings'], limits: { monthly_spend: 5 } })]);
    const page = await owner(t, organization, { colorScheme });
    await page.goto(asked.authorize_url);
    await page.getByRole('heading', { level: 1, name: /Recipe Robot asks for more/ }).waitFor();
    const changed = page.locator('tr.more');
    assert.deepEqual(await changed.locator('th').allInnerTexts(), ['Models', 'Used for', 'A month']);
    await picture(page, `step-up-${colorScheme}`);
    // What is not ticked is not given.
    await page.getByRole('checkbox', { name: /^Embeddings/ }).uncheck();
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.waitForURL('**/inbox?done=approved');
    await until('the same token', async () => (await chat(token, 'gpt-4o')).status === 200);
    const { items } = await organization.get('/grants');
    assert.deepEqual(items.map((grant) => grant.authorization_details[0].capabilities), [['chat']]);
    await page.goto(`${url}/decisions`);
    await page.getByText('Given more').waitFor();
    await picture(page, `decisions-${colorScheme}`);
  });
}

test('before anything was decided the history says what will be there', async (t) => {
  const page = await owner(t, await Organization.fresh());
  await page.goto(`${url}/decisions`);
  await page.getByText('Nothing was decided yet').waitFor();
  await picture(page, 'decisions-empty');
});
