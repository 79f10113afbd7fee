// Answers where others than JavaScript read bodies: Workers, Deno, Bun, service workers. There the response is a new one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
globalThis.EdgeRuntime = 'as if';
const { createBalancer } = await import('evenkeel');
await import('./body_timed.test.mjs');

const json = async () => 'mine';
const counts = (lb) => lb.endpoints().map(({ successes, inFlight }) => [successes, inFlight])[0];

for (const [name, ask] of Object.entries({
  fetch: (make) => createBalancer({ endpoints: ['http://a'], fetch: async () => make() }).fetch('/'),
  call: (make) => createBalancer({ endpoints: ['http://a'] }).call(make),
})) {
  test(`${name}: what a client put on a response stays on it`, async () => {
    const given = Object.assign(new Response('x'), { json });
    const response = await ask(() => given);
    assert.notEqual(response, given);
    assert.equal(response.json, json);
    assert.equal(await response.text(), 'x');
  });
}

test('a mock keeps what is its own, and its body is followed', async () => {
  const mock = { status: 201, body: new Blob(['mocked']).stream(), text: async () => 'not followed', extra: 1 };
  const lb = createBalancer({ endpoints: ['http://a'], fetch: async () => mock });
  const response = await lb.fetch('/');
  assert.deepEqual([response.status, response.extra, counts(lb)], [201, 1, [0, 1]]);
  assert.equal(await response.text(), 'mocked');
  assert.deepEqual(counts(lb), [1, 0]);
});

test('a response that a balancer made anew may be made so by another', async () => {
  const inner = createBalancer({ endpoints: ['http://a'], fetch: async () => new Response('x') });
  const outer = createBalancer({ endpoints: ['http://b'], fetch: inner.fetch });
  assert.equal(await (await outer.fetch('/')).text(), 'x');
  assert.deepEqual([counts(inner), counts(outer)], [[1, 0], [1, 0]]);
});

test("a call's response of another class is left alone", async () => {
  class Mine extends Response {}
  const lb = createBalancer({ endpoints: ['http://a'] });
  const given = new Mine('x');
  assert.equal(await lb.call(() => given), given);
  assert.deepEqual(counts(lb), [1, 0]);
});
