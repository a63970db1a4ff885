// Recipe Writer: a small web app that has no AI key of its own.
//
//   SAMPLE_APP_PORT        where it listens on 127.0.0.1
//   SAMPLE_APP_CLIENT_ID   its client id at the vault
//   LATCHKEY_URL           the vault
import http from 'node:http';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { explained, findAllergens, writeRecipe } from './kitchen.mjs';
import { brokenPage, kitchenPage, welcomePage } from './pages.mjs';
import { Vault } from './vault.mjs';

const port = Number(process.env.SAMPLE_APP_PORT ?? 7703);
const origin = `http://127.0.0.1:${port}`;
const vault = new Vault({
  url: process.env.LATCHKEY_URL ?? 'http://127.0.0.1:7700',
  clientId: process.env.SAMPLE_APP_CLIENT_ID,
  redirectUri: `${origin}/callback`,
});

const COOKIE = 'recipe_writer';
const MOST_VISITORS = 1000;
const visitors = new Map();

function visitorOf(request, response) {
  const id = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1];
  if (visitors.has(id)) return visitors.get(id);
  if (visitors.size >= MOST_VISITORS) visitors.delete(visitors.keys().next().value);
  const fresh = randomBytes(24).toString('base64url');
  visitors.set(fresh, {});
  response.setHeader('set-cookie', `${COOKIE}=${fresh}; HttpOnly; SameSite=Lax; Path=/`);
  return visitors.get(fresh);
}

async function bodyOf(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 20_000) throw new Error('That is too much text.');
  }
  return body;
}

const html = (response, text, status = 200) => response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(text);
const to = (response, location) => response.writeHead(303, { location: String(location) }).end();

// One JSON object on each line: pieces of text, then what remains, or a problem.
async function stream(response, pieces) {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'x-accel-buffering': 'no' });
  try {
    for await (const piece of pieces) response.write(`${JSON.stringify(piece)}\n`);
  } catch (error) {
    response.write(`${JSON.stringify({ problem: explained(error) })}\n`);
  }
  response.end();
}

function said(visitor) {
  const text = visitor.said;
  delete visitor.said;
  return text;
}

const routes = {
  'GET /': (_, response, visitor) =>
    html(response, (visitor.grant ? kitchenPage : welcomePage)({ grant: visitor.grant, vaultOrigin: vault.origin, said: said(visitor) })),

  'POST /connect': async (_, response, visitor) => {
    const { url, pending } = await vault.begin();
    visitor.pending = pending;
    to(response, url);
  },

  'GET /callback': async (request, response, visitor) => {
    const pending = visitor.pending;
    delete visitor.pending;
    if (!pending) throw new Error('Nobody here asked the vault for anything.');
    try {
      visitor.grant = await vault.finish(new URL(request.url, origin).search, pending);
      visitor.said = 'Connected. This is what you allowed.';
    } catch (error) {
      if (error.error !== 'access_denied') throw error;
      visitor.said = 'You said no. Nothing was shared.';
    }
    to(response, '/');
  },

  'POST /write': async (request, response, visitor) => {
    const { dish, model } = JSON.parse(await bodyOf(request));
    await stream(response, writeRecipe(visitor.grant, { dish, model }));
  },

  'POST /allergens': async (request, response, visitor) => {
    const { recipe } = JSON.parse(await bodyOf(request));
    await stream(response, findAllergens(visitor.grant, { recipe }));
  },

  'POST /disconnect': async (_, response, visitor) => {
    if (visitor.grant) await vault.revoke(visitor.grant.token);
    delete visitor.grant;
    visitor.said = 'Disconnected. The token no longer works.';
    to(response, '/');
  },
};

const files = {
  '/public/recipe.css': ['text/css; charset=utf-8', readFileSync(new URL('public/recipe.css', import.meta.url))],
  '/public/recipe.js': ['text/javascript; charset=utf-8', readFileSync(new URL('public/recipe.js', import.meta.url))],
};

const server = http.createServer(async (request, response) => {
  const { pathname } = new URL(request.url, origin);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader(
    'content-security-policy',
    `default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'`,
  );
  if (files[pathname]) return response.writeHead(200, { 'content-type': files[pathname][0] }).end(files[pathname][1]);
  const route = routes[`${request.method} ${pathname}`];
  if (!route) return html(response, brokenPage({ message: 'There is no such page.' }), 404);
  const visitor = visitorOf(request, response);
  try {
    if ((pathname === '/write' || pathname === '/allergens') && !visitor.grant) throw new Error('Connect your vault first.');
    return await route(request, response, visitor);
  } catch (error) {
    console.error(`${request.method} ${pathname}: ${error.message}`);
    return response.headersSent ? response.end() : html(response, brokenPage({ message: error.error_description ?? error.message }), 502);
  }
});
server.listen(port, '127.0.0.1', () => console.log(`Recipe Writer at ${origin}`));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
