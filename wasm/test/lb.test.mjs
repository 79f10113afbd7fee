// `createBalancer`: options, calls, events, picks, state; and nonsense over every method.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, LbError, RetryBudget } from 'evenkeel';
import { serve } from './support.mjs';

const [A, B, C] = ['https://a.example', 'https://b.example', 'https://c.example'];

test('an option that there is not names the nearest one', () => {
  for (const [options, name] of [
    [{ polcy: 'random' }, 'policy'],
    [{ timeout: 5 }, 'timeoutMs'],
    [{ timeoutMS: 5 }, 'timeoutMs'],
    [{ retry: { limits: 1 } }, 'limit'],
    [{ retry: { statusCode: [500] } }, 'statusCodes'],
    [{ retry: { budget: { ration: 1 } } }, 'ratio'],
    [{ hedge: { afterMS: 1 } }, 'afterMs'],
    [{ eject: { consecutiveFailure: 1 } }, 'consecutiveFailures'],
    [{ eject: { successRate: { flor: 1 } } }, 'floor'],
    [{ latency: { tau: 1 } }, 'tauMs'],
    [{ endpoints: [{ url: A, wieght: 1 }] }, 'weight'],
  ]) {
    assert.throws(() => createBalancer({ endpoints: [A], ...options }), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, new RegExp(`did you mean ${name}\\?$`));
      return true;
    }, JSON.stringify(options));
  }
  assert.throws(() => createBalancer({ endpoints: [A], xyzzy: 1 }), /has no "xyzzy"; known are endpoints, policy, fetch/);
});

test('settings live on the balancer, and a call may say otherwise', async () => {
  const lb = createBalancer({ endpoints: [A, B], retry: { limit: 4, backoff: 0 } });
  const count = async (options) => {
    let sent = 0;
    await assert.rejects(lb.call(() => { sent++; throw new Error('down'); }, options), LbError);
    return sent;
  };
  assert.equal(await count(), 5);
  assert.equal(await count({ retry: { limit: 1 } }), 2);
  assert.equal(await count({ retry: false }), 1);
  assert.equal(await count({ idempotent: false }), 1, 'it may have been done');
  assert.equal(await count({ retry: { statusCodes: [502] } }), 5, 'what is not said stays');
});

test('a request that says something of retries keeps what the balancer says else', async (t) => {
  const server = await serve(t, (_, response) => response.writeHead(500).end());
  const retry = { methods: ['GET'], statusCodes: [500], limit: 3, backoff: 0 };
  const lb = createBalancer({ endpoints: [server.url], eject: false, retry });
  const count = async (init) => {
    const before = server.hits;
    await (await lb.fetch('/', init)).text();
    return server.hits - before;
  };
  assert.equal(await count({ retry: { limit: 1 } }), 2);
  assert.equal(await count({ method: 'PUT', retry: { limit: 1 } }), 1, 'the balancer allows GET alone');
  assert.equal(await count({ retry: { statusCodes: [502] } }), 1);
  assert.equal(await count({ retry: { methods: ['PUT'] }, method: 'PUT' }), 4);
});

test('a fault of the caller harms none of those in flight', async () => {
  const lb = createBalancer({ endpoints: [A, B], eject: { consecutiveFailures: 1 }, retry: { budget: false } });
  for (let i = 0; i < 40; i++) {
    const call = lb.call(({ attempt }) => (attempt === 1 ? new Promise(() => {}) : attempt), {
      hedge: { afterMs: 0 },
      accept: () => { throw new Error('mine'); },
    });
    await assert.rejects(call, /mine/);
  }
  for (const { health, canceled, failures, inFlight } of lb.endpoints()) assert.deepEqual([health, canceled, failures, inFlight], ['healthy', 0, 0, 0]);
});

test('a value, a Response, and what accept says of them', async () => {
  const lb = createBalancer({ endpoints: [A, B, C], retry: { backoff: 0 } });
  assert.equal(await lb.call(({ attempt }) => attempt), 1);
  const { status } = await lb.call(({ attempt }) => new Response(null, { status: attempt === 1 ? 503 : 204 }));
  assert.equal(status, 204);
  assert.equal(await lb.call(({ attempt }) => attempt, { accept: (attempt) => attempt === 2 }), 2);
  assert.equal(await lb.call(({ attempt }) => attempt, { accept: () => undefined }), 1, 'as usual');
});

