// Bad input gets an error that names the value and the limit, and changes nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, Call, RetryBudget, TokenThrottle } from 'evenkeel';

const A = 'https://a.example';
const B = 'https://b.example';

const eject = (outlierDetection) => ({ config: { outlierDetection } });

const constructors = [
  ['an unknown policy', { policy: 'p2c' }, RangeError, 'unknown policy "p2c"; known are: round_robin, random, weighted_round_robin'],
  ['a parameter that there is not', { policy: 'maglev(table=7)' }, RangeError, 'maglev has no parameter "table=7"; known are: size'],
  ['a table that is no prime', { policy: 'maglev(size=250)' }, RangeError, 'size is 250, which is not a prime number'],
  ['a bound too small', { policy: 'rendezvous(bound=99)' }, RangeError, 'is 99, not in 100..='],
  ['a bracket left open', { policy: 'ring_hash(minimum=5' }, RangeError, '"ring_hash(minimum=5" has no closing bracket'],
  ['a policy that is no string', { policy: 7 }, TypeError, 'policy must be a string, not 7'],
  ['levels that there are not', { config: { levels: 'all' } }, RangeError, 'levels must be "first_available" or "overprovisioned", not "all"'],
  ['a negative subset', { config: { subset: -1 } }, RangeError, 'subset must be an integer in 0..=4294967295, not -1'],
  ['a zone that is no string', { config: { zone: 1 } }, TypeError, 'zone must be a string, not 1'],
  ['a slow start of less than no time', { config: { slowStartMs: -1 } }, RangeError, 'slowStartMs must be a number in 0..=18446744073709.55, not -1'],
  ['a slow start by a policy that ignores weights', { policy: 'random', config: { slowStartMs: 1000 } }, RangeError, 'slowStartMs'],
  ['settings that are no object', { config: 7 }, TypeError, 'config must be an object, not 7'],
  ['an unknown preset', { config: { outlierDetection: 'linkerd' } }, RangeError, 'outlierDetection must be one of evenkeel, envoy, grpc, off, false or an object, not "linkerd"'],
  ['outlier detection by a number', { config: { outlierDetection: 5 } }, TypeError, 'outlierDetection must be an object, not 5'],
  ['too many failures', eject({ consecutiveFailures: 65536 }), RangeError, 'outlierDetection.consecutiveFailures must be an integer in 0..=65535, not 65536'],
  ['an ejection of no time', eject({ baseEjectionMs: 0 }), RangeError, 'outlierDetection.baseEjectionMs must be a number in 1..=86400000, not 0'],
  ['a longest ejection below the first', eject({ baseEjectionMs: 60, maxEjectionMs: 50 }), RangeError, 'outlierDetection.maxEjectionMs is 50; the least is 60'],
  ['a first ejection above the longest', eject({ baseEjectionMs: 600_000 }), RangeError, 'outlierDetection.maxEjectionMs is 60000; the least is 600000'],
  ['more than all', eject({ maxEjectionPercent: 101 }), RangeError, 'maxEjectionPercent must be an integer in 0..=100, not 101'],
  ['half-open by a number', eject({ halfOpen: 1 }), TypeError, 'outlierDetection.halfOpen must be true or false, not 1'],
  ['a percentage above all', eject({ failurePercentage: { threshold: 101 } }), RangeError, 'outlierDetection.failurePercentage.threshold must be an integer in 0..=100, not 101'],
  ['a percentage for a rule', eject({ failurePercentage: 85 }), TypeError, 'outlierDetection.failurePercentage must be true or false, not 85'],
  ['a negative factor', eject({ successRate: { stdevFactor: -1 } }), RangeError, 'outlierDetection.successRate.stdevFactor must be a number in 0..=1000, not -1'],
  ['more than a day of rest', { config: { maxRetryAfterMs: 86_400_001 } }, RangeError, 'maxRetryAfterMs must be a number in 0..=86400000, not 86400001'],
  ['a factor below 100', { config: { levels: { overprovisioningFactor: 99 } } }, RangeError, 'levels.overprovisioningFactor is 99; the least is 100'],
  ['a panic above 100', { config: { levels: { panicThreshold: 101 } } }, RangeError, 'levels.panicThreshold must be an integer in 0..=100, not 101'],
  ['a past that is forgotten at once', { config: { latency: { tauMs: 0 } } }, RangeError, 'latency.tauMs must be a number in 1..=86400000, not 0'],
  ['a budget that is none', { budget: { ratio: 0.2 } }, TypeError, 'budget must be a RetryBudget or a TokenThrottle, not an object'],
  ['a seed with a fraction', { seed: 1.5 }, RangeError, 'seed must be an integer in 0..=2^53-1, or a bigint in 0..=2^64-1, not 1.5'],
  ['a negative seed', { seed: -1 }, RangeError, 'not -1'],
  ['a seed of 65 bits', { seed: 1n << 64n }, RangeError, 'not 18446744073709551616'],
  ['a seed that is no number', { seed: '7' }, TypeError, 'not "7"'],
  ['a clock that is no function', { now: 5 }, TypeError, 'now must be a function, not 5'],
  ['a clock that reads NaN', { now: () => NaN }, RangeError, 'now must be a number of milliseconds, not NaN'],
  ['one URL for the list of them', { endpoints: A }, TypeError, `endpoints must be an iterable of URLs, not "${A}"`],
  ['no list of endpoints', { endpoints: null }, TypeError, 'not null'],
];
for (const [name, options, type, message] of constructors) {
  test(name, () => assert.throws(() => new Balancer(options), matches(type, message)));
}

