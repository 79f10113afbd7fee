import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer } from 'evenkeel';

const A = 'https://a.example';
const B = 'https://b.example';
const C = 'https://c.example';

function picks(balancer, count) {
  return Array.from({ length: count }, () => {
    const pick = balancer.pick();
    pick.ok();
    return pick.url;
  });
}

test('round robin goes through the endpoints in the order of their URLs', () => {
  const balancer = new Balancer({ endpoints: [C, A, B], policy: 'round_robin' });
  const first = picks(balancer, 3);
  assert.deepEqual([...first].sort(), [A, B, C]);
  assert.deepEqual(picks(balancer, 3), first);
  assert.equal([A, B, C][([A, B, C].indexOf(first[0]) + 1) % 3], first[1]);
});

test('random reaches every endpoint', () => {
  const balancer = new Balancer({ endpoints: [A, B, C], policy: 'random' });
  assert.deepEqual([...new Set(picks(balancer, 200))].sort(), [A, B, C]);
});

test('the same seed gives the same picks, as a number and as a bigint', () => {
  const run = (seed) => picks(new Balancer({ endpoints: [A, B, C], policy: 'random', seed }), 50);
  assert.deepEqual(run(7), run(7n));
  assert.notDeepEqual(run(7), run(8));
  assert.notDeepEqual(run(7n), run(7n + (1n << 32n)));
});

test('balancers without a seed differ', () => {
  const run = () => picks(new Balancer({ endpoints: [A, B, C], policy: 'random' }), 50);
  assert.notDeepEqual(run(), run());
});

test('no random numbers are asked for before the first pick', (t) => {
  const random = t.mock.method(crypto, 'getRandomValues');
  const balancer = new Balancer({ endpoints: [A, B] });
  balancer.update([A]);
  balancer.endpoints();
  assert.equal(random.mock.callCount(), 0);
  picks(balancer, 3);
  assert.equal(random.mock.callCount(), 1);
});

test('an update tells what changed and keeps slots, counts and the turn', () => {
  const balancer = new Balancer({ endpoints: [A, B, C], seed: 1 });
  const [first] = picks(balancer, 4);
  const index = balancer.endpoints().find(({ url }) => url === B).index;
  assert.deepEqual(balancer.update([{ url: B, weight: 3 }, 'https://d.example', C]), { added: 1, removed: 1, changed: 1 });
  const b = balancer.endpoints().find(({ url }) => url === B);
  assert.equal(b.index, index);
  assert.deepEqual([b.weight, b.priority, b.candidate], [3, 0, true]);
  assert.equal(b.successes, first === B ? 2 : 1);
  assert.deepEqual(balancer.update([C, { url: B, weight: 3 }, 'https://d.example']), { added: 0, removed: 0, changed: 0 });
  assert.deepEqual(balancer.update([]), { added: 0, removed: 3, changed: 0 });
  assert.equal(balancer.size, 0);
});

test('endpoints are listed once, in the order of their URLs', () => {
  const balancer = new Balancer({ endpoints: [new URL(B), A, { url: new URL(A) }] });
  assert.deepEqual(balancer.endpoints().map(({ url }) => url), [A, `${A}/`, `${B}/`]);
  assert.equal(balancer.size, 3);
  assert.equal(new Balancer({ endpoints: [A, { url: A, weight: 5 }] }).size, 1);
});

test('one endpoint comes, changes and goes', () => {
  const balancer = new Balancer();
  assert.deepEqual(balancer.insert(A), { added: 1, removed: 0, changed: 0 });
  assert.deepEqual(balancer.insert({ url: A, priority: 2 }), { added: 0, removed: 0, changed: 1 });
  assert.equal(balancer.endpoints()[0].priority, 2);
  assert.equal(balancer.remove(A), true);
  assert.equal(balancer.remove(A), false);
  assert.equal(balancer.pick(), null);
});