test('an error that says a status is judged by it: SDKs, ky and axios throw at statuses', async () => {
  const status = (status, headers = {}) => Object.assign(new Error(String(status)), { status, headers });
  const response = (status) => Object.assign(new Error(String(status)), { response: new Response(null, { status }) });
  const [axios, got] = [Object.assign(new Error('x'), { response: { status: 503, headers: { 'retry-after': '7' } } }), Object.assign(new Error('x'), { statusCode: 500 })];
  for (const [error, sent, health, failures] of [
    [status(404), 1, 'healthy', 0], [response(404), 1, 'healthy', 0], [status(429, new Headers({ 'retry-after-ms': '9000' })), 2, 'overloaded', 1],
    [response(503), 2, 'overloaded', 1], [axios, 2, 'overloaded', 1], [got, 2, 'healthy', 1],
  ]) {
    const lb = createBalancer({ endpoints: [{ url: A }, { url: B, priority: 1 }], now: () => 0, seed: 1, retry: { backoff: 0 } });
    let calls = 0;
    await lb.call(({ url }) => { calls++; if (url === A) throw error; return 'ok'; }).catch((other) => assert.equal(other.cause, error));
    const [a] = lb.endpoints();
    assert.deepEqual([calls, a.health, a.failures], [sent, health, failures], String(error));
    if (error === axios) assert.ok(a.until >= 7000);
  }
});

test('faults of the caller reject at once, and touch no endpoint', async () => {
  const lb = createBalancer({ endpoints: [A, B] });
  for (const send of [() => undefined.x, () => { throw new ReferenceError('x'); }, async () => null.x, () => new URL('nonsense')]) {
    let sent = 0;
    await assert.rejects(lb.call((attempt) => (sent++, send(attempt))), (error) => !(error instanceof LbError));
    assert.equal(sent, 1);
  }
  const untouched = { inFlight: 0, successes: 0, failures: 0, canceled: 0, health: 'healthy' };
  for (const endpoint of lb.endpoints()) assert.deepEqual({ ...endpoint, ...untouched }, endpoint);
});

test('the signal of an attempt is there, and costs nothing until it is read', async (t) => {
  const original = globalThis.AbortController;
  const made = t.mock.fn(function () { return new original(); });
  globalThis.AbortController = made;
  t.after(() => (globalThis.AbortController = original));
  const lb = createBalancer({ endpoints: [A] });
  await lb.call(({ url }) => url);
  assert.equal(made.mock.callCount(), 0);
  assert.ok((await lb.call(({ signal }) => signal)) instanceof AbortSignal);
  assert.equal(made.mock.callCount(), 1);
  // Read late, it says what happened meanwhile.
  let kept;
  const caller = new original();
  const call = lb.call((attempt) => { kept = attempt; return new Promise(() => {}); }, { signal: caller.signal });
  caller.abort(new Error('mine'));
  await assert.rejects(call, /mine/);
  assert.equal(kept.signal.reason.message, 'mine');
});

test('events: retries, hedges, ejections, returns, updates', async () => {
  let now = 0;
  const lb = createBalancer({ endpoints: [A, B], now: () => now, seed: 1, retry: { backoff: 0 }, policy: 'round_robin' });
  const told = [];
  for (const name of ['eject', 'restore', 'retry', 'hedge', 'update', 'source']) lb.on(name, (event) => told.push([name, event]));
  const off = lb.on('retry', () => told.push('gone'));
  off();
  for (let i = 0; i < 10; i++) await lb.call(({ url }) => { if (url === A) throw new Error('down'); });
  const names = told.map(([name]) => name);
  assert.equal(names.filter((name) => name === 'retry').length, 5);
  assert.deepEqual(told.filter(([name]) => name === 'eject').map(([, { url, reason }]) => [url, reason]), [[A, 'consecutive_failures']]);
  now = 60_000;
  for (let i = 0; i < 4; i++) await lb.call(() => 1);
  assert.deepEqual(told.at(-1), ['restore', { url: A }]);
  lb.update([A, C]);
  assert.deepEqual(told.at(-1), ['update', { added: 1, removed: 1, changed: 0 }]);
});