const endpoints = [
  ['an empty URL', '', TypeError, 'endpoint 1 must be an absolute URL such as "https://a.example", not ""'],
  ['a host and port without a scheme', 'localhost:8080', TypeError, 'not "localhost:8080"'],
  ['a malformed URL', 'http://a b', TypeError, 'not "http://a b"'],
  ['a relative URL', '/v1', TypeError, 'not "/v1"'],
  ['a port out of range', 'http://a:65536', TypeError, 'not "http://a:65536"'],
  ['a URL of two lines', 'http://a/b\nc', TypeError, 'not "http://a/b\\nc"'],
  ['an endpoint that is nothing', undefined, TypeError, 'not undefined'],
  ['an endpoint without a URL', { weight: 1 }, TypeError, 'not an object'],
  ['a negative weight', { url: B, weight: -1 }, RangeError, `endpoint 1 (${B}): weight must be an integer in 0..=4294967295, not -1`],
  ['a weight too large', { url: B, weight: 2 ** 32 }, RangeError, 'not 4294967296'],
  ['a weight with a fraction', { url: B, weight: 0.5 }, RangeError, 'not 0.5'],
  ['a weight that is NaN', { url: B, weight: NaN }, RangeError, 'not NaN'],
  ['a weight that is a string', { url: B, weight: '2' }, TypeError, 'not "2"'],
  ['a zone that is a number', { url: B, zone: 7 }, TypeError, `endpoint 1 (${B}): zone must be a string, not 7`],
  ['draining that is no boolean', { url: B, draining: 'no' }, TypeError, 'draining must be true or false, not "no"'],
  ['a priority too large', { url: B, priority: 65536 }, RangeError, 'priority must be an integer in 0..=65535, not 65536'],
];
for (const [name, endpoint, type, message] of endpoints) {
  test(name, () => {
    const balancer = new Balancer({ endpoints: [A, { url: B, weight: 2 }] });
    const before = balancer.endpoints();
    assert.throws(() => balancer.update(['https://c.example', endpoint]), matches(type, message));
    assert.deepEqual(balancer.endpoints(), before);
    assert.throws(() => balancer.insert(endpoint), type);
    assert.deepEqual(balancer.endpoints(), before);
    assert.deepEqual(balancer.update([A, { url: B, weight: 2 }]), { added: 0, removed: 0, changed: 0 }, 'nothing was kept');
  });
}

