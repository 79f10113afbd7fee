// What a request waits for before it is sent, and what ends that; and what picks of the caller's own tell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, poll } from 'evenkeel';
import { doh } from 'evenkeel/doh';
import { serve, settle } from './support.mjs';

const [A, B] = ['http://a.example', 'http://b.example'];
const url = ({ url }) => url;
const never = () => new Promise(() => {});

test('the body of a Request that hangs: signal and time end the wait', async () => {
  const lb = createBalancer({ endpoints: [A], fetch: async () => new Response('ok') });
  const hangs = (init) => new Request('http://service/', { method: 'PUT', body: new ReadableStream({ pull: never }), duplex: 'half', ...init });
  await assert.rejects(lb.fetch(hangs(), { timeoutMs: 20 }), { code: 'deadline' });
  const caller = new AbortController();
  const asked = [lb.fetch(hangs({ signal: caller.signal })), lb.fetch(hangs(), { signal: caller.signal })];
  const reason = new Error('mine');
  setImmediate(() => caller.abort(reason));
  for (const one of asked) await assert.rejects(one, (error) => error === reason);
});

test('a Request that is refused before its body is read leaves no failure unheard', async () => {
  let broken = false;
  const now = () => {
    if (broken) throw new Error('no time');
    return 0;
  };
  const lb = createBalancer({ endpoints: [A], now, fetch: async () => new Response('ok') });
  const reason = new Error('mine');
  const post = (init) => new Request('http://service/', { method: 'POST', body: 'x', ...init });
  await assert.rejects(lb.fetch(post({ signal: AbortSignal.abort(reason) })), (error) => error === reason);
  const used = post();
  await used.text();
  broken = true;
  await assert.rejects(lb.fetch(used), /no time/);
  await settle();
});

test('what the body of a Request takes is gone from the time of its request', async () => {
  let now = 0;
  const lb = createBalancer({ endpoints: [A], now: () => now, timeoutMs: 100, fetch: async () => new Response('ok') });
  const body = new ReadableStream({ pull: (controller) => ((now = 100), controller.close()) });
  await assert.rejects(lb.fetch(new Request('http://service/', { method: 'PUT', body, duplex: 'half' })), { code: 'deadline' });
});

test('a source that hangs once: whoever waits has the list of the next question', async () => {
  let [now, asked] = [0, 0];
  const lb = createBalancer({ endpoints: () => (asked++ === 0 ? never() : [A]), now: () => now });
  const first = lb.call(url);
  await settle();
  now = 30_000;
  assert.equal(await lb.call(url), A);
  assert.equal(await first, A);
});

for (const [name, endpoints] of [['a function', never], ['lists', { [Symbol.asyncIterator]: () => ({ next: never }) }]]) {
  test(`${name}: who waits for the first list of a source that is ended is refused`, async () => {
    const lb = createBalancer({ endpoints });
    const waiting = lb.call(url);
    await settle();
    lb[Symbol.dispose]();
    await assert.rejects(waiting, /disposed of/);
  });
}

test('refresh waits for lists that come by themselves until there is one', async () => {
  let give;
  async function* lists() {
    await new Promise((resolve) => (give = resolve));
    yield [A];
    await never();
  }
  const lb = createBalancer({ endpoints: lists() });
  const refreshed = lb.refresh();
  await settle();
  give();
  await refreshed;
  assert.equal(lb.endpoints().length, 1);
  await lb.refresh();
});

test('a clock that fails when a list comes fails requests, and nothing unheard', async () => {
  let broken = true;
  const now = () => {
    if (broken && lb) throw new Error('no time');
    return 0;
  };
  let give;
  let lb;
  lb = createBalancer({ endpoints: () => new Promise((resolve) => (give = resolve)), now });
  broken = false;
  const refreshed = lb.refresh();
  broken = true;
  give([A]);
  await refreshed;
  await settle();
  broken = false;
  const asked = lb.call(url);
  give([A]);
  assert.equal(await asked, A);
});

test('a pick asks a source, too', async () => {
  let [now, asked] = [0, 0];
  const lb = createBalancer({ endpoints: () => (asked++, { endpoints: [A], ttlMs: 1000 }), now: () => now });
  assert.equal(lb.pick(), null);
  await settle();
  assert.equal(lb.pick().url, A);
  now = 1000;
  lb.pick();
  await settle();
  assert.equal(asked, 2);
});

test('a pick that is reported tells listeners at once', () => {
  const lb = createBalancer({ endpoints: [A, B], policy: 'round_robin', eject: { consecutiveFailures: 1 } });
  const ejected = [];
  lb.on('eject', ({ url }) => ejected.push(url));
  const pick = lb.pick();
  pick.fail();
  assert.deepEqual(ejected, [pick.url]);
});

test('a pick avoids an endpoint in any spelling', () => {
  const lb = createBalancer({ endpoints: [A, B], policy: 'round_robin' });
  for (const avoid of [[A], [`${A}/`], [new URL(A)], ['HTTP://A.example:80'], new Set([new URL(A)]), `${A}/`]) {
    for (let i = 0; i < 3; i++) {
      const pick = lb.pick({ avoid });
      assert.equal(pick.url, B);
      pick.ok();
    }
  }
  for (const avoid of [['http://unknown.example'], [undefined], [''], ['host:80'], 'host:80', [null, 7, 'http://u@a.example']]) lb.pick({ avoid }).ok();
  for (let i = 0; i < 3; i++) {
    const pick = lb.pick({ avoid: [undefined, A] });
    assert.equal(pick.url, B);
    pick.ok();
  }
});

test('what is restored before the first list holds from then on', async () => {
  const before = createBalancer({ endpoints: [A, B], policy: 'round_robin', eject: { consecutiveFailures: 1 } });
  const bad = before.pick();
  bad.fail();
  const lb = createBalancer({ endpoints: () => [A, B], policy: 'round_robin' });
  assert.equal(lb.restore(before.state()), 0);
  await lb.refresh();
  assert.equal(lb.endpoints().find(({ url }) => url === bad.url).health, 'ejected');
});

for (const [name, source] of Object.entries({
  poll: (url) => poll(url, { timeoutMs: 20 }),
  doh: (url) => doh('_a._tcp.lb.test', { resolver: url, timeoutMs: 20 }),
})) {
  for (const [where, hangs] of [['its head', () => {}], ['its body', (_, response) => response.writeHead(200).write('[')]]) {
    test(`${name} that hangs in ${where}: a lone first request waits as long as the question may take, and is refused`, async (t) => {
      const server = await serve(t, hangs);
      const lb = createBalancer({ endpoints: source(server.url) });
      const told = new Promise((resolve) => lb.on('source', resolve));
      await assert.rejects(lb.fetch('/'), { code: 'no_endpoints' });
      const { ok, error } = await told;
      assert.equal(ok, false);
      assert.match(error.message, /no answer from http:\S+ in 20 ms/);
    });
  }
}

test('a misspelt option of a source is refused', () => {
  assert.throws(() => poll(A, { ttlMS: 5000 }), /options has no "ttlMS"; did you mean ttlMs\?/);
});
