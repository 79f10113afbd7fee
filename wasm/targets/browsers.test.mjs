// Chromium and Firefox: the golden answers, a server that is down, bundled and by an import map, in pages, workers and a service worker.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { BROWSERS } from './browsers.mjs';
import { ANSWERS, HERE, bundle, serve, servers } from './support.mjs';
import { works } from './table.mjs';

const JS = 'text/javascript';
const CHECK = `
  import worker from '/worker.mjs';
  globalThis.ask = async (path, servers) => (await worker.fetch(new Request(location.origin + path), { SERVERS: servers.join(' ') })).text();
  globalThis.ready = true;`;

/** Pages, and all of the package as it is shipped. */
async function site(t) {
  const shipped = readdirSync(`${HERE}../pkg`).filter((name) => name.endsWith('.js'));
  return serve(t, {
    '/': ['text/html', '<!doctype html><script type=module src=/check.mjs></script>'],
    '/check.mjs': [JS, CHECK],
    '/worker.mjs': [JS, await bundle('worker.mjs')],
    '/map': ['text/html', `<!doctype html><script type=importmap>{"imports":{"evenkeel":"/pkg/index.js"}}</script>
      <script type=module>import { createBalancer } from 'evenkeel';
      globalThis.lb = (servers) => createBalancer({ endpoints: servers }); globalThis.ready = true;</script>`],
    '/csp': ['text/html', '<!doctype html><script type=module src=/csp.mjs></script>', { 'content-security-policy': "script-src 'self'" }],
    '/csp.mjs': [JS, `import { createBalancer, LbError } from '/pkg/index.js';
      try { createBalancer({ endpoints: ['https://a.example'] }); document.title = 'made'; } catch (error) { document.title = error.message; }`],
    '/asm': ['text/html', '<!doctype html><script type=module src=/asm.mjs></script>', { 'content-security-policy': "script-src 'self'" }],
    '/asm.mjs': [JS, `import { createBalancer } from '/pkg/asm.js';
      globalThis.lb = (servers) => createBalancer({ endpoints: servers }); globalThis.ready = true;`],
    '/service_worker.mjs': [JS, await bundle('../examples/service_worker.mjs')],
    '/plain': ['text/html', '<!doctype html>'],
    ...Object.fromEntries(shipped.map((name) => [`/pkg/${name}`, [JS, readFileSync(`${HERE}../pkg/${name}`)]])),
  });
}

for (const [name, [path, launch]] of Object.entries(BROWSERS)) {
  test(name, { skip: !existsSync(path) && `${path} is not installed` }, async (t) => {
    const [{ url }, some] = [await site(t), await servers(t)];
    const browser = await launch();
    t.after(() => browser.close());
    const page = await browser.newPage();
    const open = async (path) => {
      await page.goto(url + path);
      await page.waitForFunction('globalThis.ready || location.pathname === "/plain"');
    };
    await open('/');
    const ask = (path) => page.evaluate(`ask(${JSON.stringify(path)}, ${JSON.stringify(some)})`);
    assert.equal(await ask('/golden'), String(ANSWERS));
    assert.equal(await ask('/requests'), '40');
    works(name, 'module script, bundled by esbuild');

    await open('/map');
    const text = `lb(${JSON.stringify(some)}).fetch('/item?i=7').then((response) => response.text())`;
    assert.equal(await page.evaluate(text), 'item 7');
    works(name, 'import map, no bundler');

    // Where WebAssembly is forbidden, importing harms nothing, and using it says why.
    await page.goto(`${url}/csp`);
    let title;
    do title = await page.title(); while (title === '');
    assert.match(title, /a Content-Security-Policy must allow 'wasm-unsafe-eval', or import evenkeel\/asm/);

    await open('/asm');
    assert.equal(await page.evaluate(text), 'item 7');
    works(name, "evenkeel/asm, with script-src 'self'");

    await open('/plain');
    const script = `/service_worker.mjs?${some.map((server) => `server=${encodeURIComponent(server)}`).join('&')}`;
    await page.evaluate(`navigator.serviceWorker.register(${JSON.stringify(script)}, { type: 'module' }).then(() => navigator.serviceWorker.ready).then(() => true)`);
    // It takes over pages that are opened from now on.
    await open('/plain');
    const answers = await page.evaluate(`(async () => {
      const answers = [];
      for (let i = 0; i < 20; i++) answers.push(await (await fetch('/api/item?i=' + i)).text());
      return answers;
    })()`);
    assert.deepEqual(answers, Array.from({ length: 20 }, (_, i) => `item ${i}`));
    works(name, 'service worker');
  });
}
