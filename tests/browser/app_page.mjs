// The pages of an app: on an origin and a site of their own, with whatever scripts a test gives them.
import { createServer } from 'node:http';

/** Serves `pages` (path → HTML, or a function of the request) on localhost until the test ends, and remembers what was asked for. */
export async function appAt(t, pages, { host = 'localhost', headers = {} } = {}) {
  const asked = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, `http://${host}`);
    asked.push(url);
    const page = pages[url.pathname];
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8', ...headers });
    response.end(typeof page === 'function' ? page(url, request) : page ?? '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return { origin: `http://${host}:${server.address().port}`, asked };
}

const icon = '<link rel="icon" href="data:,">';

/** A page with a button that runs this script; what it gives is in `window.answer`. */
export function pageWith(script, head = '') {
  return `<!doctype html><title>Garden planner</title>${icon}${head}<button id="ask">Connect</button>
    <script type="module">
      document.getElementById('ask').addEventListener('click', async () => {
        window.answer = undefined;
        try { window.answer = await (async () => { ${script} })(); }
        catch (error) { window.answer = { failed: error.code ?? error.name, message: error.message }; }
      });
    </script>`;
}

/** What the page's script gave, as soon as it did. */
export async function answerOf(page) {
  await page.waitForFunction(() => window.answer !== undefined, undefined, { timeout: 15_000 });
  return page.evaluate(() => window.answer);
}
