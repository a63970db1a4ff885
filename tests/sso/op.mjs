// Acme's single sign-on: a certified OpenID provider (npm `oidc-provider`) on loopback, for the demo and for tests.
//
//   SSO_PORT            where it listens on 127.0.0.1; also names the issuer, http://127.0.0.1:PORT
//   SSO_CLIENT_ID       the one client it knows ...
//   SSO_CLIENT_SECRET   ... and that client's secret
//   SSO_REDIRECT_URI    where that client may be sent back to
//   SSO_OWNER_NAME, SSO_OWNER_EMAIL   who Alice is, if not Alice Archer <alice@acme.test>
//   SSO_KEYS_FILE       where the signing keys are kept between two starts (optional)
import http from 'node:http';
import { randomBytes } from 'node:crypto';
import { Provider } from 'oidc-provider';
import { signingKeys } from './keys.mjs';
import { signInPage } from './page.mjs';
import { withOwner } from './people.mjs';

const ORGANIZATION = 'Acme';

function needed(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set`);
    process.exit(2);
  }
  return value;
}

const port = Number(needed('SSO_PORT'));
const issuer = `http://127.0.0.1:${port}`;
const people = withOwner({ name: process.env.SSO_OWNER_NAME, email: process.env.SSO_OWNER_EMAIL });

const provider = new Provider(issuer, {
  clients: [{
    client_id: needed('SSO_CLIENT_ID'),
    client_secret: needed('SSO_CLIENT_SECRET'),
    client_name: 'Latchkey',
    redirect_uris: [needed('SSO_REDIRECT_URI')],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  jwks: signingKeys(process.env.SSO_KEYS_FILE),
  cookies: {
    // Cookies know no ports: the names must not meet those of the vault on the same address.
    names: { session: 'acme_sso', interaction: 'acme_sso_step', resume: 'acme_sso_resume' },
    keys: [randomBytes(16).toString('hex')],
  },
  scopes: ['openid', 'offline_access', 'email', 'profile'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false, // e-mail and name belong in the ID token too
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true }, revocation: { enabled: true } },
  ttl: { IdToken: 300, AccessToken: 600, Interaction: 600, Session: 3600, Grant: 3600, RefreshToken: 3600 },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(_, sub) {
    const person = Object.values(people).find((p) => p.sub === sub);
    return person && { accountId: sub, claims: async () => ({ ...person }) };
  },
});

provider.on('server_error', (_, error) => console.error('server_error', error));

async function chosenAccount(request, hint) {
  if (request.method !== 'POST') return people[hint] ? hint : undefined;
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 1000) throw new Error('too long a form');
  }
  return new URLSearchParams(body).get('account') ?? undefined;
}

async function signIn(request, response, { params }) {
  const account = await chosenAccount(request, params.login_hint);
  if (account && Object.hasOwn(people, account)) {
    const login = { accountId: people[account].sub, amr: ['pwd'], remember: false };
    return provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
  }
  const client = await provider.Client.find(params.client_id);
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  });
  return response.end(signInPage({ organization: ORGANIZATION, client: client.clientName, people }));
}

// The organization's own vault: nobody is asked whether it may know an e-mail address.
async function consent(request, response, { prompt, params, session, grantId }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const answer = provider.callback();
const server = http.createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  try {
    const details = await provider.interactionDetails(request, response);
    return await (details.prompt.name === 'login' ? signIn : consent)(request, response, details);
  } catch (error) {
    response.writeHead(400, { 'content-type': 'text/plain' });
    return response.end(`${error.message}\n`);
  }
});
server.listen(port, '127.0.0.1', () => console.log(`${ORGANIZATION} single sign-on at ${issuer}`));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
