// The one page of this provider: who are you?
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const style = `
:root { color-scheme: light dark; --ground: #f3f1ec; --card: #fff; --ink: #1f2328; --soft: #646b75; --line: #ddd8ce; --accent: #7a4b1e; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --card: #1e2125; --ink: #eceae6; --soft: #a0a6ae; --line: #33373d; --accent: #e0a868; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
main { width: min(24rem, 100%); background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 2rem; }
.house { display: flex; align-items: center; gap: .6rem; font-weight: 650; color: var(--accent); }
.house svg { width: 1.6rem; height: 1.6rem; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 1.25rem 0 .25rem; }
p { color: var(--soft); margin: 0 0 1.25rem; }
form { display: grid; gap: .6rem; }
button { display: flex; align-items: center; gap: .8rem; width: 100%; padding: .7rem .8rem; text-align: left; font: inherit; color: inherit;
  background: none; border: 1px solid var(--line); border-radius: 10px; cursor: pointer; }
button:hover { border-color: var(--accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.face { flex: none; display: grid; place-items: center; width: 2.4rem; height: 2.4rem; border-radius: 50%; background: var(--accent); color: var(--card); font-weight: 650; }
.who { min-width: 0; display: block; }
.who small { display: block; color: var(--soft); overflow-wrap: anywhere; }
.role { margin-left: auto; font-size: .8rem; color: var(--soft); }
footer { margin-top: 1.5rem; font-size: .85rem; color: var(--soft); }`;

const button = ([id, person]) => `
      <button name="account" value="${escaped(id)}">
        <span class="face" aria-hidden="true">${escaped(person.name[0])}</span>
        <span class="who">${escaped(person.name)}<small>${escaped(person.email)}</small></span>
        <span class="role">${escaped(person.role)}</span>
      </button>`;

/** The sign-in page of `organization`, with one button for each of its `people`. */
export function signInPage({ organization, client, people }) {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Sign in to ${escaped(organization)}</title>
  <style>${style}</style>
</head>
<body>
  <main>
    <div class="house">
      <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path d="M12 3 3 20h18L12 3Z"/><path d="M8 13h8"/></svg>
      ${escaped(organization)} single sign-on
    </div>
    <h1>Who is signing in?</h1>
    <p>${escaped(client)} asks who you are.</p>
    <form method="post">${Object.entries(people).map(button).join('')}
    </form>
    <footer>A real OpenID provider with made-up people, for demonstrations and tests. There are no passwords here.</footer>
  </main>
</body>
</html>`;
}