const calls = [
  ['0 attempts', { attempts: 0 }, RangeError, 'attempts must be an integer in 1..=4294967295, not 0'],
  ['a hash with a fraction', { key: { hash: 0.5 } }, RangeError, 'key.hash must be an integer in 0..=2^53-1, or a bigint in 0..=2^64-1, not 0.5'],
  ['a hash of more than 64 bits', { key: { hash: 2n ** 64n } }, RangeError, 'key.hash must be an integer in 0..=2^53-1, or a bigint in 0..=2^64-1, not 18446744073709551616'],
  ['a key that is an object', { key: {} }, TypeError, 'key must be a string'],
  ['half an attempt', { attempts: 1.5 }, RangeError, 'not 1.5'],
  ['attempts that are a string', { attempts: '3' }, TypeError, 'not "3"'],
  ['a timeout of 0', { timeoutMs: 0 }, RangeError, 'timeoutMs must be a finite number of milliseconds above 0, not 0'],
  ['a timeout of NaN', { timeoutMs: NaN }, RangeError, 'not NaN'],
  ['a timeout too small to count', { timeoutMs: 1e-9 }, RangeError, 'above 0'],
  ['a negative timeout of an attempt', { attemptTimeoutMs: -5 }, RangeError, 'attemptTimeoutMs must be'],
  ['an endless timeout', { attemptTimeoutMs: Infinity }, RangeError, 'not Infinity'],
  ['a negative backoff', { backoff: -1 }, RangeError, 'backoff must be a finite number of milliseconds, 0 or more, not -1'],
  ['a backoff without a cap', { backoff: { baseMs: 5 } }, TypeError, 'backoff.maxMs must be'],
  ['a cap below the base', { backoff: { baseMs: 5, maxMs: 4 } }, RangeError, 'backoff.maxMs must be at least baseMs (5), not 4'],
  ['unknown jitter', { backoff: { baseMs: 5, maxMs: 6, jitter: 'some' } }, RangeError, 'backoff.jitter must be one of none, full, equal, decorrelated, not "some"'],
  ['no hedge', { hedge: { afterMs: 5, max: 0 } }, RangeError, 'hedge.max must be an integer in 1..=4, not 0'],
  ['too many hedges', { hedge: { afterMs: 5, max: 5 } }, RangeError, 'hedge.max must be an integer in 1..=4, not 5'],
  ['a hedge at no time', { hedge: {} }, TypeError, 'hedge.afterMs must be a finite number of milliseconds, 0 or more, not undefined'],
  ['a hedge before the attempt', { hedge: { afterMs: -1 } }, RangeError, 'hedge.afterMs must be'],
  ['a hedge after a number', { hedge: 20 }, TypeError, 'hedge must be an object, not 20'],
  ['no such percentile', { hedge: { after: 'p100' } }, RangeError, 'hedge.after must be a percentile in p0.1..=p99.9, not "p100"'],
  ['the zeroth percentile', { hedge: { after: 'p0' } }, RangeError, 'not "p0"'],
  ['a negative limit of waits', { maxPushBackMs: -1 }, RangeError, 'maxPushBackMs must be'],
  ['jitter by a number', { pushBackJitter: 0.5 }, TypeError, 'pushBackJitter must be true or false, not 0.5'],
  ['a budget by a number', { budget: 0.2 }, TypeError, 'budget must be a RetryBudget or a TokenThrottle, not 0.2'],
  ['a classifier that is no function', { classify: 'retry' }, TypeError, 'classify must be a function, not "retry"'],
];
for (const [name, options, type, message] of calls) {
  test(name, async () => {
    const balancer = new Balancer({ endpoints: [A] });
    let sent = 0;
    await assert.rejects(balancer.call(() => sent++, options), matches(type, message));
    assert.equal(sent, 0);
  });
}

