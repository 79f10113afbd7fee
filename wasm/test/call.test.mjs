// The machine, polled by hand; the golden files have its timing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, Call, RetryBudget } from 'evenkeel';

const URLS = ['https://a.example', 'https://b.example', 'https://c.example'];

function start(endpoints, options) {
  const balancer = new Balancer({ endpoints, seed: 42, now: () => 0 });
  return { balancer, call: new Call(balancer, options) };
}

function send(call, now) {
  const step = call.poll(now);
  assert.equal(step.type, 'send');
  const pick = call.pick(now);
  call.started(step.attempt, pick);
  return { ...step, pick };
}

test('each attempt goes to an endpoint not tried before', () => {
  const { call } = start(URLS, { backoff: 0 });
  const urls = [];
  for (let attempt = 1; attempt <= 3; attempt++) {
    const sent = send(call, attempt);
    assert.equal(sent.attempt, attempt);
    assert.equal(sent.deadline, Infinity);
    urls.push(sent.pick.url);
    assert.deepEqual(call.tried(), urls);
    call.onOutcome(attempt, 'retryable_failure', attempt);
  }
  assert.deepEqual([...urls].sort(), URLS);
  assert.deepEqual(call.poll(), { type: 'done', end: 'attempts' });
  assert.deepEqual(call.poll(), { type: 'done', end: 'attempts' });
});

test('after two failures it leaves the priority', () => {
  const backup = { url: 'https://backup.example', priority: 1 };
  const { call } = start([...URLS, backup], { attempts: 4, backoff: 0 });
  const urls = [];
  for (let attempt = 1; attempt <= 4; attempt++) {
    const { pick } = send(call, attempt);
    urls.push(pick.url);
    call.onOutcome(attempt, 'retryable_failure', attempt);
  }
  assert.equal(urls[2], backup.url);
  // No further priority has any: it comes back.
  assert.deepEqual([urls[0], urls[1], urls[3]].sort(), URLS);
});

test('it ends with a success, an error not worth retrying, or nobody to send to', () => {
  for (const [verdict, end] of [['success', 'success'], ['ignorable', 'ignorable'], ['non_retryable_failure', 'non_retryable_failure'], ['canceled', 'canceled']]) {
    const { call } = start(URLS);
    call.onOutcome(send(call, 0).attempt, verdict);
    assert.deepEqual(call.poll(), { type: 'done', end });
  }
  const { call } = start([]);
  assert.equal(call.poll().type, 'send');
  assert.equal(call.pick(), null);
  call.noEndpoint();
  assert.deepEqual(call.poll(), { type: 'done', end: 'no_endpoints' });
});

test('an attempt has its own deadline and the call another', () => {
  const { call } = start(URLS, { timeoutMs: 150, attemptTimeoutMs: 100, backoff: 10 });
  assert.equal(send(call, 0).deadline, 100);
  assert.deepEqual(call.poll(99), { type: 'wait', until: 100 });
  assert.deepEqual(call.poll(100), { type: 'cancel', attempt: 1, outcome: 'timed_out' });
  assert.deepEqual(call.poll(100), { type: 'wait', until: 110 });
  assert.equal(send(call, 110).deadline, 150);
  assert.deepEqual(call.poll(150), { type: 'cancel', attempt: 2, outcome: 'timed_out' });
  assert.deepEqual(call.poll(150), { type: 'done', end: 'deadline' });
});

test('the server says when to try again', () => {
  const { call } = start(URLS);
  call.onOutcome(send(call, 0).attempt, { verdict: 'push_back', waitMs: 1234.5 }, 10);
  assert.deepEqual(call.poll(10), { type: 'wait', until: 1244.5 });
});

test('an attempt that never left does not count', () => {
  const { call } = start(URLS, { attempts: 1 });
  call.onOutcome(send(call, 0).attempt, 'never_sent');
  call.onOutcome(send(call, 0).attempt, 'success');
  assert.deepEqual(call.poll(), { type: 'done', end: 'success' });
});

test('the outcome of an attempt that is not under way changes nothing', () => {
  const { call } = start(URLS);
  call.onOutcome(1, 'success');
  const { attempt } = send(call, 0);
  call.onOutcome(attempt + 1, 'success');
  call.started(attempt + 1, call.pick());
  assert.equal(call.tried().length, 1);
  assert.deepEqual(call.poll(), { type: 'wait', until: Infinity });
});

