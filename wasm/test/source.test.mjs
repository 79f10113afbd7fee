// Where endpoints come from: functions, iterables, lists at a URL.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, LbError, poll } from 'evenkeel';
import { serve, settle } from './support.mjs';

const [A, B] = ['https://a.example', 'https://b.example'];
const url = ({ url }) => url;

test('the first request asks, others share the question, and no timer is set', async (t) => {
  let [now, asked] = [0, 0];
  const set = t.mock.method(globalThis, 'setTimeout');
  const lb = createBalancer({ endpoints: async () => (asked++, { endpoints: asked > 1 ? [B] : [A], ttlMs: 5000 }), now: () => now, hedge: false });
  assert.equal(asked, 0, 'not before');
  assert.deepEqual(await Promise.all([lb.call(url), lb.call(url), lb.call(url)]), [A, A, A]);
  assert.equal(asked, 1);
  now = 4999;
  await lb.call(url);
  assert.equal(asked, 1);
  now = 5000;
  assert.equal(await lb.call(url), A, 'who finds the list old does not wait');
  assert.equal(asked, 2);
  await settle();
  assert.equal(await lb.call(url), B);
  assert.equal(set.mock.callCount(), 0);
});

test('failures and empty lists leave the endpoints, and are asked again after a while', async () => {
  let [now, asked] = [0, 0];
  const answers = [[A], [], new Error('down'), 'nonsense', [{ wrong: 1 }], [B]];
  const told = [];
  const lb = createBalancer({
    endpoints: () => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    now: () => now,
  });
  lb.on('source', ({ ok, error }) => told.push(ok ? 'ok' : error.constructor.name));
  assert.equal(await lb.call(url), A);
  for (now = 30_000; asked < answers.length; now += 500) {
    const got = await lb.call(url);
    if (asked < answers.length) assert.equal(got, A);
    await settle();
  }
  assert.equal(await lb.call(url), B);
  assert.deepEqual(told, ['ok', 'RangeError', 'Error', 'TypeError', 'TypeError', 'ok']);
  // 1 + 2 + 4 + 8 s of waits between five questions, give or take 20 %.
  assert.ok(now >= 42_000 && now < 51_000, `${now}`);
});

test('what a failure asks for is waited for, and a list may come with one', async () => {
  let [now, asked] = [0, 0];
  const told = [];
  const lb = createBalancer({
    endpoints: () => (asked++ === 0 ? { endpoints: [A], error: Object.assign(new Error('B is not known'), { retryAfterMs: 100_000 }) } : [A, B]),
    now: () => now,
  });
  lb.on('source', ({ ok, error }) => told.push(ok ? 'ok' : error.message));
  assert.equal(await lb.call(url), A);
  for (; now < 100_000; now += 1000) await lb.call(url);
  assert.equal(asked, 1);
  await lb.call(url);
  await settle();
  assert.equal(asked, 2);
  assert.deepEqual(told, ['ok', 'B is not known', 'ok']);
  assert.equal(lb.endpoints().length, 2);
});

test('an endpoint that is missing for a while drains, and is the same when it comes back', async () => {
  const C = { url: 'https://c.example', weight: 3 };
  let [now, list] = [0, [A, `${B}/`, C]];
  const lb = createBalancer({
    endpoints: async () => {
      if (list instanceof Error) throw list;
      return { endpoints: list, ttlMs: 1000 };
    },
    removalGraceMs: 10_000,
    policy: 'round_robin',
    now: () => now,
    eject: { consecutiveFailures: 1 },
  });
  const known = () => lb.endpoints().map(({ url, draining, weight }) => `${url.slice(8, 9)}${weight}${draining ? ' drains' : ''}`);
  const passes = async (ms) => {
    now += ms;
    await lb.refresh();
  };
  const picked = () => new Set(Array.from({ length: 12 }, () => {
    const pick = lb.pick();
    pick.ok();
    return pick.url.slice(8, 9);
  }));
  await lb.refresh();
  assert.deepEqual([known(), picked()], [['a1', 'b1', 'c3'], new Set(['a', 'b', 'c'])]);
  lb.pick({ avoid: [A, C.url] }).fail();
  const ejected = () => lb.endpoints().find(({ url }) => url.startsWith(B)).health;
  assert.equal(ejected(), 'ejected');

  list = [A];
  await passes(1000);
  assert.deepEqual([known(), picked()], [['a1', 'b1 drains', 'c3 drains'], new Set(['a'])]);
  await passes(9999);
  list = [A, B];
  await passes(0);
  assert.deepEqual(known(), ['a1', 'b1', 'c3 drains']);
  assert.equal(ejected(), 'ejected', 'it is the same one');
  await passes(1);
  assert.deepEqual(known(), ['a1', 'b1'], 'ten seconds');

  // The time does not pass while the source fails.
  list = [A];
  await passes(1000);
  list = new Error('down');
  await passes(60_000);
  list = [A];
  await passes(1000);
  assert.deepEqual(known(), ['a1', 'b1 drains']);
  await passes(10_000);
  assert.deepEqual(known(), ['a1']);
  lb.update([B]);
  assert.deepEqual(known(), ['b1'], 'what is said by hand holds at once');
  await passes(1000);
  assert.deepEqual(known(), ['a1'], 'and what the source says after it');
});

