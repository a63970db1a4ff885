import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, until, url, wanted } from './vault.mjs';

/** A call at the one endpoint for all providers. */
async function ask(token, model) {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_completion_tokens: 50, messages: [{ role: 'user', content: 'Which beds?' }] }),
  });
  await answer.text();
  return [answer.status, answer.headers.get('x-okap-model')];
}

for (const colorScheme of ['light', 'dark']) {
  test(`an alias that is set on the page serves apps until it is removed there (${colorScheme})`, async (t) => {
    const organization = await Organization.fresh();
    for (const provider of ['openai', 'anthropic']) await organization.storeKey(provider);
    const app = await organization.grant([wanted('openai'), wanted('anthropic')]);
    assert.deepEqual(await ask(app.token, 'fast'), [403, null]);

    const page = await owner(t, organization, { colorScheme, expected: [422] });
    await page.goto(`${url}/policy`);
    await page.getByRole('link', { name: 'Model aliases' }).click();
    await page.getByText('Your organization set none yet').waitFor();
    await picture(page, `model-aliases-none-${colorScheme}`);
    await page.getByLabel('Name').fill('fast');
    await page.getByLabel('Models', { exact: true }).fill('nobody/gpt-4o\nanthropic/claude-haiku-4-5');
    await page.getByRole('button', { name: 'Set' }).click();
    await page.getByText('Model 1: No provider of this name').waitFor();
    await picture(page, `model-aliases-wrong-${colorScheme}`);
    await page.getByLabel('Models', { exact: true }).fill('groq/llama-3.1-8b-instant\nanthropic/claude-haiku-4-5');
    await page.getByRole('button', { name: 'Set' }).click();
    await page.getByText('Set. Apps may say this name').waitFor();
    await page.getByText('groq/llama-3.1-8b-instant, anthropic/claude-haiku-4-5').waitFor();
    await picture(page, `model-aliases-${colorScheme}`);
    // What was not granted is left out.
    const served = await until('the alias is known', async () => {
      const [status, model] = await ask(app.token, 'fast');
      return status === 200 && model;
    }, 3);
    assert.equal(served, 'claude-haiku-4-5');

    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('Removed. Apps that say this name').waitFor();
    // Announced over the bus, sooner than the proxy forgets by itself.
    await until('the alias is gone', async () => (await ask(app.token, 'fast'))[0] === 403, 3);
  });
}
