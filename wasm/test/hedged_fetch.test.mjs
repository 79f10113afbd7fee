// Which requests of `fetch` go twice at the same time, if nothing answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, RetryBudget } from 'evenkeel';
import { fakeClock } from './support.mjs';

/** How many of a request are under way after a while. */
async function underWay(t, init, options) {
  const { now, advance } = fakeClock(t);
  let sent = 0;
  const fetch = () => (sent++, new Promise(() => {}));
  const lb = createBalancer({ endpoints: ['http://a', 'http://b'], fetch, now, ...options });
  lb.fetch('/', init);
  await advance(1000);
  await advance(1000);
  t.mock.timers.reset();
  return sent;
}

test('one attempt is one', async (t) => {
  for (const retry of [false, { limit: 0 }]) {
    assert.equal(await underWay(t, {}, { retry }), 1);
    assert.equal(await underWay(t, { retry }), 1);
  }
  assert.equal(await underWay(t, {}), 2);
  assert.equal(await underWay(t, { retry: { limit: 1 } }, { retry: false }), 2);
  assert.equal(await underWay(t, { retry: { limit: 1 } }, { hedge: false }), 1);
  assert.equal(await underWay(t, { retry: false, hedge: { afterMs: 100 } }), 2, 'who asks for it has it');
});

test('what may be sent again is not yet what may be sent twice at once', async (t) => {
  const post = { method: 'POST', body: 'x' };
  assert.equal(await underWay(t, post, { retry: { methods: ['post'] } }), 1);
  assert.equal(await underWay(t, post, { retry: { methods: ['post'] }, hedge: { afterMs: 100 } }), 1);
  assert.equal(await underWay(t, { ...post, idempotent: true }), 2);
  assert.equal(await underWay(t, { ...post, headers: { 'idempotency-key': '1' } }), 2);
  assert.equal(await underWay(t, { idempotent: false }), 1);
  // The second of two DELETEs is told that there is nothing, and may be the faster.
  for (const method of ['PUT', 'DELETE']) {
    assert.equal(await underWay(t, { method }), 1);
    assert.equal(await underWay(t, { method }, { hedge: { afterMs: 100 }, retry: { methods: [method] } }), 1);
    assert.equal(await underWay(t, { method, idempotent: true }), 2);
    assert.equal(await underWay(t, { method, headers: new Headers({ 'Idempotency-Key': '1' }) }), 2);
  }
  for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.equal(await underWay(t, { method }), 2);
});

test('a budget of one request is shared with others, or none', async () => {
  const lb = createBalancer({ endpoints: ['http://a'], fetch: async () => new Response(null) });
  await assert.rejects(lb.fetch('/', { retry: { budget: { ratio: 0.1 } } }), { name: 'TypeError', message: /^retry\.budget of a request must be/ });
  await lb.fetch('/', { retry: { budget: new RetryBudget({ ratio: 0.1 }) } });
  await lb.fetch('/', { retry: { budget: false } });
});

test('waits and hedges are checked when the balancer is made', () => {
  const create = (options) => () => createBalancer({ endpoints: ['http://a'], ...options });
  assert.throws(create({ hedge: { after: '95' } }), /hedge\.after must be a percentile/);
  assert.throws(create({ hedge: {} }), /hedge\.afterMs/);
  assert.throws(create({ hedge: true }), /hedge must be an object/);
  assert.throws(create({ retry: { backoff: { baseMs: 5 } } }), /retry\.backoff\.maxMs/);
  assert.throws(create({ retry: { backoff: '5' } }), /retry\.backoff/);
  for (const options of [{ hedge: { after: 'p95' } }, { hedge: { afterMs: 5, max: 2 } }, { hedge: false }, { retry: { backoff: 5 } }]) create(options)();
});