for (const how of ['throw', 'answer 503']) test(`as long as requests fail, the source is asked every half a minute: they ${how}`, async () => {
  let [now, list] = [0, [A]];
  const asked = [];
  const lb = createBalancer({ endpoints: () => (asked.push(now), { endpoints: list, ttlMs: 3_600_000 }), now: () => now, retry: false });
  const send = async ({ url }) => {
    if (url === A && how === 'throw') throw new TypeError('fetch failed');
    return url === A ? new Response(null, { status: 503 }) : url;
  };
  for (; now < 300_000; now += 500) {
    if (how === 'throw') await assert.rejects(lb.call(send), LbError);
    else assert.equal((await lb.call(send)).status, 503);
    await settle();
  }
  // At first as ejections and what was held back are news, then twice a minute.
  const gaps = asked.slice(1).map((at, i) => at - asked[i]);
  assert.ok(asked.length >= 10 && asked.length <= 14, `${asked}`);
  assert.ok(gaps.every((gap) => gap >= 5000 && gap <= 31_000), `${gaps}`);
  list = [B];
  while ((await lb.call(send).catch(() => undefined)) !== B) {
    now += 500;
    await settle();
    assert.ok(now < 331_000, 'the new address is found');
  }
  for (const before = asked.length; now < 3_000_000; now += 10_000) {
    assert.equal(await lb.call(send), B);
    assert.equal(asked.length, before, 'all is well');
  }
});

test('callers whose requests are at fault, or who give up, make nobody ask the source', async () => {
  let [now, asked] = [0, 0];
  const lb = createBalancer({ endpoints: () => (asked++, { endpoints: [A], ttlMs: 3_600_000 }), now: () => now });
  await lb.call(url);
  for (; now < 300_000; now += 1000) {
    assert.equal((await lb.call(async () => new Response(null, { status: 404 }))).status, 404);
    await assert.rejects(lb.call(() => { throw new RangeError('mine'); }), /mine/);
    const gone = new AbortController();
    const call = lb.call(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))), { signal: gone.signal });
    await settle();
    gone.abort(new Error('gone'));
    await assert.rejects(call, /gone/);
  }
  assert.equal(asked, 1);
});

test('a function that hangs is asked again after half a minute, and what it says later is old', async () => {
  let now = 0;
  const answers = [];
  const lb = createBalancer({ endpoints: () => new Promise((resolve) => answers.push(resolve)), now: () => now });
  const first = lb.call(url);
  await settle();
  now = 29_999;
  const second = lb.call(url);
  await settle();
  assert.equal(answers.length, 1);
  now = 30_000;
  const third = lb.call(url);
  await settle();
  assert.equal(answers.length, 2);
  answers[1]([B]);
  assert.equal(await third, B);
  answers[0]([A]);
  await Promise.all([first, second]);
  assert.deepEqual(lb.endpoints().map(({ url }) => url), [B]);
});

test('no list yet: requests wait for it, within their time', async () => {
  const never = createBalancer({ endpoints: () => new Promise(() => {}) });
  await assert.rejects(never.call(url, { timeoutMs: 20 }), { name: 'LbError', code: 'deadline' });
  const caller = new AbortController();
  const call = never.fetch('/', { signal: caller.signal });
  caller.abort(new Error('mine'));
  await assert.rejects(call, /mine/);
});

