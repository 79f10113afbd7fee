// What `lb.fetch` makes of a `Request` and an init: what fetch makes of them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { fetch as otherFetch, Headers as OtherHeaders, Request as OtherRequest } from 'undici';
import { serve } from './support.mjs';

/** Answers with what it was sent. */
function echo(request, response) {
  const { authorization, 'content-type': type } = request.headers;
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => response.end(`${request.method} ${Buffer.concat(chunks)} ${authorization} ${type}`));
}

const GIVEN_UP = AbortSignal.abort(new Error('given up'));

test('a Request with an init: what that leaves undefined, or null, stays as the Request says', async (t) => {
  const { url } = await serve(t, echo);
  const lb = createBalancer({ endpoints: [url] });
  const request = (more) => new Request(url, { method: 'POST', body: 'abc', headers: { authorization: 'me' }, ...more });
  const inits = [{}, { method: undefined }, { headers: undefined }, { body: undefined }, { body: null }, { signal: null }, { redirect: undefined }];
  for (const init of [...inits, { method: 'PUT' }, { body: 'def' }, { headers: { authorization: 'you' } }]) {
    const expected = await (await fetch(request(), init)).text();
    assert.equal(await (await lb.fetch(request(), init)).text(), expected, JSON.stringify(init));
  }
  await assert.rejects(lb.fetch(request({ signal: GIVEN_UP })), /given up/);
  const response = await lb.fetch(request({ signal: GIVEN_UP }), { signal: null });
  assert.match(await response.text(), /^POST abc me/, 'null takes the signal away');
  const kept = request({ signal: GIVEN_UP });
  await assert.rejects(lb.fetch(kept), /given up/);
  assert.equal(kept.bodyUsed, false);
});

test('a promise is no body', async (t) => {
  const server = await serve(t, echo);
  const lb = createBalancer({ endpoints: [server.url] });
  await assert.rejects(lb.fetch('/', { method: 'POST', body: async () => 'abc' }), /TypeError: body must give no promise/);
  assert.deepEqual([server.hits, lb.endpoints()[0].failures], [0, 0]);
});

test('headers of another class tell of an Idempotency-Key, too', async (t) => {
  const server = await serve(t, (_, response) => response.writeHead(500).end());
  const lb = createBalancer({ endpoints: [server.url], retry: { limit: 1, backoff: 0 } });
  await lb.fetch('/', { method: 'POST', headers: new OtherHeaders({ 'idempotency-key': '1' }) });
  assert.equal(server.hits, 2);
});

test('a Request of another class is one', async (t) => {
  const { url } = await serve(t, echo);
  for (const fetch of [undefined, otherFetch]) {
    const lb = createBalancer({ endpoints: [url], ...(fetch ? { fetch } : {}) });
    const request = () => new OtherRequest('http://service/', { method: 'POST', body: 'abc', headers: { authorization: 'me' } });
    for (const sent of [[request()], ['/', request()]]) assert.match(await (await lb.fetch(...sent)).text(), /^POST abc me/);
  }
});

test('a program ends though nobody reads its answer', { timeout: 30_000 }, async (t) => {
  const { url } = await serve(t);
  const script = `
    import { createBalancer } from 'evenkeel';
    const lb = createBalancer({ endpoints: ['${url}'], timeoutMs: 2 ** 31 - 1 });
    await lb.fetch('/');
    process.on('exit', () => console.log('timers', process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  let said = '';
  child.stdout.on('data', (text) => (said += text));
  const [code] = await once(child, 'close');
  assert.deepEqual([code, said], [0, 'timers 0\n']);
});