test('without an endpoint there is no pick, and it says why', () => {
  const none = (options) => {
    const balancer = new Balancer(options);
    assert.equal(balancer.noPick, undefined);
    assert.equal(balancer.pick(), null);
    return balancer.noPick;
  };
  assert.deepEqual(none({}), { reason: 'no_endpoints', until: undefined });
  assert.equal(none({ endpoints: [{ url: A, weight: 0 }] }).reason, 'all_drained');
});

test('endpoints with as many requests in flight as they may have are busy', () => {
  const balancer = new Balancer({ endpoints: [A, B], config: { maxInFlight: 2 }, now: () => 7 });
  const open = [1, 2, 3, 4].map(() => balancer.pick());
  assert.equal(balancer.pick(), null);
  assert.deepEqual(balancer.noPick, { reason: 'busy', until: undefined });
  assert.deepEqual(balancer.endpoints().map(({ candidacy, inFlight }) => [candidacy, inFlight]), [['full', 2], ['full', 2]]);
  open.find(({ url }) => url === B).ok();
  assert.equal(balancer.pick().url, B);
  assert.equal(balancer.noPick, undefined);
});

test('a higher priority number waits until the lower has nobody', () => {
  const balancer = new Balancer({ endpoints: [A, { url: B, priority: 1 }] });
  assert.deepEqual(picks(balancer, 3), [A, A, A]);
  balancer.update([{ url: A, weight: 0 }, { url: B, priority: 1 }]);
  assert.deepEqual(picks(balancer, 3), [B, B, B]);
});

test('what is to be avoided is avoided while there are others', () => {
  const balancer = new Balancer({ endpoints: [A, B, C], policy: 'round_robin' });
  for (let i = 0; i < 10; i++) assert.equal(balancer.pick({ avoid: new Set([A, B]) }).url, C);
  assert.ok(balancer.pick({ avoid: [A, B, C, 'https://unknown.example'] }));
  assert.equal(new Set(picks(balancer, 3)).size, 3, 'for that pick only');
});

test('a pick is reported once', () => {
  const balancer = new Balancer({ endpoints: [A] });
  const counts = () => {
    const [{ successes, failures, canceled }] = balancer.endpoints();
    return [successes, failures, canceled];
  };
  const pick = balancer.pick();
  pick.fail();
  const other = balancer.pick();
  pick.ok();
  pick.cancel();
  pick.overloaded();
  pick[Symbol.dispose]();
  assert.deepEqual(counts(), [0, 1, 0]);
  other.fail();
  assert.deepEqual(counts(), [0, 2, 0], 'the other was still open');
  balancer.pick().overloaded(500);
  balancer.pick().overloaded();
  balancer.pick().ok(123);
  balancer.pick()[Symbol.dispose]();
  assert.deepEqual(counts(), [1, 4, 1]);
});

test('many picks may be open, and end in any order', () => {
  const balancer = new Balancer({ endpoints: [A, B] });
  const open = Array.from({ length: 100 }, () => balancer.pick());
  open.filter((pick) => pick.url === A).forEach((pick) => pick.ok());
  open.reverse().forEach((pick) => pick.fail());
  assert.deepEqual(balancer.endpoints().map(({ successes, failures }) => [successes, failures]), [[50, 0], [0, 50]]);
});

test('the pick of an endpoint that left is harmless', () => {
  const balancer = new Balancer({ endpoints: [A] });
  const pick = balancer.pick();
  balancer.update([B]);
  assert.equal(pick.url, A);
  pick.fail();
  assert.deepEqual(balancer.endpoints().map(({ url, failures }) => [url, failures]), [[B, 0]]);
});

test('a clock that goes backwards or jumps does no harm', () => {
  const balancer = new Balancer({ endpoints: [A, B] });
  for (const now of [1e3, 0, -1e9, 3.2e10, Infinity, -Infinity, 5e-324, 1]) {
    balancer.pick({ now }).ok(now);
    balancer.update([A, B], now);
  }
  assert.equal(balancer.endpoints().reduce((sum, { successes }) => sum + successes, 0), 8);
});
