// The bodies of answers: until they end, the request is in flight, and the caller's signal and deadline hold.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { serve } from './support.mjs';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

/** Sends a head and the begin of a body; `finish` and `breakOff` say how it goes on. */
async function streaming(t, options = {}) {
  const open = [];
  const server = await serve(t, (_, response) => {
    open.push(response);
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('begin ');
  });
  const lb = createBalancer({ endpoints: [server.url], ...options });
  const closed = () => Promise.all(open.map((response) => response.closed || new Promise((resolve) => response.on('close', resolve))));
  const endpoint = () => lb.endpoints()[0];
  return { lb, server, closed, endpoint, finish: () => open.at(-1).end('end'), breakOff: (place = -1) => open.at(place).destroy() };
}

/** There others read bodies, too, so all is read as a stream. */
const WRAPPED = 'EdgeRuntime' in globalThis;

const READERS = {
  text: (response) => response.text(),
  arrayBuffer: async (response) => new TextDecoder().decode(await response.arrayBuffer()),
  blob: async (response) => (await response.blob()).text(),
  stream: async (response) => {
    let text = '';
    for await (const chunk of response.body) text += new TextDecoder().decode(chunk);
    return text;
  },
  'stream, then text': (response) => {
    assert.ok(response.body instanceof ReadableStream);
    assert.equal(response.body, response.body);
    assert.equal(response.bodyUsed, false);
    return response.text();
  },
  'into a buffer': async (response) => {
    const reader = response.body.getReader({ mode: 'byob' });
    let text = '';
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(4));
      if (done) return text;
      text += new TextDecoder().decode(value);
    }
  },
  clone: async (response) => {
    const [one, two] = await Promise.allSettled([response.clone().text(), response.text()]);
    if (two.reason) throw two.reason;
    assert.equal(one.value, two.value);
    return two.value;
  },
};

for (const [name, read] of Object.entries(READERS)) {
  test(`${name}: in flight until the end`, async (t) => {
    const { lb, finish, endpoint } = await streaming(t);
    const response = await lb.fetch('/');
    assert.equal(endpoint().inFlight, 1);
    const text = read(response);
    finish();
    assert.equal(await text, 'begin end');
    assert.deepEqual([endpoint().successes, endpoint().failures, endpoint().inFlight], [1, 0, 0]);
    assert.equal(response.bodyUsed, true);
    await assert.rejects(response.text(), TypeError);
  });

  test(`${name}: a body that breaks is a failure, and thrown`, async (t) => {
    const { lb, breakOff, endpoint } = await streaming(t);
    const reading = read(await lb.fetch('/', { retry: false }));
    breakOff();
    await assert.rejects(reading);
    assert.deepEqual([endpoint().successes, endpoint().failures, endpoint().inFlight], [0, 1, 0], 'and no success');
  });

  test(`${name}: the caller's abort reaches it`, async (t) => {
    const { lb, closed, endpoint } = await streaming(t);
    const caller = new AbortController();
    const reading = read(await lb.fetch('/', { signal: caller.signal }));
    const reason = new Error('mine');
    setImmediate(() => caller.abort(reason));
    await assert.rejects(reading, (error) => error === reason);
    await closed();
    assert.deepEqual([endpoint().successes, endpoint().failures, endpoint().inFlight], [1, 0, 0]);
  });

  test(`${name}: the deadline reaches it`, async (t) => {
    const { lb, closed, endpoint } = await streaming(t, { timeoutMs: 200 });
    await assert.rejects(read(await lb.fetch('/')), { name: 'TimeoutError' });
    await closed();
    assert.deepEqual([endpoint().failures, endpoint().inFlight], [1, 0], 'it did not finish in time');
  });
}