test('budgets beyond their limits', () => {
  const cases = [
    [() => new RetryBudget({ ratio: -0.1 }), RangeError, 'ratio must be a number in 0..=1000, not -0.1'],
    [() => new RetryBudget({ minPerSec: 0.5 }), RangeError, 'minPerSec must be an integer in 0..=1000000, not 0.5'],
    [() => new RetryBudget({ ttlMs: 999 }), RangeError, 'ttlMs must be a number in 1000..=60000, not 999'],
    [() => new RetryBudget({ deposits: 'call' }), TypeError, "deposits must be 'successes' or 'calls', not \"call\""],
    [() => new RetryBudget(0.2), TypeError, 'options must be an object, not 0.2'],
    [() => new TokenThrottle({ maxTokens: 0 }), RangeError, 'maxTokens must be an integer in 1..=1000, not 0'],
    [() => new TokenThrottle({ tokenRatio: 0 }), RangeError, 'tokenRatio must be a number in 0.001..=1000, not 0'],
  ];
  for (const [make, type, message] of cases) assert.throws(make, matches(type, message));
});

test('nothing to send with', async () => {
  await assert.rejects(new Balancer().call('fetch'), matches(TypeError, 'send must be a function, not "fetch"'));
});

test('times that are no numbers', () => {
  const balancer = new Balancer({ endpoints: [A] });
  assert.throws(() => balancer.pick({ now: NaN }), matches(RangeError, 'not NaN'));
  assert.throws(() => balancer.update([], '0'), matches(TypeError, 'not "0"'));
  assert.equal(balancer.size, 1);
  const pick = balancer.pick();
  assert.throws(() => pick.ok(NaN), RangeError);
  assert.throws(() => pick.overloaded(-1), matches(RangeError, 'retryAfterMs must be'));
  pick.ok();
  assert.equal(balancer.endpoints()[0].successes, 1, 'the pick was still open');
});

test('a verdict that there is not', () => {
  const balancer = new Balancer({ endpoints: [A] });
  const call = new Call(balancer);
  const { attempt } = call.poll();
  call.started(attempt, call.pick());
  for (const verdict of ['ok', 'toString', undefined, null]) {
    assert.throws(() => call.onOutcome(attempt, verdict), matches(TypeError, 'success, retryable_failure, non_retryable_failure'));
  }
  assert.throws(() => call.onOutcome(attempt, { verdict: 'push_back', waitMs: -1 }), RangeError);
  assert.equal(call.poll().type, 'wait', 'the attempt is still under way');
});

function matches(type, message) {
  return (error) => {
    assert.equal(error.constructor, type, String(error));
    assert.ok(error.message.includes(message), error.message);
    return true;
  };
}

test('a pick that throws leaves nothing to the next one', () => {
  const options = { endpoints: [A, B, 'https://c.example', 'https://d.example'], policy: 'rendezvous', seed: 1, now: () => 0 };
  const urls = (balancer) => Array.from({ length: 20 }, () => balancer.pick().url);
  const failing = new Balancer(options);
  const fails = [
    [{ key: 'a', avoid: null }, /avoid must be an iterable of URLs, not null/],
    [{ key: 'a', avoid: 7 }, /avoid must be an iterable of URLs, not 7/],
    [{ key: 'a', avoid: [A, { toString: () => { throw new Error('mine'); } }] }, /mine/],
    [{ key: 'a', avoid: [B, Symbol.iterator, { [Symbol.toPrimitive]: () => ({}) }] }, TypeError],
    [{ avoid: [A], key: { hash: -1 } }, RangeError],
    [{ avoid: [A], key: NaN }, /key must be a string, a finite number, a bigint or \{ hash \}, not NaN/],
    [{ avoid: [A], key: 'a', now: NaN }, RangeError],
  ];
  const undisturbed = new Balancer(options);
  for (const [pick, error] of fails) {
    assert.throws(() => failing.pick(pick), error);
    assert.deepEqual(urls(failing), urls(undisturbed));
  }
});