test('the whole random wait stays within its bounds', () => {
  const waits = new Set();
  for (let seed = 0; seed < 50; seed++) {
    const call = new Call(new Balancer({ endpoints: URLS, seed, now: () => 0 }), { backoff: { baseMs: 8, maxMs: 10 } });
    call.onOutcome(send(call, 0).attempt, 'retryable_failure', 0);
    const first = call.poll(0);
    assert.ok(first.until >= 0 && first.until <= 8, String(first.until));
    waits.add(first.until);
    call.onOutcome(send(call, 8).attempt, 'retryable_failure', 8);
    assert.ok(call.poll(8).until <= 18);
  }
  assert.ok(waits.size > 40);
});

test('every kind of jitter', () => {
  const waits = (jitter) => {
    const call = new Call(new Balancer({ endpoints: URLS, seed: 7, now: () => 0 }), { attempts: 4, backoff: { baseMs: 100, maxMs: 300, jitter } });
    return [0, 1000, 2000].map((now) => {
      call.onOutcome(send(call, now).attempt, 'retryable_failure', now);
      return call.poll(now).until - now;
    });
  };
  assert.deepEqual(waits('none'), [100, 200, 300]);
  assert.deepEqual(waits('full'), waits(undefined));
  const within = (jitter, bounds) => waits(jitter).forEach((wait, i) => assert.ok(wait >= bounds[i][0] && wait <= bounds[i][1], `${jitter}: ${wait}`));
  within('full', [[0, 100], [0, 200], [0, 300]]);
  within('equal', [[50, 100], [100, 200], [150, 300]]);
  within('decorrelated', [[100, 300], [100, 300], [100, 300]]);
  assert.equal(new Set(['none', 'full', 'equal', 'decorrelated'].map((jitter) => waits(jitter).join())).size, 4);
});

test('an endpoint that is overloaded sends the call elsewhere at once', () => {
  for (const verdict of ['overloaded', { verdict: 'overloaded', waitMs: 600_000 }]) {
    const { call } = start(URLS);
    const first = send(call, 0);
    call.onOutcome(first.attempt, verdict, 1);
    first.pick.conclude(verdict, 1);
    const second = send(call, 1);
    assert.notEqual(second.pick.url, first.pick.url);
    call.onOutcome(second.attempt, 'success', 2);
    assert.deepEqual(call.poll(2), { type: 'done', end: 'success' });
  }
});

test('where all rest, the call waits for the first that is back', () => {
  const { balancer, call } = start(URLS, { attempts: 4 });
  for (const waitMs of [600_000, 2_000, 9_000]) {
    const { attempt, pick } = send(call, 0);
    const verdict = { verdict: 'overloaded', waitMs };
    call.onOutcome(attempt, verdict, 0);
    pick.conclude(verdict, 0);
  }
  const { attempt } = call.poll(0);
  assert.equal(call.started(attempt, call.pick(0), 0), false);
  assert.deepEqual(call.poll(0), { type: 'wait', until: 2_000 });
  assert.equal(send(call, 2_000).attempt, 4);
  assert.deepEqual(balancer.endpoints().map(({ inFlight }) => inFlight).sort(), [0, 0, 1]);
});

test('what never left is sent again once to each other endpoint, three times at most', () => {
  for (const [endpoints, most] of [[1, 1], [2, 2], [3, 3], [5, 4], [10, 4]]) {
    const { balancer, call } = start(Array.from({ length: endpoints }, (_, index) => `https://${index}.example`), { attempts: 1 });
    const urls = new Set();
    for (let step = call.poll(0); step.type !== 'done'; step = call.poll(0)) {
      const pick = call.pick(0);
      if (!call.started(step.attempt, pick, 0)) continue;
      urls.add(pick.url);
      pick.conclude('never_sent', 0);
      call.onOutcome(step.attempt, 'never_sent', 0);
    }
    assert.equal(urls.size, most);
    assert.ok(balancer.endpoints().every(({ inFlight }) => inFlight === 0));
  }
});

test('a hedge that has no endpoint costs nothing', () => {
  const budget = new RetryBudget({ ratio: 0, minPerSec: 10, ttlMs: 1000 });
  const balancer = new Balancer({ endpoints: [URLS[0]], seed: 42, now: () => 0, budget });
  for (let number = 0; number < 10; number++) {
    const call = new Call(balancer, { hedge: { afterMs: 20 } });
    send(call, 0);
    const { attempt } = call.poll(20);
    assert.equal(call.started(attempt, call.pick(20), 20), false);
    assert.deepEqual(call.poll(20), { type: 'wait', until: Infinity });
  }
  assert.equal(budget.balance(20), 10);
  assert.equal(balancer.endpoints()[0].inFlight, 10);
});

test('a push-back for ever ends the call as what it is', () => {
  const { call } = start(URLS, { attempts: 2 });
  call.onOutcome(send(call, 0).attempt, { verdict: 'push_back', waitMs: Number.MAX_VALUE }, 0);
  assert.deepEqual(call.poll(0), { type: 'done', end: 'push_back' });
});
