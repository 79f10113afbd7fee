// The small entry. In a file of its own, as of several entries in one process only one counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, createBalancer } from 'evenkeel/lite';

const A = 'https://a.example';
const B = 'https://b.example';

test('lite balances, ejects and fetches, and tells what it has not', async () => {
  const seen = [];
  const fetch = async (url) => {
    seen.push(url);
    return new Response('ok', { status: url.startsWith(A) ? 500 : 200 });
  };
  for (const policy of ['round_robin', 'weighted_round_robin', 'random', 'least_request', 'peak_ewma']) {
    const lb = createBalancer({ endpoints: [A, B], policy, fetch, seed: 1, retry: { budget: false } });
    for (let request = 0; request < 20; request++) {
      assert.equal((await lb.fetch('/x')).status, 200);
      if (policy === 'peak_ewma') lb.pick({ avoid: [B] })?.fail();
    }
    if (policy !== 'least_request' && policy !== 'random') assert.ok(lb.endpoints()[0].failures > 0, policy);
    assert.throws(() => lb.state(), /^Error: evenkeel\/lite keeps no state/);
  }
  assert.equal(seen.length > 100, true);
  assert.throws(() => createBalancer({ endpoints: [A], policy: 'maglev' }), /RangeError: evenkeel\/lite has the policies round_robin, .*, not "maglev"/);
  assert.throws(() => createBalancer({ endpoints: [A], eject: false }), /RangeError: evenkeel\/lite has the default settings, and takes no eject/);
  assert.throws(() => createBalancer({ endpoints: [A], slowStartMs: 1 }), /TypeError: options of evenkeel\/lite \(all are in "evenkeel"\) has no "slowStartMs"/);
  assert.throws(() => new Balancer({ endpoints: [A], config: { slowStartMs: 1 } }), /takes no slowStartMs/);
});
