// A program without a browser asks by code (RFC 8628): its person decides on any device.
import * as oauth from 'openid-client';

const { LATCHKEY_URL, LATCHKEY_CLIENT_ID } = process.env;
const vault = await oauth.discovery(new URL(LATCHKEY_URL), LATCHKEY_CLIENT_ID, undefined, oauth.None(), {
  algorithm: 'oauth2',
  // A vault on your own machine has no TLS. Leave this out for any other.
  execute: LATCHKEY_URL.startsWith('http://127.0.0.1') ? [oauth.allowInsecureRequests] : [],
});

const asked = await oauth.initiateDeviceAuthorization(vault, {
  authorization_details: JSON.stringify([{ type: 'ai_model_access', provider: 'sandbox', models: ['sandbox-echo'] }]),
});
console.log(`Open ${asked.verification_uri} and enter ${asked.user_code}`);

// Pauses as the vault says, until the person has decided.
const token = await oauth.pollDeviceAuthorizationGrant(vault, asked);
const answer = await fetch(`${token.authorization_details[0].base_url}/chat/completions`, {
  method: 'POST',
  headers: { authorization: `Bearer ${token.access_token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello from a device' }] }),
});
console.log((await answer.json()).choices[0].message.content);
