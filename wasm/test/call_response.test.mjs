// What `lb.call` makes of values that are responses, and of a caller who gives up himself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, Balancer } from 'evenkeel';
import { fakeClock, serve } from './support.mjs';

async function endless(t, options) {
  const server = await serve(t, (_, response) => response.writeHead(200).write('begin '));
  const lb = createBalancer({ endpoints: [server.url], ...options });
  return { lb, get: (init) => lb.call(({ url, signal }) => fetch(url, { signal }), init), endpoint: () => lb.endpoints()[0] };
}

test("the caller's signal reaches the body of a response", async (t) => {
  const { get, endpoint } = await endless(t);
  const caller = new AbortController();
  const response = await get({ signal: caller.signal });
  assert.equal(endpoint().inFlight, 1);
  const reading = response.text();
  const reason = new Error('mine');
  caller.abort(reason);
  await assert.rejects(reading, (error) => error === reason);
  assert.equal(endpoint().inFlight, 0);
});

test("the call's time reaches the body of a response", async (t) => {
  const { now, advance } = fakeClock(t);
  const lb = createBalancer({ endpoints: ['http://a'], now });
  const hangs = (signal) => new ReadableStream({ start: (controller) => signal.addEventListener('abort', () => controller.error(signal.reason)) });
  const response = await lb.call(({ signal }) => new Response(hangs(signal)), { timeoutMs: 200 });
  const reading = assert.rejects(response.text(), { name: 'TimeoutError' });
  await advance(200);
  await reading;
  const [{ failures, inFlight }] = lb.endpoints();
  assert.deepEqual([failures, inFlight], [1, 0]);
});

const REASONS = { 'no reason': undefined, 'an error': new Error('mine'), 'a time-out': new DOMException('mine', 'TimeoutError'), 'a text': 'mine' };

for (const [name, read] of Object.entries({ text: (response) => response.text(), stream: (response) => new Response(response.body).text() })) {
  for (const [what, reason] of Object.entries(REASONS)) {
    test(`${name}: a body that the caller gives up by a signal of his own, for ${what}, is no failure`, async (t) => {
      const { lb, endpoint } = await endless(t);
      const mine = new AbortController();
      const response = await lb.call(({ url, signal }) => fetch(url, { signal: AbortSignal.any([signal, mine.signal]) }));
      const reading = read(response);
      mine.abort(reason);
      await assert.rejects(reading, (error) => error === mine.signal.reason);
      assert.deepEqual([endpoint().successes, endpoint().failures, endpoint().inFlight], [1, 0, 0]);
    });
  }
}

test('a response that was read is over', async (t) => {
  const server = await serve(t);
  const lb = createBalancer({ endpoints: [server.url] });
  await lb.call(async ({ url, signal }) => {
    const response = await fetch(url, { signal });
    await response.text();
    return response;
  });
  assert.deepEqual(lb.endpoints().map(({ successes, inFlight }) => [successes, inFlight]), [[1, 0]]);
});

test("the balancer's accept is for answers of fetch", async () => {
  const lb = createBalancer({ endpoints: ['http://a'], accept: (response) => response.headers.has('x') });
  assert.equal(await lb.call(() => 'a value'), 'a value');
});

for (const [name, balancer] of [['createBalancer', createBalancer], ['Balancer', (options) => new Balancer(options)]]) {
  test(`${name}: who gives up what he sends himself is not sent elsewhere`, async () => {
    const lb = balancer({ endpoints: ['http://a', 'http://b'] });
    let calls = 0;
    const mine = new DOMException('mine', 'AbortError');
    const sent = () => (calls++, Promise.reject(mine));
    await assert.rejects(lb.call(sent), (error) => error === mine);
    const sums = () => ['canceled', 'failures', 'inFlight'].map((name) => lb.endpoints().reduce((sum, endpoint) => sum + endpoint[name], 0));
    assert.deepEqual([calls, ...sums()], [1, 1, 0, 0]);
    await assert.rejects(lb.call(sent, { classify: () => 'retryable_failure' }), { code: 'attempts' });
    assert.equal(calls, 4);
  });
}
