// `balancer.call` without a network: timers, signals and errors, on a clock that the tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, LbError } from 'evenkeel';
import { fakeClock, settle } from './support.mjs';

const A = 'https://a.example';
const B = 'https://b.example';

const never = () => new Promise(() => {});

function counts(balancer) {
  return balancer.endpoints().map(({ successes, failures, canceled }) => [successes, failures, canceled]);
}

test('the result of the first attempt that succeeds', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: [A, B], policy: 'round_robin', now: clock.now });
  const seen = [];
  const call = balancer.call(
    ({ url, attempt, signal }) => {
      seen.push({ url, attempt, signal });
      if (attempt === 1) throw new Error('down');
      return { url };
    },
    { backoff: 20 },
  );
  await clock.advance(19);
  assert.equal(seen.length, 1);
  await clock.advance(1);
  const { url } = await call;
  assert.deepEqual(seen.map(({ attempt }) => attempt), [1, 2]);
  assert.deepEqual(seen.map(({ signal }) => signal.aborted), [true, false], 'what failed is given up');
  assert.notEqual(seen[0].url, url);
  assert.deepEqual(counts(balancer).sort(), [[0, 1, 0], [1, 0, 0]]);
});

test('all attempts failed: every one is told', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: [A, B], policy: 'round_robin', now: clock.now, seed: 3 });
  const call = balancer.call(async ({ url, attempt }) => {
    const failed = new Promise((_, reject) => setTimeout(reject, 10 * attempt, new Error(`${url} is down`)));
    return failed;
  }, { backoff: 0 });
  const rejected = assert.rejects(call, (error) => {
    assert.ok(error instanceof LbError && error instanceof Error);
    assert.equal(error.name, 'LbError');
    assert.equal(error.code, 'attempts');
    assert.deepEqual(error.attempts.map(({ url, elapsedMs }) => [url, elapsedMs]), [[A, 10], [B, 20], [A, 30]]);
    assert.equal(error.cause, error.attempts[2].error);
    assert.equal(error.message, `all attempts failed (3 failed attempts; last at ${A}: Error: ${A} is down)`);
    return true;
  });
  for (let i = 0; i < 6; i++) await clock.advance(10);
  await rejected;
  assert.deepEqual(counts(balancer), [[0, 2, 0], [0, 1, 0]]);
});

test('what is thrown may be anything', async () => {
  const balancer = new Balancer({ endpoints: [A] });
  for (const thrown of [Object.create(null), Symbol('s'), null]) {
    const told = { symbol: 'Symbol\\(s\\)' }[typeof thrown] ?? (thrown === null ? 'null' : 'object');
    await assert.rejects(balancer.call(() => Promise.reject(thrown), { attempts: 1 }), (error) => {
      assert.match(error.message, new RegExp(`; last at ${A}: ${told}\\)$`));
      assert.equal(error.cause, thrown);
      return error instanceof LbError;
    });
  }
});

test('an attempt that takes too long is aborted, and another endpoint answers', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: [A, B], policy: 'round_robin', now: clock.now, seed: 3 });
  const signals = [];
  const call = balancer.call(({ url, attempt, signal }) => {
    signals.push(signal);
    return attempt === 1 ? new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))) : url;
  }, { attemptTimeoutMs: 100, backoff: 0 });
  await clock.advance(99);
  assert.equal(signals[0].aborted, false);
  await clock.advance(1);
  assert.equal(await call, B);
  assert.equal(signals[0].reason.name, 'TimeoutError');
  assert.equal(signals[1].aborted, false);
  assert.deepEqual(counts(balancer), [[0, 1, 0], [1, 0, 0]]);
});

test('the deadline of the whole call', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: [A, B], policy: 'round_robin', now: clock.now, seed: 3 });
  let signal;
  const call = balancer.call((attempt) => ((signal = attempt.signal), never()), { timeoutMs: 250 });
  const rejected = assert.rejects(call, (error) => {
    assert.equal(error.code, 'deadline');
    assert.deepEqual(error.attempts.map(({ url, elapsedMs }) => [url, elapsedMs]), [[A, 250]]);
    assert.equal(error.cause.name, 'TimeoutError');
    return true;
  });
  await clock.advance(250);
  await rejected;
  assert.equal(signal.aborted, true);
});

test('what ends after it was given up is dropped', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: [A, B], policy: 'round_robin', now: clock.now, seed: 3 });
  const ends = [];
  const call = balancer.call(() => new Promise((resolve, reject) => ends.push({ resolve, reject })), {
    attemptTimeoutMs: 100,
    backoff: 0,
  });
  await clock.advance(100);
  await clock.advance(100);
  ends[0].resolve('late');
  ends[1].reject(new Error('late'));
  await settle();
  ends[2].resolve('in time');
  assert.equal(await call, 'in time');
  assert.deepEqual(counts(balancer), [[1, 1, 0], [0, 1, 0]]);
});

test('an error not worth retrying', async () => {
  const balancer = new Balancer({ endpoints: [A, B] });
  const error = new Error('404');
  await assert.rejects(balancer.call(() => Promise.reject(error), { classify: () => 'ignorable' }), (thrown) => {
    assert.equal(thrown.code, 'ignorable');
    assert.equal(thrown.cause, error);
    assert.equal(thrown.attempts.length, 1);
    return true;
  });
  assert.deepEqual(counts(balancer).sort(), [[0, 0, 0], [1, 0, 0]], 'the endpoint did its work');
});

