// Headless Chromium, and what every page of the vault has to keep: no error in the console, a strict policy, nothing inline.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { screenshots, url } from './vault.mjs';

let running;

async function browser() {
  running ??= chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic'],
  });
  return running;
}
after(async () => (await running)?.close());

/**
 * A browser of somebody who has not signed in. It is closed when the test ends, and the test fails if a page of the vault
 * broke a rule meanwhile. `expected` are the refusals that the test provokes: their statuses show up in the console.
 */
export async function visitor(t, { expected = [], ...options } = {}) {
  const context = await (await browser()).newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(10_000);
  const faults = [];
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const looks = [];
  // Windows that a page opens are the vault's pages, too; an app's own pages are its own affair.
  context.on('page', (page) => {
    const isOurs = () => page.url().startsWith(url) || page === context.pages()[0];
    page.on('pageerror', (error) => isOurs() && faults.push(`script: ${error.message}`));
    page.on('console', (message) => {
      const provoked = expected.some((status) => message.text().includes(`status of ${status}`));
      if (isOurs() && message.type() === 'error' && !provoked) faults.push(`console: ${message.text()} at ${message.location().url}`);
    });
    page.on('response', (response) => {
      if (isPage(response)) looks.push(faultsOf(response).then((found) => faults.push(...found)));
    });
  });
  const first = await context.newPage();
  t.after(async () => {
    await Promise.all(looks);
    await context.close();
    assert.deepEqual(faults, []);
  });
  return first;
}

/** The same, signed in as the organization's owner by the one-time link. */
export async function owner(t, organization, options) {
  const page = await visitor(t, options);
  await page.goto(organization.link);
  await page.getByRole('button', { name: 'Continue as' }).click();
  await page.waitForURL(`${url}/inbox`);
  return page;
}

/** Keeps a picture of the whole page, to look at, once its buttons that wait can be used. */
export async function picture(page, name) {
  if (await page.locator('button[data-arm]').count()) await page.locator('button[data-arm]:enabled').last().waitFor();
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });
}

/** Presses Tab until what has the focus matches, as somebody without a mouse would. */
export async function tabTo(page, selector, most = 120) {
  for (let presses = 0; presses < most; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${selector} is not reached with the Tab key`);
}

/** Whether this is a page of the vault, and not a step on the way to one. */
function isPage(response) {
  const isRedirect = response.status() >= 300 && response.status() < 400;
  return response.url().startsWith(url) && response.request().resourceType() === 'document' && !isRedirect;
}

async function faultsOf(response) {
  return [...faultsOfHeaders(response), ...(await inlineParts(response))];
}

function faultsOfHeaders(response) {
  const headers = response.headers();
  const policy = headers['content-security-policy'] ?? '';
  const rules = {
    'a policy': policy.includes("default-src") && policy.includes("frame-ancestors 'none'") && policy.includes('form-action'),
    'a strict policy': !/unsafe-|script-src[^;]*\*|data:[^;]*script/.test(policy),
    nosniff: headers['x-content-type-options'] === 'nosniff',
    'a referrer policy': Boolean(headers['referrer-policy']),
    'no caching': /no-store/.test(headers['cache-control'] ?? ''),
  };
  return Object.entries(rules).filter(([, kept]) => !kept).map(([rule]) => `${response.url()} has not ${rule}: ${policy}`);
}

/** Scripts, styles and handlers that the server wrote into a page. Text is escaped, so a tag is a tag. */
async function inlineParts(response) {
  // A page that was left before it came whole was not shown.
  const html = await response.text().catch(() => '');
  const found = html.match(/<script(?![^>]*\ssrc=)[^>]*>|<style[^>]*>|<[^>]*\s(?:style|on[a-z]+)\s*=[^>]*>|javascript:/gi) ?? [];
  return found.map((part) => `inline in ${response.url()}: ${part.slice(0, 100)}`);
}
