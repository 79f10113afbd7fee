// Ejection, probes, what servers and checks say, and how it is told; on a clock that the tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer } from 'evenkeel';

const A = 'https://a.example';
const B = 'https://b.example';
const C = 'https://c.example';

function start(options = {}) {
  const clock = { now: 1000 };
  const balancer = new Balancer({ endpoints: [A, B, C], policy: 'round_robin', seed: 1, now: () => clock.now, ...options });
  return { balancer, clock, of: (url) => balancer.endpoints().find((endpoint) => endpoint.url === url) };
}

/** Picks until an endpoint had so many requests, all of which it fails. */
function fail(balancer, url, times) {
  for (let failures = 0; failures < times; ) {
    const pick = balancer.pick();
    if (pick.url !== url) pick.ok();
    else {
      pick.fail();
      failures += 1;
    }
  }
}

function urls(balancer, picks) {
  const seen = new Set();
  for (let i = 0; i < picks; i++) {
    const pick = balancer.pick();
    seen.add(pick.url);
    pick.ok();
  }
  return [...seen].sort();
}

test('an endpoint that fails is ejected, and a probe brings it back', () => {
  const { balancer, clock, of } = start();
  balancer.events();
  fail(balancer, B, 5);
  assert.deepEqual(urls(balancer, 30), [A, C]);
  const { health, reason, until, candidate, candidacy, currentWeight } = of(B);
  assert.deepEqual([health, reason, candidate, candidacy, currentWeight], ['ejected', 'consecutive_failures', false, 'unhealthy', 0]);
  assert.ok(until >= 2500 && until <= 4000, String(until));
  assert.deepEqual([of(A).health, of(A).reason, of(A).until, of(A).candidacy, of(A).currentWeight], ['healthy', undefined, undefined, 'candidate', 1]);
  assert.deepEqual(balancer.events(), [{ type: 'ejected', at: 1000, url: B, reason, until }]);

  clock.now = until;
  const probe = balancer.pick();
  assert.deepEqual([probe.url, probe.why], [B, 'probe']);
  assert.deepEqual([of(B).health, of(B).until], ['probing', until + 10_000]);
  assert.deepEqual(urls(balancer, 30), [A, C], 'one probe at a time');
  clock.now += 5;
  probe.ok();
  assert.deepEqual(urls(balancer, 30), [A, B, C]);
  assert.equal(of(B).health, 'healthy');
  assert.deepEqual(balancer.events(), [
    { type: 'half_open', at: until, url: B },
    { type: 'probing', at: until, url: B },
    { type: 'readmitted', at: until + 5, url: B },
  ]);
  assert.deepEqual(balancer.events(), []);
});

test('a probe that fails, or never ends, ejects for longer', () => {
  const { balancer, clock, of } = start();
  fail(balancer, B, 5);
  clock.now = of(B).until;
  balancer.pick().fail();
  balancer.pick().ok();
  assert.equal(of(B).reason, 'probe_failed');
  assert.ok(of(B).until >= clock.now + 2437);
  clock.now = of(B).until;
  const lost = balancer.pick();
  assert.equal(lost.url, B);
  clock.now += 10_000;
  balancer.pick().ok();
  assert.equal(of(B).reason, 'probe_timed_out');
  lost.ok();
});

test('its settings: presets, changes, none', () => {
  const ejected = (outlierDetection, failures) => {
    const { balancer, of } = start({ config: { outlierDetection } });
    fail(balancer, B, failures);
    balancer.pick().ok();
    return of(B).health === 'ejected';
  };
  assert.deepEqual([ejected({ consecutiveFailures: 2 }, 1), ejected({ consecutiveFailures: 2 }, 2)], [false, true]);
  assert.deepEqual([ejected('evenkeel', 4), ejected(undefined, 5), ejected({}, 5)], [false, true, true]);
  assert.equal(ejected(false, 100), false);
  assert.equal(ejected('envoy', 5), false, '10 % of 3 endpoints is none');
  assert.equal(ejected({ base: 'envoy', alwaysEjectOne: true }, 5), true);
  assert.equal(ejected('grpc', 50), false, 'only at the end of an interval');
  const share = { consecutiveFailures: 0, failurePercentage: { threshold: 100, requestVolume: 3, minimumFailures: 1 } };
  assert.deepEqual([ejected(share, 2), ejected(share, 3)], [false, true]);
  assert.equal(ejected({ ...share, failurePercentage: false }, 100), false);
});

