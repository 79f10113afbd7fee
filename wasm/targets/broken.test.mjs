// Connections that are refused and answers that break, in Chromium and Firefox: `lb.fetch` and `lb.call` do what they do in Node.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import * as evenkeel from 'evenkeel';
import { BROWSERS } from './browsers.mjs';
import { play } from './broken.mjs';
import { HERE, serve } from './support.mjs';

/** A server whose answers break, if it is the bad one. */
async function breaking(t, cors = true) {
  let held;
  const begin = (response) => response.writeHead(200, { 'content-length': '4' }).write('pa');
  const server = createServer((request, response) => {
    if (cors) response.setHeader('access-control-allow-origin', '*');
    response.setHeader('content-type', 'text/plain');
    if (request.url === '/break-off') return response.end(String(held?.destroy()));
    if (request.url === '/reset' && cors === 'bad') return request.socket.destroy();
    if (request.url === '/broken' && cors === 'bad') return begin(response), setImmediate(() => request.socket.destroy());
    if (request.url === '/chunked' && cors === 'bad') return response.write('pa'), setImmediate(() => request.socket.destroy());
    if (request.url === '/held' && cors === 'bad') return (held = request.socket), begin(response);
    // What stands in for a body has a length if that had one.
    if (request.url === '/chunked') response.write('go');
    response.end(request.url === '/chunked' ? 'od' : 'good');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${server.address().port}`;
}

async function servers(t) {
  const down = await serve(t);
  await down.stop();
  return { bad: await breaking(t, 'bad'), good: await breaking(t), deaf: await breaking(t, false), down: down.url };
}

const [again, thrown] = [{ seen: 'good', sent: [1, 1], failures: 1, inFlight: 0 }, { seen: 'an error', sent: [1, 0], failures: 1, inFlight: 0 }];
const EXPECTED = {
  'a body that breaks': again,
  'a body that breaks, without a length': again,
  'a body that breaks, of a POST': thrown,
  'a body that breaks, of a POST, as a stream': thrown,
  'a body that breaks while it is read': thrown,
  'a body that breaks, of a call': thrown,
  'a body that breaks, of a call, as a stream': thrown,
  'reset before the head': again,
  'reset before the head, of a POST': { ...thrown, seen: 'non_retryable_failure' },
  refused: again,
  'an answer that says nothing of origins': again,
  'a body that was given up': { ...thrown, failures: 0 },
};

for (const [name, [path, launch]] of Object.entries({ Node: [process.execPath], ...BROWSERS })) {
  test(name, { skip: !existsSync(path) && `${path} is not installed` }, async (t) => {
    const urls = await servers(t);
    let played;
    if (launch) {
      const js = (file) => ['text/javascript', readFileSync(HERE + file)];
      const shipped = readdirSync(`${HERE}../pkg`).filter((file) => file.endsWith('.js'));
      const { url } = await serve(t, {
        '/': ['text/html', `<!doctype html><script type=module>import * as evenkeel from '/pkg/index.js'; import { play } from '/broken.mjs';
          globalThis.play = (urls) => play(evenkeel, urls);</script>`],
        '/broken.mjs': js('broken.mjs'),
        ...Object.fromEntries(shipped.map((file) => [`/pkg/${file}`, js(`../pkg/${file}`)])),
      });
      const browser = await launch();
      t.after(() => browser.close());
      const page = await browser.newPage();
      await page.goto(url);
      await page.waitForFunction('globalThis.play');
      played = await page.evaluate(`play(${JSON.stringify(urls)})`);
    } else played = await play(evenkeel, urls);
    t.diagnostic(JSON.stringify(played.words));
    // Origins are for browsers to ask about.
    const expected = launch ? EXPECTED : { ...EXPECTED, 'an answer that says nothing of origins': { seen: 'good', sent: [1, 0], failures: 0, inFlight: 0 } };
    assert.deepEqual(played.results, expected);
  });
}
