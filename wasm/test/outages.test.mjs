// Small outages through JavaScript, in variations of size, weight, policy and requests at a time. The core's own are in `core/tests`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, RetryBudget } from 'evenkeel';
import { settle } from './support.mjs';

const POLICIES = ['peak_ewma', 'least_request', 'round_robin', 'weighted_random'];
const urls = (size) => Array.from({ length: size }, (_, i) => `https://e${String(i).padStart(4, '0')}.example`);
const [A] = urls(1);

/** Calls whose attempts at A end in `verdict`, and elsewhere well. */
async function calls(balancer, count, verdict) {
  for (let i = 0; i < count; i++) {
    const send = ({ url }) => { if (url === A) throw new Error('down'); };
    await balancer.call(send, { attempts: 1, backoff: 0, classify: () => verdict }).catch(() => {});
  }
}

test('a total outage of what takes no connections multiplies no load', async () => {
  for (const size of [1, 2, 3, 5, 10, 1000]) {
    for (const policy of POLICIES) {
      const balancer = new Balancer({ endpoints: urls(size), policy, now: () => 0, seed: 1 });
      const free = Math.min(size - 1, 3);
      for (const [budget, most] of [[new RetryBudget({ ratio: 1000, minPerSec: 1000 }), 3 + free], [new RetryBudget({ ratio: 0, minPerSec: 0 }), 1 + free]]) {
        for (let i = 0; i < 50; i++) {
          const sent = [];
          const send = ({ url }) => { sent.push(url); throw new Error('refused'); };
          await balancer.call(send, { attempts: 3, backoff: 0, budget, classify: () => 'never_sent' }).catch(() => {});
          assert.equal(sent.length, most, `${size} ${policy}: ${sent}`);
          assert.equal(new Set(sent).size, Math.min(size, most), `${size} ${policy}: never the same while there is another`);
        }
      }
    }
  }
});

test('one whose writes always fail is ejected after five', async () => {
  for (const size of [2, 3, 5, 10, 1000]) {
    for (const policy of POLICIES.slice(1)) {
      for (const weight of [1, 3]) {
        const endpoints = urls(size).map((url) => ({ url, weight: url === A ? weight : 1 }));
        const balancer = new Balancer({ endpoints, policy, now: () => 0, seed: 1 });
        const first = () => balancer.endpoints()[0];
        for (let i = 0; i < 50 && first().health !== 'ejected'; i++) await calls(balancer, size, 'non_retryable_failure');
        assert.deepEqual([first().health, first().failures], ['ejected', 5], `${size} ${policy} ${weight}`);
      }
    }
  }
});

test('a request at fault does not end a row of failures', async () => {
  for (const size of [2, 3, 5, 10, 1000]) {
    const balancer = new Balancer({ endpoints: urls(size), policy: 'round_robin', now: () => 0, seed: 1 });
    const health = () => balancer.endpoints()[0].health;
    await calls(balancer, 4 * size, 'retryable_failure');
    await calls(balancer, size, 'ignorable');
    assert.equal(health(), 'healthy', String(size));
    await calls(balancer, size, 'retryable_failure');
    assert.equal(health(), 'ejected', String(size));
  }
});

test('fast refusals do not attract requests', async () => {
  for (const atOnce of [1, 16, 64]) {
    let [now, begun, hits] = [0, 0, 0];
    const balancer = new Balancer({ endpoints: urls(4), policy: 'peak_ewma', now: () => now, seed: 1 });
    const pending = new Set();
    const send = ({ url }) => new Promise((resolve, reject) => {
      hits += Number(url === A);
      pending.add(url === A ? { at: now + 1, end: () => reject(new Error('at fault')) } : { at: now + 40, end: resolve });
    });
    while (begun < 4000) {
      for (; pending.size < atOnce; begun++) balancer.call(send, { classify: () => 'ignorable' }).catch(() => {});
      let next;
      for (const one of pending) if (!next || one.at < next.at) next = one;
      now = next.at;
      pending.delete(next);
      next.end();
      await settle();
    }
    const share = hits / begun;
    assert.ok(share >= 0.2 && share <= 0.3, `${atOnce}: ${share}`);
  }
});

test('shares are by weight, one request at a time and a hundred', () => {
  for (const policy of ['peak_ewma', 'least_request', 'weighted_random', 'weighted_round_robin']) {
    for (const weights of [[1, 2], [1, 10], [1, 10, 10, 10], [100, 99]]) {
      for (const atOnce of [1, 20, 100]) {
        let now = 0;
        const endpoints = urls(weights.length).map((url, i) => ({ url, weight: weights[i] }));
        const balancer = new Balancer({ endpoints, policy, now: () => now, seed: 1 });
        const [picks, under] = [20_000, []];
        let hits = 0;
        for (let i = 0; i < picks; i++) {
          if (under.length === atOnce) under.shift().ok();
          under.push(balancer.pick());
          hits += Number(under.at(-1).url === A);
          now += 10 / atOnce;
        }
        const fair = weights[0] / weights.reduce((sum, weight) => sum + weight);
        const off = hits / picks / fair;
        assert.ok(off >= 0.85 && off <= 1.15, `${policy} ${weights} ${atOnce}: ${off} of its share`);
      }
    }
  }
});

test('probes that are given up are few', () => {
  for (const size of [3, 10, 1000]) {
    let [now, probes] = [0, 0];
    const balancer = new Balancer({ endpoints: urls(size), policy: 'round_robin', now: () => now, seed: 1 });
    for (let failures = 0; failures < 5;) {
      const pick = balancer.pick();
      if (pick.url === A) pick.fail();
      else pick.ok();
      failures += Number(pick.url === A);
    }
    for (let i = 0; i < 100; i++) {
      const pick = balancer.pick();
      // It hangs, and the caller waits for a second.
      now += pick.url === A ? 1000 : 20;
      if (pick.url === A) pick.cancel();
      else pick.ok();
      probes += Number(pick.url === A);
    }
    assert.ok(probes <= 3, `${size}: ${probes}`);
  }
});

test('one that hangs behind a time-out outside costs few requests', () => {
  // Ten that are given up eject it, whatever else is in flight by then is lost, too, and so are its probes.
  for (const [size, ...limits] of [[2, 42, 17], [3, 34, 17], [10, 22, 17]]) {
    for (const [at, policy] of ['round_robin', 'least_request'].entries()) {
      const most = limits[at];
      let [now, lost] = [0, 0];
      const balancer = new Balancer({ endpoints: urls(size), policy, now: () => now, seed: 1 });
      const hung = [];
      for (let i = 0; i < 3000; i++) {
        now += 20;
        while (hung[0]?.at <= now) hung.shift().pick.cancel();
        const pick = balancer.pick();
        if (pick.url === A) {
          lost++;
          hung.push({ at: now + 1000, pick });
        } else pick.ok();
      }
      assert.ok(lost <= most, `${size} ${policy}: ${lost}`);
    }
  }
});

test('users who leave every other time eject nobody', () => {
  for (const size of [2, 3, 10]) {
    for (const policy of POLICIES) {
      let [now, random] = [0, 1];
      const balancer = new Balancer({ endpoints: urls(size), policy, now: () => now, seed: 1 });
      for (let i = 0; i < 20_000; i++) {
        const pick = balancer.pick();
        now += 5;
        random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
        if (random >>> 31) pick.cancel();
        else pick.ok();
        if (i % 10 === 0) assert.ok(balancer.endpoints().every(({ health }) => health === 'healthy'), `${size} ${policy}: ${i}`);
      }
    }
  }
});
