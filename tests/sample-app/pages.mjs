// The pages, as HTML. Everything that comes from outside is escaped.
import { allows, detailOf } from './kitchen.mjs';
import { wanted } from './vault.mjs';

const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const names = { openai: 'OpenAI', anthropic: 'Anthropic', google: 'Google' };
const limitNames = {
  monthly_spend: 'a month',
  daily_spend: 'a day',
  requests_per_minute: 'calls a minute',
  requests_per_day: 'calls a day',
  tokens_per_request: 'tokens a call',
};

function limitsOf(limits = {}) {
  return Object.entries(limits)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => (name.endsWith('spend') ? `$${value} ${limitNames[name]}` : `${value} ${limitNames[name] ?? name}`));
}

function page(title, body, { script = false } = {}) {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${escaped(title)}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/public/recipe.css">${script ? '\n  <script src="/public/recipe.js" defer></script>' : ''}
</head>
<body>
  <header><a class="brand" href="/"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 11h18v3a7 7 0 0 1-7 7h-4a7 7 0 0 1-7-7z"/><path d="M8 8c0-2 2-2 2-4M13 8c0-2 2-2 2-4" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></svg>Recipe Writer</a></header>
  <main>${body}</main>
  <footer>A sample app. It never sees a provider key: it holds one token that the owner of the keys can take back.</footer>
</body>
</html>`;
}

const notice = (text) => (text ? `<p class="notice" role="status">${escaped(text)}</p>` : '');
const vaultName = (origin) => escaped(new URL(origin).host);

/** Before anything is granted. */
export function welcomePage({ vaultOrigin, said }) {
  const asks = wanted.map((detail) => `
        <li><strong>${names[detail.provider]}</strong> ${escaped(detail.models.join(', '))}<small>${escaped(detail.reason)} At most ${escaped(limitsOf(detail.limits).join(', '))}.</small></li>`);
  return page('Recipe Writer', `
    ${notice(said)}
    <section class="hero">
      <h1>What shall we cook?</h1>
      <p>Recipe Writer writes recipes with the AI models you already pay for. Your keys stay in your vault;
        you say which models it may use and how much it may spend.</p>
      <form method="post" action="/connect"><button class="primary">Connect your vault</button></form>
      <p class="fine">You will be sent to ${vaultName(vaultOrigin)} to decide.</p>
    </section>
    <section class="card">
      <h2>What it asks for</h2>
      <ul class="asks">${asks.join('')}
      </ul>
    </section>`);
}

function grantedRow(detail) {
  const models = detail.models?.length ? detail.models.join(', ') : 'every model';
  const until = detail.expires ? String(detail.expires).slice(0, 10) : '';
  return `
        <tr data-provider="${escaped(detail.provider)}"><th scope="row">${escaped(names[detail.provider] ?? detail.provider)}</th><td>${escaped(models)}</td>
          <td>${limitsOf(detail.limits).map(escaped).join('<br>')}</td><td class="date">${escaped(until)}</td><td><code>${escaped(detail.base_url ?? '')}</code></td></tr>`;
}

function modelOptions(detail) {
  const asked = wanted.find((w) => w.provider === 'openai').models;
  const all = [...new Set([...(detail.models ?? []).filter((m) => !m.endsWith('*')), ...asked])];
  return all.map((m) => `<option value="${escaped(m)}">${escaped(m)}${allows(detail, m) ? '' : ' (not granted)'}</option>`).join('');
}

const writer = (detail) => (detail ? `
    <section class="card">
      <h2>Write a recipe</h2>
      <form id="write" class="row">
        <label>Dish <input name="dish" value="tomato soup" maxlength="100" required></label>
        <label>Model <select name="model">${modelOptions(detail)}</select></label>
        <button class="primary">Write it</button>
      </form>
      <p class="problem" id="problem" role="alert" hidden></p>
      <article id="recipe" aria-live="polite"></article>
      <p class="fine" id="remaining"></p>
    </section>` : '<section class="card"><p>OpenAI was not granted, so no recipes can be written.</p></section>');

const checker = (detail) => (detail ? `
    <section class="card" id="allergens-card" hidden>
      <h2>Allergens</h2>
      <form id="check"><button>Look the recipe over</button></form>
      <article id="allergens" aria-live="polite"></article>
    </section>` : '');

/** With a grant: what was granted, and the work. */
export function kitchenPage({ grant, vaultOrigin, said }) {
  return page('Recipe Writer', `
    ${notice(said)}${writer(detailOf(grant, 'openai'))}${checker(detailOf(grant, 'anthropic'))}
    <section class="card">
      <h2>What you allowed</h2>
      <div class="scroll"><table id="granted">
        <thead><tr><th scope="col">Provider</th><th scope="col">Models</th><th scope="col">Limits</th><th scope="col">Expires</th><th scope="col">Address</th></tr></thead>
        <tbody>${grant.details.map(grantedRow).join('')}</tbody>
      </table></div>
      <form method="post" action="/disconnect"><button class="quiet">Disconnect from ${vaultName(vaultOrigin)}</button></form>
    </section>`, { script: true });
}

/** When the vault cannot be spoken to. */
export const brokenPage = ({ message }) => page('Recipe Writer', `
    <section class="hero"><h1>That did not work</h1><p>${escaped(message)}</p><p><a href="/">Back to the start</a></p></section>`);
