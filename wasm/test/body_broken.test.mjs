// Bodies that a fetch of the caller's own breaks off in words and for reasons of its own: their endpoint failed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { serve } from './support.mjs';

const REASONS = [
  new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
  ...['aborted', 'premature close', 'A network error occurred.', 'internal error; reference = 0123456789'].map((text) => new Error(text)),
  'a text',
];

for (const [name, read] of Object.entries({ text: (response) => response.text(), stream: (response) => new Response(response.body).text() })) {
  for (const reason of REASONS) {
    test(`${name}: a body that hangs until lb.fetch's own fetch gives it up: ${reason}`, async (t) => {
      const [bad, good] = [await serve(t, (_, response) => response.writeHead(200, { 'content-length': '2' }).flushHeaders()), await serve(t)];
      const own = async (url, init) => {
        const limit = new AbortController();
        const response = await fetch(url, { ...init, signal: AbortSignal.any([init.signal, limit.signal]) });
        if (url.startsWith(bad.url)) setImmediate(() => limit.abort(reason));
        return response;
      };
      const lb = createBalancer({ endpoints: [{ url: bad.url }, { url: good.url, priority: 1 }], hedge: false, retry: { backoff: 0 }, fetch: own });
      for (let i = 0; i < 10; i++) assert.equal(await read(await lb.fetch('/')), 'ok');
      const { health, successes, failures, inFlight } = lb.endpoints().find(({ url }) => url === bad.url);
      assert.deepEqual([health, successes, failures, inFlight], ['ejected', 0, bad.hits, 0]);
      assert.ok(bad.hits < 10, `${bad.hits}`);
    });
  }
}
