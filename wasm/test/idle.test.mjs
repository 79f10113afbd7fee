// Bodies of which nothing comes for too long, over real servers.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { fakeClock, serve, settle, until } from './support.mjs';

/** One for all tests: fetch's connections outlive a test, and have timers of their own. */
const { now, advance } = fakeClock({ mock });

/** A balancer over a server whose answers the test writes, and one that answers at once. */
async function over(t, options) {
  const open = [];
  let pieces = 0;
  const bad = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': '4' }).flushHeaders();
    open.push(response);
  });
  const good = await serve(t, (_, response) => response.writeHead(200, { 'content-length': '4' }).end('good'));
  const counted = async (...args) => {
    const response = await fetch(...args);
    const count = new TransformStream({ transform: (piece, controller) => (pieces++, controller.enqueue(piece)) });
    return new Response(response.body.pipeThrough(count), response);
  };
  const endpoints = [{ url: bad.url }, { url: good.url, priority: 1 }];
  const lb = createBalancer({ endpoints, fetch: counted, retry: { backoff: 0 }, hedge: false, seed: 1, now, bodyIdleTimeoutMs: 400, ...options });
  /** So many pieces of bodies have come. */
  const came = async (count) => (await until(() => pieces === count), settle());
  const endpoint = () => lb.endpoints().find(({ url }) => url === bad.url);
  return { lb, bad, good, open, endpoint, counted, came };
}

const late = { name: 'TimeoutError', message: /^nothing of the body came for \d+ ms$/ };
const stream = (response) => new Response(response.body).text();
const READERS = { text: (response) => response.text(), bytes: (response) => response.arrayBuffer(), stream };

for (const [name, read] of Object.entries(READERS)) {
  for (const begun of [false, true]) {
    for (const how of ['fetch', 'call']) {
      test(`${name} of ${how}: a body that stops${begun ? ' in the middle' : ''} ends, and its endpoint has failed`, async (t) => {
        const { lb, bad, good, open, endpoint, counted, came } = await over(t);
        const response = await (how === 'fetch' ? lb.fetch('/') : lb.call(({ url, signal }) => counted(url, { signal })));
        const reading = assert.rejects(read(response), late);
        await advance(399);
        if (begun) {
          open[0].write('go');
          await came(1);
          await advance(399);
        }
        assert.equal(endpoint().inFlight, 1);
        await advance(1);
        await reading;
        // Of a head half a second ago it was told then.
        assert.deepEqual([endpoint().failures, endpoint().successes, endpoint().inFlight], [1, Number(begun), 0]);
        assert.deepEqual([bad.hits, good.hits], [1, 0]);
        await until(() => bad.busy === 0);
      });
    }
  }

  test(`${name}: a body may take as long as it likes if each piece is in time`, async (t) => {
    const { lb, open, endpoint, came } = await over(t);
    const reading = read(await lb.fetch('/'));
    for (const [at, piece] of [...'good'].entries()) {
      await advance(399);
      open[0].write(piece);
      await came(at + 1);
    }
    const value = await reading;
    assert.equal(typeof value === 'string' ? value : new TextDecoder().decode(value), 'good');
    await advance(5000);
    assert.deepEqual([endpoint().failures, endpoint().successes, endpoint().inFlight], [0, 1, 0]);
  });
}

test('time in which nobody reads does not count', async (t) => {
  const { lb, open, endpoint } = await over(t);
  const reader = (await lb.fetch('/')).body.getReader();
  await advance(5000);
  open[0].write('go');
  assert.equal(new TextDecoder().decode((await reader.read()).value), 'go');
  await advance(5000);
  open[0].end('od');
  assert.equal(new TextDecoder().decode((await reader.read()).value), 'od');
  assert.equal((await reader.read()).done, true);
  assert.deepEqual([endpoint().failures, endpoint().successes], [0, 1]);
});

for (const [name, read] of Object.entries(READERS)) {
  test(`${name}: a body that breaks is asked for elsewhere, in the time of the piece`, async (t) => {
    let other;
    const { lb, open, bad, came } = await over(t);
    const slow = await serve(t, (_, response) => (other = response));
    lb.update([{ url: bad.url }, { url: slow.url, priority: 1 }]);
    const reading = read(await lb.fetch('/'));
    if (read !== stream) {
      // Who reads it whole has nothing of it yet.
      open[0].write('go');
      await came(1);
    }
    open[0].destroy();
    await until(() => other);
    other.writeHead(200, { 'content-length': '4' }).end('good');
    const value = await reading;
    assert.equal(typeof value === 'string' ? value : new TextDecoder().decode(value), 'good');
  });
}

test('the limit holds while another body is asked for', async (t) => {
  const { lb, open, bad } = await over(t);
  let asked = false;
  const hangs = await serve(t, () => (asked = true));
  lb.update([{ url: bad.url }, { url: hangs.url, priority: 1 }]);
  const response = await lb.fetch('/');
  const reading = assert.rejects(stream(response), late);
  await advance(200);
  open[0].destroy();
  await until(() => asked);
  await advance(200);
  await reading;
});

test('by default there is no limit, and a request may have its own', async (t) => {
  const { lb, open } = await over(t, { bodyIdleTimeoutMs: undefined });
  const [patient, hasty] = [await lb.fetch('/'), await lb.fetch('/', { bodyIdleTimeoutMs: 10 })];
  const reading = [patient.text(), assert.rejects(hasty.text(), late)];
  await advance(100_000);
  await reading[1];
  open[0].end('good');
  assert.equal(await reading[0], 'good');
});

test('it is checked', async () => {
  const create = (bodyIdleTimeoutMs) => () => createBalancer({ endpoints: ['http://a'], bodyIdleTimeoutMs });
  assert.throws(create(0), /^RangeError: bodyIdleTimeoutMs must be/);
  assert.throws(create('1'), /^TypeError: bodyIdleTimeoutMs must be/);
  await assert.rejects(createBalancer({ endpoints: ['http://a'] }).fetch('/', { bodyIdleTimoutMs: 5 }), /did you mean bodyIdleTimeoutMs\?/);
});