for (const method of ['GET', 'POST']) {
  test(`${method}: a body that breaks before its reader has anything of it`, async (t) => {
    let bad = true;
    const server = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      if (!bad) return response.end('x'.repeat(100));
      bad = false;
      if (WRAPPED) response.flushHeaders();
      else response.write('part');
      setImmediate(() => response.destroy());
    });
    const lb = createBalancer({ endpoints: [server.url] });
    const response = await lb.fetch('/', { method });
    // A write may have been done: it is not sent again.
    if (method === 'POST') await assert.rejects(response.text());
    else assert.equal(await response.text(), 'x'.repeat(100));
    assert.equal(server.hits, method === 'GET' ? 2 : 1);
    const [{ failures, inFlight }] = lb.endpoints();
    assert.deepEqual([failures, inFlight], [1, 0]);
  });
}

test('a body that goes on: its head tells, and it is in flight', async (t) => {
  const { lb, endpoint, finish, breakOff } = await streaming(t);
  const [first, second] = [await lb.fetch('/', { retry: false }), await lb.fetch('/', { retry: false })];
  while (endpoint().successes < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(endpoint().inFlight, 2);
  finish();
  assert.equal(await second.text(), 'begin end');
  assert.deepEqual([endpoint().successes, endpoint().failures, endpoint().inFlight], [2, 0, 1]);
  breakOff(0);
  await assert.rejects(first.text());
  assert.deepEqual([endpoint().successes, endpoint().inFlight], [2, 0]);
  assert.ok(endpoint().failures >= 1);
});

test('a body that is canceled ends the request', async (t) => {
  const { lb, closed, endpoint } = await streaming(t);
  await (await lb.fetch('/')).body.cancel();
  await closed();
  assert.deepEqual([endpoint().successes, endpoint().failures, endpoint().inFlight], [1, 0, 0]);
});

test('who holds no more than the stream may read it yet', async (t) => {
  const { lb, finish } = await streaming(t);
  const { stream, dropped } = await lb.fetch('/').then((response) => ({ stream: response.body, dropped: new WeakRef({}) }));
  while (dropped.deref()) await new Promise((resolve) => setImmediate(() => resolve(gc())));
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(() => resolve(gc())));
  finish();
  assert.equal(await new Response(stream).text(), 'begin end');
});

test('a clone alone may be read, or the one after the other', async (t) => {
  const { lb, server, finish, endpoint } = await streaming(t);
  const response = await lb.fetch('/x');
  const clone = response.clone();
  const text = clone.text();
  finish();
  assert.equal(await text, 'begin end');
  assert.deepEqual([endpoint().successes, endpoint().inFlight], [1, 0]);
  assert.equal(response.bodyUsed, false);
  assert.equal(await new Response(response.body).text(), 'begin end');
  assert.equal(response.bodyUsed, true);
  if (!WRAPPED) assert.equal(clone.url, `${server.url}/x`);
  assert.throws(() => response.clone(), TypeError);
});

for (const when of ['while it is read', 'after it was read']) {
  test(`a body is used ${when}, whatever is asked of it`, async (t) => {
    const { lb, finish, endpoint } = await streaming(t);
    const response = await lb.fetch('/');
    const text = response.text();
    if (when === 'after it was read') {
      finish();
      await text;
    }
    assert.equal(response.bodyUsed, true);
    assert.throws(() => response.clone(), TypeError);
    assert.throws(() => response.body.getReader(), TypeError);
    assert.equal(response.bodyUsed, true);
    await assert.rejects(response.body.cancel(), TypeError);
    finish();
    assert.equal(await text, 'begin end');
    assert.deepEqual([endpoint().successes, endpoint().inFlight], [1, 0]);
  });
}

test('who drops its reader halfway lets it go', async (t) => {
  const { lb, closed, endpoint } = await streaming(t);
  const read = async () => (await (await lb.fetch('/')).body.getReader().read()).value;
  assert.ok(await read());
  assert.equal(endpoint().inFlight, 1);
  while (endpoint().inFlight > 0) await new Promise((resolve) => setImmediate(() => resolve(gc())));
  await closed();
});