test('success rates eject when the interval ends', () => {
  const successRate = { requestVolume: 5, minimumHosts: 3, minimumFailures: 1, stdevFactor: 1 };
  const { balancer, clock, of } = start({ config: { outlierDetection: { base: 'grpc', successRate, maxEjectionPercent: 50 } } });
  fail(balancer, B, 20);
  assert.equal(of(B).health, 'healthy');
  clock.now += 10_001;
  balancer.pick().ok();
  assert.deepEqual([of(B).health, of(B).reason], ['ejected', 'success_rate']);
});

test('the time of an ejection follows its settings', () => {
  const outlierDetection = { consecutiveFailures: 1, baseEjectionMs: 100, maxEjectionMs: 100, halfOpen: false };
  const { balancer, clock, of } = start({ config: { outlierDetection } });
  fail(balancer, B, 1);
  balancer.pick().ok();
  assert.ok(of(B).until >= 1050 && of(B).until <= 1100, String(of(B).until));
  clock.now = 1100;
  assert.deepEqual(urls(balancer, 9), [A, B, C], 'it just comes back');
});

test('an overloaded endpoint is left alone for as long as it asks, within the limit', () => {
  const { balancer, clock, of } = start({ config: { maxRetryAfterMs: 2000 } });
  const busy = balancer.pick();
  busy.overloaded(60_000);
  assert.ok(!urls(balancer, 20).includes(busy.url));
  assert.deepEqual([of(busy.url).health, of(busy.url).until], ['overloaded', 3000]);
  clock.now = 3000;
  assert.ok(urls(balancer, 20).includes(busy.url));
});

test('what checks find', () => {
  const { balancer, of } = start();
  balancer.events();
  assert.equal(balancer.setDown(B, true), true);
  assert.equal(balancer.setDown('https://unknown.example', true), false);
  assert.deepEqual(urls(balancer, 20), [A, C]);
  assert.equal(of(B).health, 'down');
  assert.equal(balancer.setDown(new URL(C), false), false, 'URLs are compared as they were given');
  assert.equal(balancer.setDown(B, false), true);
  assert.deepEqual(urls(balancer, 20), [A, B, C]);
  assert.deepEqual(balancer.events().map(({ type, url }) => [type, url]), [['down', B], ['readmitted', B]]);
});

test('nothing else is left', () => {
  const { balancer } = start();
  balancer.events();
  for (const url of [A, B, C]) balancer.setDown(url, true);
  assert.equal(balancer.pick().why, 'panic');
  assert.ok(balancer.endpoints().every(({ candidacy }) => candidacy === 'panic'));
  assert.deepEqual(balancer.events().at(-1), { type: 'panic_on', at: 1000 });
});

test('events of endpoints that come and go, and of those that nobody took', () => {
  const { balancer, clock } = start({ endpoints: [] });
  balancer.insert(A);
  clock.now = 2000;
  balancer.remove(A);
  assert.deepEqual(balancer.events(), [
    { type: 'added', at: 1000, url: A },
    { type: 'removed', at: 2000, url: A },
  ]);
  balancer.insert(B);
  balancer.update([C]);
  const types = balancer.events().map(({ type, url }) => [type, url]);
  assert.deepEqual(types, [['added', undefined], ['removed', undefined], ['added', C]], 'C has the slot that B had');
  for (let i = 0; i < 200; i++) balancer.update([i % 2 ? C : B]);
  const events = balancer.events();
  assert.deepEqual(events[0], { type: 'lost', at: 2000, count: 400 - 256 });
  assert.equal(events.length, 257);
});

