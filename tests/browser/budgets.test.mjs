// A budget from the page to the call: set, felt, raised, removed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, picture } from './browser.mjs';
import { Organization, chat, until, url } from './vault.mjs';

test('a budget that is set refuses the call that does not fit, until it is raised', async (t) => {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const app = await organization.grant();
  const page = await owner(t, organization, { expected: [409, 422] });
  await page.goto(`${url}/budgets`);
  await page.getByText('No budget is set').waitFor();
  await page.getByRole('button', { name: 'Set the budget' }).click();
  await page.getByText('give monthly_spend or daily_spend').waitFor();
  await page.getByLabel('Whose calls').selectOption({ label: 'At OpenAI' });
  await page.getByLabel('In a month').fill('many');
  await page.getByRole('button', { name: 'Set the budget' }).click();
  await page.locator('#monthly_spend-error').waitFor();
  await picture(page, 'budgets-refused');
  await page.getByLabel('In a month').fill('0.000001');
  await page.getByLabel('Its name').fill('Pilot');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/budgets?done=set');
  await page.getByText('At OpenAI · Pilot').waitFor();
  await until('a refused call', async () => {
    const { status, type } = await chat(app.token);
    return status === 402 && type;
  });

  await page.getByRole('link', { name: /^Change/ }).click();
  await page.getByRole('heading', { name: 'Change the budget: At OpenAI' }).waitFor();
  await page.getByLabel('In a month').fill('5');
  await page.getByRole('button', { name: 'Change', exact: true }).click();
  await page.waitForURL('**/budgets?done=changed');
  await until('a call that passes', async () => (await chat(app.token)).status === 200);
  await until('what is spent of it', async () => {
    const [budget] = (await organization.get('/budgets')).items;
    return budget.standing[0].spent !== '0';
  });
  await page.reload();
  await page.getByText(/^\$5\.00 a month: \$0\.\d+ spent/).waitFor();
  await picture(page, 'budgets');
  assert.equal((await organization.get('/budgets')).items[0].monthly_spend, '5');

  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.waitForURL('**/budgets?done=removed');
  await page.getByText('No budget is set').waitFor();
});