test('events: what the rule does and does not do, and counts of it', async () => {
  let now = 0;
  const lb = createBalancer({ endpoints: [A, B], now: () => now, seed: 1, policy: 'round_robin' });
  const told = [];
  for (const name of ['eject', 'hold', 'probe', 'restore', 'undo']) lb.on(name, (event) => told.push({ name, ...event }));
  const fail = (url, times) => {
    while (times > 0) {
      const pick = lb.pick();
      if (pick.url !== url) pick.ok();
      else if (times-- > 0) pick.fail();
    }
  };
  fail(A, 5);
  now = lb.endpoints()[0].until;
  lb.pick().fail();
  // With one ejected, the other fails, too: the ejection gained nothing.
  fail(B, 10);
  assert.equal(lb.endpoints()[1].held, 'calm');
  lb.pick().ok();
  assert.deepEqual(told.map(({ name, url }) => [name, url]), [
    ['eject', A], ['probe', A], ['eject', A], ['hold', B], ['restore', A], ['undo', B],
  ]);
  assert.deepEqual(told.map(({ reason, held }) => reason ?? held).filter(Boolean), ['consecutive_failures', 'probe_failed', 'nobody_well']);
  const undo = told.find(({ name }) => name === 'undo');
  assert.deepEqual(lb.endpoints().map(({ calmUntil }) => calmUntil), [undo.until, undo.until]);
  const { ejected, held, undone, probing } = lb.eventCounts();
  assert.deepEqual([ejected.consecutive_failures, ejected.probe_failed, held.nobody_well, undone, probing], [1, 1, 1, 1, 1]);
});

test('a call is not hedged unless somebody asks for it', async () => {
  let [now, sent] = [0, 0];
  for (const [balancer, call, expected] of [[undefined, undefined, 1], [{ afterMs: 0 }, undefined, 2], [undefined, { afterMs: 0 }, 2], [{ afterMs: 0 }, false, 1]]) {
    const lb = createBalancer({ endpoints: [A, B], ...(balancer ? { hedge: balancer } : {}) });
    sent = 0;
    const caller = new AbortController();
    const running = lb.call(() => { sent++; return new Promise(() => {}); }, { signal: caller.signal, ...(call === undefined ? {} : { hedge: call }) });
    while (sent < expected) await new Promise(setImmediate);
    for (now = 0; now < 20; now++) await new Promise(setImmediate);
    caller.abort();
    await assert.rejects(running);
    assert.equal(sent, expected);
  }
});

test('hedges are told', async () => {
  const told = [];
  const lb = createBalancer({ endpoints: [A, B], hedge: { afterMs: 1 }, onEvent: (event) => told.push(event) });
  assert.equal(await lb.call(({ attempt }) => (attempt === 1 ? new Promise(() => {}) : 'second')), 'second');
  const [hedge] = told.filter(({ type }) => type === 'hedge');
  assert.equal(hedge.attempt, 2);
  assert.ok([A, B].includes(hedge.url));
});

test('a listener that throws, and one that calls back in, harm nobody', async (t) => {
  const reported = t.mock.method(console, 'error', () => {});
  const lb = createBalancer({ endpoints: [A, B], retry: { backoff: 0 }, onEvent: () => { throw new Error('bug'); } });
  lb.on('retry', () => { throw new Error('bug'); });
  lb.on('retry', () => { lb.pick()?.ok(); lb.update([A, B, C]); });
  assert.equal(await lb.call(({ attempt }) => { if (attempt < 3) throw new Error('down'); return 'ok'; }), 'ok');
  assert.ok(reported.mock.callCount() >= 4);
});

test('a clock that throws rejects the call, and the next one goes on', async () => {
  let broken = false;
  const bug = new Error('clock');
  const lb = createBalancer({ endpoints: [A], now: () => { if (broken) throw bug; return 0; } });
  const call = lb.call(async () => { broken = true; });
  await assert.rejects(call, (error) => error === bug);
  broken = false;
  assert.equal(await lb.call(() => 'ok'), 'ok');
  assert.equal(lb.endpoints()[0].inFlight, 0);
});

test('picks with a key: hashed, so numbers near each other spread', () => {
  const urls = Array.from({ length: 20 }, (_, i) => `https://e${i}.example`);
  for (const policy of ['ring_hash', 'ketama', 'maglev', 'rendezvous']) {
    const lb = createBalancer({ endpoints: urls, policy });
    const seen = new Set();
    for (let key = 0; key < 10_000; key++) {
      const pick = lb.pick({ key });
      seen.add(pick.url);
      pick.ok();
    }
    assert.equal(seen.size, 20, policy);
  }
});