test('the server says when to try again', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ endpoints: [A], now: clock.now });
  let sent = 0;
  const call = balancer.call(
    () => {
      sent += 1;
      if (sent === 1) throw new Error('429');
      return 'ok';
    },
    { classify: () => ({ verdict: 'push_back', waitMs: 3000 }) },
  );
  await clock.advance(2999);
  assert.equal(sent, 1);
  await clock.advance(1);
  assert.equal(await call, 'ok');
});

test('no endpoint', async () => {
  await assert.rejects(new Balancer().call(never), (error) => {
    assert.equal(error.code, 'no_endpoints');
    assert.deepEqual(error.attempts, []);
    assert.equal(Object.hasOwn(error, 'cause'), false);
    return true;
  });
});

test('the caller leaves: its reason comes through, attempts and listener go', async (t) => {
  for (const options of [{}, { attemptTimeoutMs: 1000 }, { timeoutMs: 1000 }]) {
    const balancer = new Balancer({ endpoints: [A] });
    const controller = new AbortController();
    const added = t.mock.method(controller.signal, 'addEventListener');
    const removed = t.mock.method(controller.signal, 'removeEventListener');
    let signal;
    const call = balancer.call((attempt) => ((signal = attempt.signal), never()), { ...options, signal: controller.signal });
    const reason = new Error('changed my mind');
    await settle();
    controller.abort(reason);
    assert.equal(signal.reason, reason);
    await assert.rejects(call, (error) => error === reason);
    assert.deepEqual(counts(balancer), [[0, 0, 1]]);
    assert.deepEqual([added.mock.callCount(), removed.mock.callCount()], [1, 1]);
    assert.deepEqual(removed.mock.calls[0].arguments, added.mock.calls[0].arguments);
  }
});

test('the caller leaves while the call waits for the next attempt', async (t) => {
  const clock = fakeClock(t);
  const controller = new AbortController();
  const call = new Balancer({ endpoints: [A], now: clock.now }).call(() => Promise.reject(new Error('down')), {
    signal: controller.signal,
    backoff: 1e6,
  });
  await settle();
  controller.abort();
  await assert.rejects(call, { name: 'AbortError' });
});

test('the caller leaves from within an attempt', async () => {
  const controller = new AbortController();
  const call = new Balancer({ endpoints: [A] }).call(() => (controller.abort(), never()), { signal: controller.signal });
  await assert.rejects(call, { name: 'AbortError' });
});

test('the caller had left before', async () => {
  let sent = 0;
  await assert.rejects(new Balancer({ endpoints: [A] }).call(() => sent++, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(sent, 0);
});

test('a classifier that throws ends the call, and the pick is not lost', async () => {
  const balancer = new Balancer({ endpoints: [A] });
  const bug = new Error('bug');
  const classify = () => {
    throw bug;
  };
  await assert.rejects(balancer.call(() => Promise.reject(new Error('down')), { classify }), (error) => error === bug);
  await assert.rejects(balancer.call(() => Promise.reject(new Error('down')), { classify: () => 'maybe' }), TypeError);
  assert.deepEqual(counts(balancer), [[0, 0, 0]]);
});

test('a wait beyond the longest timer', async (t) => {
  const clock = fakeClock(t);
  const timer = t.mock.method(globalThis, 'setTimeout');
  let sent = 0;
  const call = new Balancer({ endpoints: [A], now: clock.now }).call(() => Promise.reject(new Error(String(++sent))), {
    attempts: 2,
    backoff: 3e9,
  });
  const rejected = assert.rejects(call, { code: 'attempts' });
  await clock.advance(2 ** 31 - 1);
  assert.equal(sent, 1);
  await clock.advance(3e9 - (2 ** 31 - 1));
  assert.equal(sent, 2);
  await rejected;
  assert.deepEqual(timer.mock.calls.map(({ arguments: [, delay] }) => delay), [2 ** 31 - 1, 3e9 - (2 ** 31 - 1)]);
});

test('no timer outlives its call', async (t) => {
  const set = t.mock.method(globalThis, 'setTimeout');
  const cleared = t.mock.method(globalThis, 'clearTimeout');
  await new Balancer({ endpoints: [A] }).call(() => settle(), { attemptTimeoutMs: 5000, timeoutMs: 5000 });
  assert.equal(set.mock.callCount(), 1);
  assert.deepEqual(cleared.mock.calls.map(({ arguments: [id] }) => id), set.mock.calls.map(({ result }) => result));
});

test('a call may wait until there is an endpoint', async (t) => {
  const clock = fakeClock(t);
  const balancer = new Balancer({ now: clock.now });
  const late = balancer.call(() => 'ok', { waitForReady: true, timeoutMs: 500 });
  const call = balancer.call(() => 'ok', { waitForReady: true, timeoutMs: 5000 });
  const failed = assert.rejects(late, { code: 'deadline' });
  await clock.advance(500);
  await failed;
  await clock.advance(500);
  balancer.insert(A);
  assert.equal(await call, 'ok');
});

test('a retry takes nobody\'s turn', async () => {
  for (const [names, failing, met] of [['ab', 'a', 600], ['abc', 'b', 400], ['abcdef', 'ace', 600]]) {
    const endpoints = Array.from(names, (name) => `https://${name}.example`);
    const balancer = new Balancer({ endpoints, policy: 'round_robin', config: { outlierDetection: false }, seed: 1 });
    let failed = 0;
    for (let i = 0; i < 1200; i++) {
      const call = balancer.call(
        async ({ url, attempt }) => {
          const fails = failing.includes(new URL(url).hostname[0]);
          failed += Number(fails && attempt === 1);
          if (fails) throw new Error('down');
        },
        { backoff: 0, attempts: 2 },
      );
      // The second may meet another one that fails.
      await call.catch(() => {});
    }
    assert.equal(failed, met, names);
  }
});