test('where there is no endpoint, the error tells why the source has none', async () => {
  let [now, fails] = [0, true];
  const down = new Error('down');
  const lb = createBalancer({ endpoints: () => (fails ? Promise.reject(down) : [{ url: A, draining: true }]), now: () => now });
  await assert.rejects(lb.call(url), (error) => {
    assert.ok(error instanceof LbError);
    assert.equal(error.code, 'no_endpoints');
    assert.equal(error.message, 'there is no endpoint to send to (0 failed attempts; the source failed: Error: down)');
    assert.equal(error.cause, down);
    return true;
  });
  [now, fails] = [10_000, false];
  await assert.rejects(lb.call(url), (error) => error.message === 'there is no endpoint to send to (0 failed attempts)' && !('cause' in error));
});

test('what the first list takes is gone from the time of its request', async (t) => {
  let now = 0;
  const set = t.mock.method(globalThis, 'setTimeout', (then, ms) => {
    // The bound on the list is cleared before it is due.
    if (ms === 40) setImmediate(() => { now += ms; then(); });
  });
  const slow = (takes) => createBalancer({ endpoints: () => ((now += takes), [A]), now: () => now, timeoutMs: 100, retry: false });
  const call = slow(60).call(() => new Promise(() => {}));
  await assert.rejects(call, { code: 'deadline' });
  assert.deepEqual(set.mock.calls.map(({ arguments: [, ms] }) => ms), [100, 40]);
  await assert.rejects(slow(100).call(() => 1), { code: 'deadline' });
});

test('endpoints that fail make it ask again', async () => {
  let [now, asked] = [0, 0];
  const lb = createBalancer({ endpoints: () => (asked++, asked > 1 ? [B] : [A, B]), now: () => now, policy: 'round_robin', retry: { backoff: 0, budget: false } });
  await lb.call(url);
  now = 6000;
  for (let i = 0; i < 12; i++) await lb.call(({ url }) => { if (url === A) throw new Error('down'); });
  await lb.call(url);
  await settle();
  assert.equal(asked, 2);
  assert.deepEqual(lb.endpoints().map(({ url }) => url), [B]);
});

test('the only endpoint fails and is kept: the source is asked where it has gone', async () => {
  let [now, asked] = [0, 0];
  const lb = createBalancer({ endpoints: () => [asked++ > 0 ? B : A], now: () => now, policy: 'round_robin', retry: false });
  await lb.call(url);
  now = 6000;
  const down = ({ url }) => { if (url === A) throw new Error('down'); };
  for (let i = 0; i < 6; i++) await lb.call(down).catch(() => {});
  await settle();
  await lb.call(url);
  await settle();
  assert.equal(asked, 2);
  assert.deepEqual(lb.endpoints().map(({ url }) => url), [B]);
});

test('lists as they come', async () => {
  let next;
  async function* lists() {
    yield [A];
    await new Promise((resolve) => (next = resolve));
    yield [B];
    await new Promise(() => {});
  }
  const lb = createBalancer({ endpoints: lists() });
  assert.equal(await lb.call(url), A);
  await settle();
  next();
  await settle();
  assert.equal(await lb.call(url), B);
  lb[Symbol.dispose]();
});

test('a list at a URL: what has not changed is not sent again', async (t) => {
  let now = 0;
  const seen = [];
  let body = JSON.stringify([A, { url: B, weight: 3 }]);
  const server = await serve(t, (request, response) => {
    seen.push(request.headers['if-none-match']);
    if (request.headers['if-none-match'] === `"${body.length}"`) response.writeHead(304, { 'cache-control': 'max-age=60' }).end();
    else response.writeHead(200, { etag: `"${body.length}"`, 'cache-control': 'max-age=10' }).end(body);
  });
  const lb = createBalancer({ endpoints: poll(`${server.url}/endpoints.json`), now: () => now });
  await lb.call(url);
  assert.deepEqual(lb.endpoints().map(({ url, weight }) => [url, weight]), [[A, 1], [B, 3]]);
  now = 9_999;
  await lb.call(url);
  assert.equal(server.hits, 1);
  await lb.refresh();
  assert.deepEqual(seen, [undefined, `"${JSON.stringify([A, { url: B, weight: 3 }]).length}"`]);
  body = JSON.stringify({ endpoints: [B] });
  await lb.refresh();
  assert.deepEqual(lb.endpoints().map(({ url }) => url), [B]);
  for (body of ['{', '7', '{"endpoints":{}}', '[null]', '["host:80"]', '[]']) {
    await lb.refresh();
    assert.deepEqual(lb.endpoints().map(({ url }) => url), [B], body);
  }
  for (const options of [{ ttlMs: 1 }, { timeoutMs: 0 }, { ttlMs: 'x' }]) assert.throws(() => poll(server.url, options));
});
