// Who is picked: policies with parameters, keys, and who is a candidate. The golden files have the order of picks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, Call } from 'evenkeel';

const URLS = Array.from({ length: 8 }, (_, i) => `https://${'abcdefgh'[i]}.example`);
const [A, B, C, D] = URLS;

function count(balancer, picks, options) {
  const counts = {};
  for (let i = 0; i < picks; i++) {
    const pick = balancer.pick(options);
    counts[pick.url] = (counts[pick.url] ?? 0) + 1;
    pick.ok();
  }
  return counts;
}

test('every policy that the package names picks', () => {
  const policies = ['round_robin', 'random', 'weighted_round_robin', 'weighted_random', 'least_request', 'peak_ewma'];
  policies.push('least_request(full_scan)', 'peak_ewma(full_scan)', 'rendezvous', 'rendezvous(bound=125)', 'maglev');
  policies.push('maglev(size=251)', 'ring_hash', 'ring_hash(minimum=64, maximum=128)', 'ketama', 'pick_first', 'pick_first(seed=7)');
  for (const policy of policies) {
    const balancer = new Balancer({ endpoints: [A, B], policy });
    const counts = count(balancer, 200);
    assert.equal(Object.keys(counts).length, policy.startsWith('pick_first') ? 1 : 2, policy);
  }
});

test('without a policy it is peak EWMA: what is slow gets little, and weights count', () => {
  for (const size of [2, 3, 5]) {
    for (const [weight, slow] of [[1, 200], [3, 20], [3, 200]]) {
      let now = 0;
      const endpoints = URLS.slice(0, size).map((url) => ({ url, weight: url === A ? weight : 1 }));
      const balancer = new Balancer({ endpoints, now: () => now, seed: 1 });
      let picked = 0;
      for (let i = 0; i < 3000; i++) {
        const pick = balancer.pick();
        picked += Number(pick.url === A);
        now += pick.url === A ? slow : 20;
        pick.ok();
      }
      const share = (picked * (weight + size - 1)) / (3000 * weight);
      assert.ok(slow === 20 ? Math.abs(share - 1) < 0.15 : share < 0.2, `${size} ${weight} ${slow}: ${share}`);
    }
  }
});

test('round robin honours weights where they differ', () => {
  for (const size of [2, 3, 8]) {
    const endpoints = URLS.slice(0, size).map((url) => ({ url, weight: url === A ? 5 : 1 }));
    const counts = count(new Balancer({ endpoints, policy: 'round_robin' }), 10 * (size + 4));
    assert.deepEqual(counts, Object.fromEntries(endpoints.map(({ url, weight }) => [url, 10 * weight])));
  }
});

test('weights that the policy ignores are warned of once', (t) => {
  const warned = t.mock.method(console, 'warn', () => {});
  const weighted = [{ url: A, weight: 3 }, B];
  for (const [policy, times] of [['random', 1], ['pick_first', 1], ['round_robin', 0], ['least_request', 0], [undefined, 0]]) {
    warned.mock.resetCalls();
    const balancer = new Balancer({ endpoints: [{ url: A, weight: 3 }, { url: B, weight: 3 }, { url: C, weight: 0 }], policy });
    balancer.update([{ url: A, weight: 3 }, { url: B, draining: true }]);
    assert.equal(warned.mock.callCount(), 0, `${policy}: all that serve weigh the same`);
    balancer.update(weighted);
    balancer.update(weighted);
    assert.equal(warned.mock.callCount(), times, policy);
    for (const { arguments: [text] } of warned.mock.calls) assert.match(text, /the policy ignores that weights differ; peak_ewma does not/);
  }
});

test('a key keeps its endpoint, and goes to one other when that is to be avoided', () => {
  for (const policy of ['rendezvous', 'maglev', 'ring_hash', 'ketama']) {
    const balancer = new Balancer({ endpoints: URLS, policy });
    const owners = new Set();
    for (const key of ['alice', 'böb', '', 0x9e37_79b9_7f4a, { hash: 0xfeed_beef_dead_cafen }, 'carol', 'dave', 'erin']) {
      const [[owner, ...others], [next, ...rest]] = [
        Object.keys(count(balancer, 20, { key })),
        Object.keys(count(balancer, 20, { key, avoid: [balancer.pick({ key }).url] })),
      ];
      assert.deepEqual([others, rest], [[], []], `${policy}, ${key}`);
      assert.notEqual(next, owner);
      owners.add(owner);
    }
    assert.ok(owners.size > 2, `${policy}: ${[...owners]}`);
    assert.ok(Object.keys(count(balancer, 100)).length > 2, 'a key is for one pick only');
  }
});

test('a text has the same key as its hash', () => {
  const balancer = new Balancer({ endpoints: URLS, policy: 'rendezvous' });
  // XXH64 of "abc" with seed 0, as in evenkeel_core::hash.
  assert.equal(balancer.pick({ key: 'abc' }).url, balancer.pick({ key: { hash: 0x44bc_2cf5_ad77_0999n } }).url);
  assert.equal(balancer.pick({ key: 7 }).url, balancer.pick({ key: 7n }).url);
  assert.equal(balancer.pick({ key: 7 }).url, balancer.pick({ key: '7' }).url);
});

