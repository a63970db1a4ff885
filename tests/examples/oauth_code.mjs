// A program on a person's own computer asks for access with OAuth: pushed request, PKCE, loopback redirect.
import { once } from 'node:events';
import { createServer } from 'node:http';
import * as oauth from 'openid-client';

const { LATCHKEY_URL, LATCHKEY_CLIENT_ID } = process.env;

// Reads /.well-known/oauth-authorization-server.
const vault = await oauth.discovery(new URL(LATCHKEY_URL), LATCHKEY_CLIENT_ID, undefined, oauth.None(), {
  algorithm: 'oauth2',
  // A vault on your own machine has no TLS. Leave this out for any other.
  execute: LATCHKEY_URL.startsWith('http://127.0.0.1') ? [oauth.allowInsecureRequests] : [],
});

// Registered as http://127.0.0.1/callback; the port of a loopback address is free.
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const redirectUri = `http://127.0.0.1:${server.address().port}/callback`;

const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
const expectedState = oauth.randomState();
const url = await oauth.buildAuthorizationUrlWithPAR(vault, {
  redirect_uri: redirectUri,
  code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
  authorization_details: JSON.stringify([
    { type: 'ai_model_access', provider: 'sandbox', models: ['sandbox-echo'], reason: 'To try out the sandbox.' },
  ]),
});
console.log(`Open ${url}`);

const [request, response] = await once(server, 'request');
response.end('Done. You can close this window.');
server.close();

// Checks state and issuer, and exchanges the code.
const token = await oauth.authorizationCodeGrant(vault, new URL(request.url, redirectUri), { pkceCodeVerifier, expectedState });
const [granted] = token.authorization_details; // perhaps less than was asked

// An access token lasts an hour; a refresh token is good once.
const renewed = await oauth.refreshTokenGrant(vault, token.refresh_token);
const answer = await fetch(`${granted.base_url}/chat/completions`, {
  method: 'POST',
  headers: { authorization: `Bearer ${renewed.access_token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello from openid-client' }] }),
});
console.log((await answer.json()).choices[0].message.content);

// Nothing is left behind.
const before = await oauth.tokenIntrospection(vault, renewed.access_token);
await oauth.tokenRevocation(vault, renewed.access_token);
const after = await oauth.tokenIntrospection(vault, renewed.access_token);
console.log(`active: ${before.active}, then ${after.active}`);
