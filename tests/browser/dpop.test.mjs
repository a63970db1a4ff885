// An app with a standard client library (openid-client) whose tokens are bound to its key (RFC 9449): pushed request, code,
// token, call, renewal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oauth from 'openid-client';
import { appAt } from './app_page.mjs';
import { owner } from './browser.mjs';
import { Organization, chat, url, wanted } from './vault.mjs';

const blank = '<!doctype html><title>Back</title><link rel="icon" href="data:,">';

/** An app that gets no tokens but bound ones, and its key. */
async function registered(organization, redirect) {
  const metadata = {
    name: 'Recipe Robot', redirect_uris: [redirect], grant_types: ['authorization_code', 'refresh_token'],
    dpop_bound_access_tokens: true,
  };
  const { client_id: id } = await organization.call('POST', '/apps', metadata);
  const options = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] };
  const config = await oauth.discovery(new URL(url), id, undefined, oauth.None(), options);
  return { config, DPoP: oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair()) };
}

function ask(config, token, DPoP) {
  const body = JSON.stringify({ model: 'gpt-4o-mini', max_completion_tokens: 50, messages: [{ role: 'user', content: 'Which beds?' }] });
  const headers = new Headers({ 'content-type': 'application/json' });
  const at = new URL(`${token.authorization_details[0].base_url}/chat/completions`);
  return oauth.fetchProtectedResource(config, token.access_token, at, 'POST', body, headers, { DPoP });
}

/** What a challenge says about the key. */
async function challenged(call) {
  const refused = await call.then(() => undefined, (error) => error);
  const { parameters } = refused.cause.find((challenge) => challenge.scheme === 'dpop');
  return [refused.response.status, parameters.error, parameters.resource_metadata];
}

test('a standard client library gets a token that is bound to its key, calls with it and renews it', async (t) => {
  const organization = await Organization.fresh();
  await organization.storeKey('openai');
  const app = await appAt(t, { '/back': blank });
  const redirect = `${app.origin}/back`;
  const { config, DPoP } = await registered(organization, redirect);
  assert.ok(config.serverMetadata().dpop_signing_alg_values_supported.includes('ES256'));

  const verifier = oauth.randomPKCECodeVerifier();
  const state = oauth.randomState();
  const asked = {
    redirect_uri: redirect, state, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    authorization_details: JSON.stringify([wanted('openai')]),
  };
  const authorize = await oauth.buildAuthorizationUrlWithPAR(config, asked, { DPoP });
  const page = await owner(t, organization);
  await page.goto(authorize.href);
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.waitForURL(`${redirect}?**`);
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  const token = await oauth.authorizationCodeGrant(config, new URL(page.url()), checks, undefined, { DPoP });
  assert.equal(token.token_type, 'dpop');
  // As often as the app likes, on whichever proxy the gateway chooses.
  for (let calls = 0; calls < 4; calls += 1) assert.equal((await ask(config, token, DPoP)).status, 200);

  assert.deepEqual(await chat(token.access_token), { status: 401, type: 'token_invalid' });
  const other = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair());
  const resource = `${url}/.well-known/oauth-protected-resource/v1/openai`;
  assert.deepEqual(await challenged(ask(config, token, other)), [401, 'invalid_token', resource]);

  await assert.rejects(oauth.refreshTokenGrant(config, token.refresh_token, undefined, { DPoP: other }), { error: 'invalid_grant' });
  await assert.rejects(oauth.refreshTokenGrant(config, token.refresh_token), { error: 'invalid_dpop_proof' });
  const next = await oauth.refreshTokenGrant(config, token.refresh_token, undefined, { DPoP });
  assert.equal((await ask(config, next, DPoP)).status, 200);
});