test('without a seed, nothing is told twice', () => {
  const balancer = new Balancer({ endpoints: [A, B], now: () => 5 });
  balancer.remove(B);
  balancer.pick().ok();
  assert.deepEqual(balancer.events().map(({ type, url }) => [type, url]), [['added', A], ['added', B], ['removed', B]]);
});

test('how long an endpoint takes, and what is under way', () => {
  const { balancer, clock, of } = start({ endpoints: [A], policy: 'peak_ewma' });
  assert.equal(of(A).latencyMs, undefined);
  const pick = balancer.pick();
  assert.equal(of(A).inFlight, 1);
  clock.now += 12.5;
  pick.ok();
  assert.deepEqual([of(A).inFlight, of(A).latencyMs], [0, 12.5]);
  const slow = start({ endpoints: [A], policy: 'peak_ewma', config: { latency: { failurePenaltyMs: 700 } } });
  slow.balancer.pick().fail();
  assert.equal(slow.of(A).latencyMs, 700);
});

test('levels with settings of their own', () => {
  const endpoints = [A, { url: B, draining: true }, { url: C, priority: 1 }];
  const config = { levels: { overprovisioningFactor: 200, panicThreshold: 0 } };
  const { balancer } = start({ endpoints, config });
  assert.deepEqual(urls(balancer, 50), [A], 'one of two, twice, is enough');
  assert.deepEqual(urls(start({ endpoints, config: { levels: {} } }).balancer, 50), [A, C]);
});

test('events are counted, and the calm after an undo is told', () => {
  const balancer = new Balancer({ endpoints: [A, B], policy: 'round_robin', seed: 1, now: () => 0 });
  assert.deepEqual(balancer.endpoints().map(({ calmUntil }) => calmUntil), [undefined, undefined]);
  const fail = (url, times) => {
    while (times > 0) {
      const pick = balancer.pick();
      if (pick.url !== url) pick.ok();
      else if (times-- > 0) pick.fail();
    }
  };
  // With one ejected, the other fails, too: the ejection gained nothing.
  fail(A, 5);
  assert.equal(balancer.eventCounts().ejected.consecutive_failures, 1);
  fail(B, 10);
  const counts = balancer.eventCounts();
  assert.deepEqual([counts.added, counts.undone, counts.held.nobody_well, counts.removed], [2, 1, 1, 0]);
  assert.deepEqual(balancer.endpoints().map(({ calmUntil }) => calmUntil), [30_000, 30_000]);
  // Those that are counted still wait, and are counted once.
  assert.equal(balancer.events().filter(({ type }) => type === 'undone').length, 1);
  assert.deepEqual(balancer.eventCounts(), counts);
});

test('events that nobody takes are counted all the same', () => {
  const balancer = new Balancer({ now: () => 0 });
  for (let turn = 0; turn < 300; turn++) {
    balancer.update(turn % 2 === 0 ? [A] : []);
    balancer.eventCounts();
  }
  const { added, removed, lost } = balancer.eventCounts();
  assert.deepEqual([added, removed, lost], [150, 150, 0]);
  const [first, ...rest] = balancer.events();
  assert.deepEqual([first, rest.length], [{ type: 'lost', at: 0, count: 44 }, 256]);
  // What was dropped before it could be counted.
  for (let turn = 0; turn < 300; turn++) balancer.update(turn % 2 === 0 ? [A] : []);
  assert.equal(balancer.eventCounts().lost, 44);
});

test('a row of requests that are given up ejects', () => {
  const { balancer, of } = start();
  const giveUp = (times) => {
    for (let given = 0; given < times; ) {
      const pick = balancer.pick();
      if (pick.url !== B) pick.ok();
      else {
        pick.cancel();
        given += 1;
      }
    }
  };
  giveUp(9);
  assert.equal(of(B).health, 'healthy');
  giveUp(1);
  assert.deepEqual([of(B).health, of(B).reason], ['ejected', 'cancellations']);
});
