// The machine, polled by hand; the golden files have its timing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, Call } from 'evenkeel';

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
    call.onOutcome(attempt, 'retry', attempt);
  }
  assert.deepEqual([...urls].sort(), URLS);
  assert.deepEqual(call.poll(), { type: 'done', end: 'attempts' });
  assert.deepEqual(call.poll(), { type: 'done', end: 'attempts' });
});

test('it ends with a success, an error not worth retrying, or nobody to send to', () => {
  for (const [verdict, end] of [['success', 'success'], ['fatal', 'fatal']]) {
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
  assert.deepEqual(call.poll(100), { type: 'cancel', attempt: 1, outcome: 'failure' });
  assert.deepEqual(call.poll(100), { type: 'wait', until: 110 });
  assert.equal(send(call, 110).deadline, 150);
  assert.deepEqual(call.poll(150), { type: 'cancel', attempt: 2, outcome: 'failure' });
  assert.deepEqual(call.poll(150), { type: 'done', end: 'deadline' });
});

test('the server says when to try again', () => {
  const { call } = start(URLS);
  call.onOutcome(send(call, 0).attempt, { retryAfterMs: 1234.5 }, 10);
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
    call.onOutcome(send(call, 0).attempt, 'retry', 0);
    const first = call.poll(0);
    assert.ok(first.until >= 0 && first.until <= 8, String(first.until));
    waits.add(first.until);
    call.onOutcome(send(call, 8).attempt, 'retry', 8);
    assert.ok(call.poll(8).until <= 18);
  }
  assert.ok(waits.size > 40);
});

test('every kind of jitter', () => {
  const waits = (jitter) => {
    const call = new Call(new Balancer({ endpoints: URLS, seed: 7, now: () => 0 }), { attempts: 4, backoff: { baseMs: 100, maxMs: 300, jitter } });
    return [0, 1000, 2000].map((now) => {
      call.onOutcome(send(call, now).attempt, 'retry', now);
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