test('state goes over to another balancer', () => {
  const lb = createBalancer({ endpoints: [A, B], policy: 'round_robin' });
  for (let i = 0; i < 40; i++) {
    const pick = lb.pick();
    if (pick.url === A) pick.fail();
    else pick.ok();
  }
  const next = createBalancer({ endpoints: [A, B] });
  assert.equal(next.restore(lb.state()), 2);
  assert.equal(next.endpoints()[0].health, 'ejected');
  for (const nonsense of ['', 'x', '5 x', `${Date.now()} AAAA`, lb.state().slice(0, -9), `0 ${lb.state().split(' ')[1]}`]) {
    assert.equal(createBalancer({ endpoints: [A, B] }).restore(nonsense), 0, nonsense);
  }
  assert.throws(() => next.restore(7), TypeError);
});

test('disposed: it refuses, and what is under way goes on', async () => {
  const lb = createBalancer({ endpoints: [A] });
  let answer;
  const call = lb.call(() => new Promise((resolve) => (answer = resolve)));
  await new Promise(setImmediate);
  lb[Symbol.dispose]();
  lb[Symbol.dispose]();
  await assert.rejects(lb.call(() => 1), /disposed/);
  await assert.rejects(lb.fetch('/'), /disposed/);
  assert.throws(() => lb.pick(), /disposed/);
  answer('ok');
  assert.equal(await call, 'ok');
});

test('a budget bounds the retries of all calls; false bounds nothing', async () => {
  const run = async (budget) => {
    let sent = 0;
    const lb = createBalancer({ endpoints: [A, B], now: () => 0, eject: false, retry: { limit: 2, backoff: 0, budget } });
    for (let i = 0; i < 50; i++) await lb.call(() => { sent++; throw new Error('down'); }).catch(() => {});
    return sent - 50;
  };
  assert.equal(await run(false), 100);
  assert.equal(await run(undefined), 30, 'ten a second of the last three, as nothing succeeded');
  assert.equal(await run({ minPerSec: 3 }), 9);
  assert.equal(await run(new RetryBudget({ minPerSec: 4 })), 12);
});

const NONSENSE = [undefined, null, true, 0, -1, NaN, Infinity, 1e300, '', 'x', Symbol('x'), 1n, [], {}, () => {}, new Date(NaN), [null], { url: 7 },
  { get url() { throw new Error('getter'); } }, { get key() { throw new Error('getter'); } }, new Proxy({}, { ownKeys: () => { throw new Error('proxy'); } })];

test('nonsense over every method: an error, no trap, and the next call goes on', async (t) => {
  const server = await serve(t);
  for (const nonsense of NONSENSE) {
    const lb = createBalancer({ endpoints: [server.url] });
    const attempts = [
      () => createBalancer(nonsense),
      () => createBalancer({ endpoints: nonsense }),
      ...['policy', 'retry', 'hedge', 'timeoutMs', 'attemptTimeoutMs', 'eject', 'seed', 'now', 'fetch', 'onEvent', 'levels', 'latency', 'zone', 'subset', 'accept', 'classify', 'maxInFlight']
        .map((name) => () => createBalancer({ endpoints: [A], [name]: nonsense })),
      () => lb.fetch(nonsense),
      () => lb.fetch('/', nonsense),
      () => lb.fetch('/', { key: nonsense, hedge: false }),
      () => lb.fetch('/', { retry: nonsense }),
      () => lb.call(nonsense),
      () => lb.call(() => 1, nonsense),
      () => lb.call(() => 1, { key: nonsense }),
      () => lb.call(() => 1, { signal: nonsense }),
      () => lb.pick(nonsense),
      () => lb.pick({ key: nonsense }),
      () => lb.pick({ key: 'x', avoid: nonsense }),
      () => lb.pick({ now: nonsense }),
      () => lb.on(nonsense, nonsense),
      () => lb.on('retry', nonsense),
      () => lb.attempts(nonsense),
      () => lb.update(nonsense),
      () => lb.update([nonsense]),
      () => lb.restore(nonsense),
    ];
    for (const attempt of attempts) {
      try {
        await attempt();
      } catch (error) {
        assert.ok(!(error instanceof WebAssembly.RuntimeError), `${String(attempt)} with ${typeof nonsense}: ${error.stack}`);
        assert.ok(error instanceof Error && error.message !== '', `${String(attempt)} with ${typeof nonsense}: ${String(error)}`);
      }
      lb.update([server.url]);
      assert.equal(await (await lb.fetch('/', { hedge: false })).text(), 'ok');
    }
  }
});
