// Several attempts in flight, by hand and by `balancer.call`, on a clock that the tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, Call, RetryBudget } from 'evenkeel';
import { fakeClock, settle } from './support.mjs';

const URLS = ['https://a.example', 'https://b.example', 'https://c.example'];

const never = () => new Promise(() => {});
const after = (millis, value) => new Promise((resolve) => setTimeout(resolve, millis, value));

function totals(balancer) {
  const sum = { successes: 0, failures: 0, canceled: 0 };
  for (const endpoint of balancer.endpoints()) for (const key of Object.keys(sum)) sum[key] += endpoint[key];
  return Object.values(sum);
}

/** Collects the attempts that `answer` is asked for. */
function recorded(answer) {
  const attempts = [];
  const send = (attempt) => {
    attempts.push(attempt);
    return answer(attempt);
  };
  return { attempts, send };
}

test('by hand: a hedge goes after the delay, the loser is canceled', () => {
  const balancer = new Balancer({ endpoints: URLS, seed: 42, now: () => 0 });
  const call = new Call(balancer, { hedge: { afterMs: 20, max: 2 } });
  const picks = [];
  const send = (now) => {
    const { type, attempt, hedge } = call.poll(now);
    assert.equal(type, 'send');
    picks[attempt] = call.pick(now);
    call.started(attempt, picks[attempt]);
    return [attempt, hedge];
  };
  assert.deepEqual(send(0), [1, false]);
  assert.deepEqual(call.poll(0), { type: 'wait', until: 20 });
  assert.deepEqual(send(20), [2, true]);
  assert.deepEqual(send(40), [3, true]);
  assert.deepEqual(call.poll(60), { type: 'wait', until: Infinity });
  assert.equal(new Set(call.tried()).size, 3);
  call.onOutcome(2, 'success', 60);
  assert.deepEqual(call.poll(60), { type: 'cancel', attempt: 1, outcome: 'lost_race' });
  assert.deepEqual(call.poll(60), { type: 'cancel', attempt: 3, outcome: 'lost_race' });
  assert.deepEqual(call.poll(60), { type: 'done', end: 'success' });
});

test('the hedge answers first: the other attempt is aborted and reported as canceled', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(({ attempt, url }) => (attempt === 1 ? never() : after(5, url)));
  const call = balancer.call(send, { hedge: { afterMs: 20 } });
  await clock.advance(19);
  assert.equal(attempts.length, 1);
  await clock.advance(1);
  assert.equal(attempts.length, 2);
  assert.notEqual(attempts[0].url, attempts[1].url);
  await clock.advance(5);
  assert.equal(await call, attempts[1].url);
  assert.equal(attempts[0].signal.reason.name, 'AbortError');
  assert.equal(attempts[1].signal.aborted, false);
  assert.deepEqual(totals(balancer), [1, 0, 1]);
});

test('the first attempt answers first', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(({ attempt }) => (attempt === 1 ? after(25, 'first') : never()));
  const call = balancer.call(send, { hedge: { afterMs: 10, max: 1 } });
  await clock.advance(10);
  await clock.advance(15);
  assert.equal(await call, 'first');
  assert.deepEqual(attempts.map(({ signal }) => signal.aborted), [false, true]);
  assert.deepEqual(totals(balancer), [1, 0, 1]);
});

test('an answer before the delay sends nothing else', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(() => after(5, 'ok'));
  const call = balancer.call(send, { hedge: { afterMs: 20 } });
  await clock.advance(5);
  assert.equal(await call, 'ok');
  await clock.advance(100);
  assert.equal(attempts.length, 1);
});

test('both answer at the same moment: the first counts, the other is aborted', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(({ attempt }) => after(attempt === 1 ? 20 : 10, attempt));
  const call = balancer.call(send, { hedge: { afterMs: 10 } });
  await clock.advance(10);
  await clock.advance(10);
  assert.equal(await call, 1);
  assert.deepEqual(attempts.map(({ signal }) => signal.aborted), [false, true]);
});

test('a failure beside others sends the next hedge at once', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(({ attempt }) => {
    if (attempt === 1) return never();
    return attempt === 2 ? Promise.reject(new Error('down')) : after(1, 'ok');
  });
  const call = balancer.call(send, { hedge: { afterMs: 50, max: 2 } });
  await clock.advance(50);
  assert.equal(attempts.length, 3);
  await clock.advance(1);
  assert.equal(await call, 'ok');
  assert.deepEqual(totals(balancer), [1, 1, 1]);
});