test('JSON that does not parse is no fault of the endpoint', async (t) => {
  const server = await serve(t, (_, response) => response.end('{'));
  const lb = createBalancer({ endpoints: [server.url] });
  await assert.rejects((await lb.fetch('/')).json(), SyntaxError);
  const [{ successes, failures, inFlight }] = lb.endpoints();
  assert.deepEqual([successes, failures, inFlight], [1, 0, 0]);
});

test('a reader who asks for what the body is not is at fault himself', async (t) => {
  const server = await serve(t);
  const lb = createBalancer({ endpoints: [server.url] });
  const response = await lb.fetch('/');
  await assert.rejects(response.formData(), TypeError);
  const [{ successes, failures, inFlight }] = lb.endpoints();
  assert.deepEqual([server.hits, successes, failures, inFlight], [1, 1, 0, 0]);
});

test('the response is that of fetch', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.url === '/from') response.writeHead(302, { location: '/to' }).end();
    else response.writeHead(201, { 'x-y': 'z' }).end('{"a":1}');
  });
  const lb = createBalancer({ endpoints: [server.url] });
  const response = await lb.fetch('/from');
  assert.ok(response instanceof Response);
  assert.deepEqual([response.status, response.ok, response.redirected, response.url], [201, true, true, `${server.url}/to`]);
  assert.equal(response.headers.get('x-y'), 'z');
  assert.deepEqual(await response.json(), { a: 1 });
  assert.equal(lb.endpoints()[0].inFlight, 0);
  const empty = await lb.fetch('/', { method: 'HEAD' });
  assert.equal(empty.body, null);
  assert.equal(lb.endpoints()[0].inFlight, 0, 'nothing to read');
});

test('answers that are not taken leave no socket', async (t) => {
  let open = 0;
  let least = () => {};
  const endless = await serve(t, (_, response) => {
    open++;
    response.on('close', () => (open--, least()));
    response.writeHead(500);
    response.write('and so on');
  });
  const lb = createBalancer({ endpoints: [endless.url], retry: { backoff: 0, budget: false }, eject: false });
  for (let i = 0; i < 60; i++) {
    await assert.rejects(lb.call(async ({ url, signal }) => {
      const response = await fetch(url, { signal });
      if (!response.ok) throw new Error(String(response.status));
    }));
  }
  while (open > 1) await new Promise((resolve) => (least = resolve));
  assert.equal(endless.hits, 180);
  // Of an answer that is returned, the attempts before it are gone.
  const response = await lb.fetch('/');
  assert.equal(response.status, 500);
  while (open > 1) await new Promise((resolve) => (least = resolve));
  await response.body.cancel();
  while (open > 0) await new Promise((resolve) => (least = resolve));
});

test('one listener on a signal, however many requests share it, and none in the end', async (t) => {
  const server = await serve(t);
  const lb = createBalancer({ endpoints: [server.url] });
  const { signal } = new AbortController();
  let [listeners, most] = [0, 0];
  for (const [name, change] of [['addEventListener', 1], ['removeEventListener', -1]]) {
    const original = signal[name].bind(signal);
    // What fetch itself adds is on the attempts' signals.
    signal[name] = (...args) => {
      listeners += change;
      most = Math.max(most, listeners);
      return original(...args);
    };
  }
  await Promise.all(Array.from({ length: 100 }, async () => (await lb.fetch('/', { signal })).text()));
  assert.deepEqual([listeners, most], [0, 1]);
});

test('no timer outlives its answer', async (t) => {
  const server = await serve(t);
  const set = t.mock.method(globalThis, 'setTimeout');
  const cleared = t.mock.method(globalThis, 'clearTimeout');
  const lb = createBalancer({ endpoints: [server.url], timeoutMs: 5000, attemptTimeoutMs: 5000 });
  const response = await lb.fetch('/');
  await response.text();
  const ours = set.mock.calls.filter(({ arguments: [, delay] }) => delay > 900 && delay <= 5000).map(({ result }) => result);
  const gone = new Set(cleared.mock.calls.map(({ arguments: [id] }) => id));
  assert.ok(ours.length >= 2);
  assert.deepEqual(ours.filter((id) => !gone.has(id)), []);
});
