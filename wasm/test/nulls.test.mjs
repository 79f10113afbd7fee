// `null` is no option: it is refused, whatever stands beside it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, Call, createBalancer } from 'evenkeel';

const REQUEST = ['key', 'idempotent', 'retry', 'hedge', 'timeoutMs', 'attemptTimeoutMs', 'classify', 'accept'];
const WAITS = { baseMs: 1, maxMs: 1, jitter: null };

for (const beside of [{}, { timeoutMs: 1000 }, { retry: false }]) {
  test(`of a request, beside ${JSON.stringify(beside)}`, async () => {
    const lb = createBalancer({ endpoints: ['http://a'], fetch: async () => new Response('ok') });
    for (const name of REQUEST) {
      const options = { ...beside, [name]: null };
      const refusal = { name: 'TypeError', message: new RegExp(`^${name} must be .*, not null$`) };
      await assert.rejects(lb.fetch('/', options), refusal, name);
      await assert.rejects(lb.call(() => 'sent', options), refusal, name);
    }
  });
}

test('of balancers and calls', () => {
  const endpoints = ['http://a'];
  for (const name of ['eject', 'levels', 'policy', 'fetch', 'now', 'seed', 'onEvent', 'removalGraceMs', 'maxInFlight', ...REQUEST.slice(2)]) {
    assert.throws(() => createBalancer({ endpoints, [name]: null }), /not null$/, name);
  }
  assert.throws(() => createBalancer({ endpoints, retry: { backoff: WAITS } }), /not null$/);
  for (const name of ['key', 'attempts', 'timeoutMs', 'backoff', 'hedge']) assert.throws(() => new Call(new Balancer({ endpoints }), { [name]: null }), /not null$/, name);
});