test('when all in flight have failed, there is a retry', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(async ({ attempt }) => {
    if (attempt > 2) return 'ok';
    await after(attempt === 1 ? 30 : 20);
    throw new Error('down');
  });
  const call = balancer.call(send, { attempts: 2, backoff: 7, hedge: { afterMs: 10 } });
  for (let i = 0; i < 3; i++) await clock.advance(10);
  assert.equal(attempts.length, 2);
  await clock.advance(7);
  assert.equal(await call, 'ok');
  assert.deepEqual(attempts.map(({ attempt }) => attempt), [1, 2, 3]);
});

test('an error not worth retrying ends all of it', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(({ attempt }) => {
    if (attempt === 1) return never();
    throw new Error('404');
  });
  const call = balancer.call(send, { hedge: { afterMs: 10 }, classify: () => 'ignorable' });
  const rejected = assert.rejects(call, (error) => {
    assert.equal(error.code, 'ignorable');
    assert.deepEqual(error.attempts.map(({ error: { message } }) => message), ['404']);
    return true;
  });
  await clock.advance(10);
  await rejected;
  assert.equal(attempts[0].signal.aborted, true);
});

test('the caller leaves: every attempt is aborted', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const controller = new AbortController();
  const { attempts, send } = recorded(never);
  const call = balancer.call(send, { hedge: { afterMs: 10, max: 2 }, signal: controller.signal });
  await clock.advance(10);
  await clock.advance(10);
  assert.equal(attempts.length, 3);
  const reason = new Error('changed my mind');
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  assert.ok(attempts.every(({ signal }) => signal.reason === reason));
  assert.deepEqual(totals(balancer), [0, 0, 3]);
});

test('attempts that take too long are given up one by one', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const { attempts, send } = recorded(never);
  const call = balancer.call(send, { attempts: 1, attemptTimeoutMs: 30, hedge: { afterMs: 10, max: 1 } });
  const rejected = assert.rejects(call, (error) => {
    assert.equal(error.code, 'attempts');
    assert.deepEqual(error.attempts.map(({ elapsedMs }) => elapsedMs), [30, 30]);
    return true;
  });
  for (let i = 0; i < 4; i++) await clock.advance(10);
  await rejected;
  assert.deepEqual(attempts.map(({ signal }) => signal.reason.name), ['TimeoutError', 'TimeoutError']);
  assert.deepEqual(totals(balancer), [0, 2, 0]);
});

test('a budget bounds hedges', async (t) => {
  const clock = fakeClock(t);
  const budget = new RetryBudget({ ratio: 0, minPerSec: 1, ttlMs: 1000 });
  const balancer = new Balancer({ endpoints: URLS, now: clock.now, budget });
  const { attempts, send } = recorded(() => after(50, 'ok'));
  const calls = [1, 2, 3].map(() => balancer.call(send, { hedge: { afterMs: 10 } }));
  await clock.advance(10);
  await clock.advance(40);
  await Promise.all(calls);
  assert.equal(attempts.length, 4, 'one hedge for all three');
});

test('after a percentile, once enough is known', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: URLS, now: clock.now });
  const options = { hedge: { after: 'p90' } };
  const request = async (millis) => {
    const { attempts, send } = recorded(({ attempt }) => (attempt === 1 ? after(millis, 'ok') : never()));
    const call = balancer.call(send, options);
    for (let left = millis; left > 0; left -= 5) await clock.advance(5);
    await call;
    return attempts.length;
  };
  for (let i = 0; i < 19; i++) assert.equal(await request(10), 1);
  assert.equal(await request(200), 1, 'nothing is known yet');
  // What is known is looked at every three seconds.
  for (let i = 0; i < 150; i++) await clock.advance(25);
  assert.equal(await request(10), 1);
  assert.equal(await request(200), 2);
  assert.equal(await request(10), 1);
});

test('no timer outlives a hedged call', async (t) => {
  const set = t.mock.method(globalThis, 'setTimeout');
  const cleared = t.mock.method(globalThis, 'clearTimeout');
  await new Balancer({ endpoints: URLS }).call(() => settle(), { hedge: { afterMs: 5000 } });
  assert.deepEqual(cleared.mock.calls.map(({ arguments: [id] }) => id), set.mock.calls.map(({ result }) => result));
});