test('the attempts of a call share its key', async () => {
  const run = async (key) => {
    const balancer = new Balancer({ endpoints: URLS, policy: 'maglev(size=251)' });
    const urls = [];
    await balancer.call(({ url }) => { urls.push(url); throw new Error('down'); }, { key, backoff: 0 }).catch(() => {});
    return urls;
  };
  const urls = await run('alice');
  assert.equal(new Set(urls).size, 3);
  assert.deepEqual(await run('alice'), urls);

  const balancer = new Balancer({ endpoints: URLS, policy: 'maglev(size=251)' });
  const call = new Call(balancer, { key: 'alice' });
  const { attempt } = call.poll();
  const pick = call.pick();
  assert.deepEqual([pick.url, pick.why], [urls[0], 'policy']);
  call.started(attempt, pick);
  const again = call.pick();
  assert.deepEqual([again.url, again.why], [urls[1], 'retry']);
});

test('a pick says why', () => {
  const balancer = new Balancer({ endpoints: [A, B], config: { levels: 'overprovisioned' } });
  assert.equal(balancer.pick().why, 'policy');
  assert.equal(balancer.pick({ avoid: [A] }).why, 'retry');
  assert.equal(balancer.pick({ avoid: [A, B] }).why, 'last_resort');
  balancer.update([{ url: A, draining: true }, { url: B, draining: true }]);
  assert.equal(balancer.pick().why, 'panic');
});

test('a call tries an ejected endpoint before the same one again', async () => {
  for (const policy of ['round_robin', 'peak_ewma', 'rendezvous', 'maglev(size=251)']) {
    const balancer = new Balancer({ endpoints: [A, B, C], policy, now: () => 0 });
    for (let i = 0; i < 5; i++) balancer.pick({ avoid: [A, C] }).fail();
    assert.deepEqual(balancer.endpoints().map(({ health }) => health), ['healthy', 'ejected', 'healthy']);
    const urls = [];
    const failing = ({ url }) => { urls.push(url); throw new Error('down'); };
    await balancer.call(failing, { backoff: 0 }).catch(() => {});
    assert.deepEqual([urls.length, urls[2], new Set(urls).size], [3, B, 3], policy);
    const [first, second] = [balancer.pick({ avoid: [A, C] }), balancer.pick({ avoid: [A, B, C] })];
    assert.deepEqual([first.url, first.why, second.why], [B, 'retry', 'last_resort'], policy);
  }
});

test('what drains gets nothing new', () => {
  const balancer = new Balancer({ endpoints: [A, { url: B, draining: true }, { url: C, zone: 'west' }], policy: 'round_robin' });
  assert.deepEqual(Object.keys(count(balancer, 20)).sort(), [A, C]);
  const about = balancer.endpoints().map(({ zone, draining, candidate }) => [zone, draining, candidate]);
  assert.deepEqual(about, [[undefined, false, true], [undefined, true, false], ['west', false, true]]);
  assert.deepEqual(balancer.insert(B), { added: 0, removed: 0, changed: 1 });
  assert.deepEqual(Object.keys(count(balancer, 20)).sort(), [A, B, C]);
});

test('the own zone comes first', () => {
  const endpoints = URLS.map((url, i) => ({ url, zone: i % 2 ? 'east' : 'west' }));
  const balancer = new Balancer({ endpoints, config: { zone: 'east' } });
  assert.deepEqual(Object.keys(count(balancer, 40)).sort(), URLS.filter((_, i) => i % 2));
});

test('clients choose their subset and their first by their seed', () => {
  const candidates = (seed) => {
    const balancer = new Balancer({ endpoints: URLS, seed, config: { subset: 3 } });
    balancer.pick();
    return balancer.endpoints().filter(({ candidate }) => candidate).map(({ url }) => url).join();
  };
  assert.equal(candidates(1), candidates(1));
  assert.equal(candidates(1).split(',').length, 3);
  assert.ok(new Set([1, 2, 3, 4].map(candidates)).size > 1);
  assert.ok(new Set(Array.from({ length: 20 }, () => candidates())).size > 1, 'without a seed, too');

  const first = () => new Balancer({ endpoints: URLS, policy: 'pick_first' }).pick().url;
  assert.ok(new Set(Array.from({ length: 20 }, first)).size > 1);
});

test('a balancer without a seed keeps what it was told before its first pick', () => {
  const balancer = new Balancer({ endpoints: [{ url: B, weight: 3 }, C, D], policy: 'pick_first' });
  balancer.remove(C);
  balancer.insert({ url: A, zone: 'west' });
  const before = balancer.endpoints().map(({ index, ...rest }) => rest);
  const pick = balancer.pick({ avoid: [A, D] });
  assert.equal(pick.url, B);
  pick.fail();
  const after = balancer.endpoints();
  const told = { failures: 0, latencyMs: undefined };
  assert.deepEqual(after.map(({ index, ...rest }) => ({ ...rest, ...told })), before);
  assert.equal(after.find(({ url }) => url === B).index, pick.index);
  assert.equal(after.find(({ url }) => url === B).failures, 1);
});

test('an endpoint that comes later warms up', () => {
  let now = 0;
  const config = { slowStartMs: 1000 };
  const balancer = new Balancer({ endpoints: [A], policy: 'weighted_round_robin', config, now: () => now });
  count(balancer, 1);
  balancer.insert(B);
  assert.deepEqual(count(balancer, 110), { [A]: 100, [B]: 10 });
  now = 500;
  assert.deepEqual(count(balancer, 150), { [A]: 100, [B]: 50 });
  now = 1000;
  assert.deepEqual(count(balancer, 100), { [A]: 50, [B]: 50 });
});
