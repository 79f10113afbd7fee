// `balancer.call` with answers that are judged, around `fetch` and servers that refuse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer } from 'evenkeel';
import { nobody, serve } from './support.mjs';

const send = ({ url, signal }) => fetch(url, { signal });
const ok = (response) => response.ok;
const status = (code, text = '') => (_, response) => response.writeHead(code).end(text);

/** A verdict for each status. */
function verdict({ status, headers }) {
  if (status === 503) return { verdict: 'overloaded', waitMs: 1000 * Number(headers.get('retry-after')) };
  if (status >= 500) return 'retryable_failure';
  return status >= 400 ? 'ignorable' : 'success';
}

async function servers(t, ...handlers) {
  const all = [];
  for (const handler of handlers) all.push(await serve(t, handler));
  return all;
}

/** A balancer over them, with what all of its endpoints add up to. */
function over(servers, options) {
  const balancer = new Balancer({ endpoints: servers.map((server) => server.url ?? server), policy: 'round_robin', ...options });
  const sum = (column) => balancer.endpoints().reduce((sum, row) => sum + row[column], 0);
  return { balancer, sums: () => ['inFlight', 'successes', 'failures'].map(sum) };
}

const many = (calls, call) => Promise.all(Array.from({ length: calls }, call));

test('an answer that is not good is tried elsewhere, and its endpoint has failed', async (t) => {
  for (const size of [2, 3, 5, 10]) {
    for (const calls of [1, 16, 64]) {
      const all = await servers(t, status(500), ...Array(size - 1).fill(status(200, 'ok')));
      for (const policy of ['round_robin', 'peak_ewma']) {
        const { balancer, sums } = over(all, { policy, config: { outlierDetection: false } });
        const before = all[0].hits;
        const texts = await many(calls, async () => (await balancer.call(send, { accept: ok, backoff: 0 })).text());
        assert.deepEqual([...new Set(texts)], ['ok']);
        assert.deepEqual(sums(), [0, calls, all[0].hits - before], `${size} ${calls} ${policy}`);
      }
    }
  }
});

test('without a good answer the last one comes back, as it is', async (t) => {
  for (const size of [1, 2, 3, 5]) {
    const all = await servers(t, ...Array.from({ length: size }, (_, at) => status(502, `bad ${at}`)));
    for (const attempts of [1, 2, 4]) {
      const { balancer, sums } = over(all, { config: { outlierDetection: false } });
      const response = await balancer.call(send, { accept: ok, attempts, attemptTimeoutMs: 10_000, backoff: 0 });
      assert.equal(response.status, 502);
      assert.match(await response.text(), /^bad \d$/, 'its body can be read');
      assert.deepEqual(sums(), [0, 0, attempts]);
    }
  }
});

test('an answer outlives later errors and the deadline', async (t) => {
  const mute = await serve(t, () => {});
  for (const [later, options] of [[await nobody(t), {}], [mute.url, { timeoutMs: 200 }], [mute.url, { attemptTimeoutMs: 50 }]]) {
    const { balancer, sums } = over([await serve(t, status(500, 'sorry'))]);
    const call = balancer.call(({ url, signal, attempt }) => fetch(attempt === 1 ? url : later, { signal }), {
      accept: ok,
      attempts: 3,
      backoff: 0,
      ...options,
    });
    const response = await call;
    assert.deepEqual([response.status, await response.text(), sums()[0]], [500, 'sorry', 0]);
  }
});

test('a request that is at fault ends the call, and says nothing against the endpoint', async (t) => {
  const [refuses, good] = await servers(t, status(404), status(200));
  const { balancer, sums } = over([refuses, good]);
  const codes = await many(20, async () => (await balancer.call(send, { accept: verdict })).status);
  assert.deepEqual([codes.filter((code) => code === 404).length, refuses.hits], [10, 10]);
  assert.deepEqual(sums(), [0, 20, 0]);
  assert.ok(balancer.endpoints().every(({ health }) => health === 'healthy'));
});

test('an endpoint that is overloaded rests, and the call goes elsewhere at once', async (t) => {
  for (const size of [2, 3, 5]) {
    const busy = (_, response) => response.writeHead(503, { 'retry-after': '600' }).end();
    const all = await servers(t, busy, ...Array(size - 1).fill(status(200)));
    const { balancer } = over(all);
    const codes = [];
    for (let i = 0; i < 20; i++) codes.push((await balancer.call(send, { accept: verdict, backoff: 60_000 })).status);
    assert.deepEqual([...new Set(codes)], [200]);
    assert.equal(all[0].hits, 1, 'it is left alone');
    assert.equal(balancer.endpoints().find(({ url }) => url === all[0].url).health, 'overloaded');
  }
});

test('a write that must not be repeated ends the call, and the endpoint has failed', async (t) => {
  const all = await servers(t, status(500), status(500), status(500));
  const { balancer, sums } = over(all);
  const response = await balancer.call(send, { accept: () => 'non_retryable_failure' });
  assert.deepEqual([response.status, ...sums()], [500, 0, 0, 1]);
});

test('answers that are not returned are aborted: no socket hangs on their bodies', { timeout: 60_000 }, async (t) => {
  let open = 0;
  let closed = () => {};
  const endless = (_, response) => {
    open += 1;
    response.on('close', () => ((open -= 1), closed()));
    response.writeHead(500).write('and so on');
  };
  const [bad, good] = await servers(t, endless, status(200, 'ok'));
  const { balancer } = over([bad, good], { config: { outlierDetection: false } });
  const kept = []; // from the garbage collector, which would close their sockets
  const keep = async (attempt) => kept[kept.push(await send(attempt)) - 1];
  const texts = await many(60, async () => (await balancer.call(keep, { accept: ok, backoff: 0 })).text());
  assert.deepEqual([...new Set(texts), bad.hits], ['ok', 30]);
  while (open > 0) await new Promise((resolve) => (closed = resolve));
  // The caller leaves while the last answer is kept for want of a better one.
  const alone = over([bad]).balancer;
  const caller = new AbortController();
  const call = alone.call(keep, { accept: ok, backoff: 1e6, signal: caller.signal });
  while (alone.endpoints()[0].failures === 0) await new Promise(setImmediate);
  caller.abort();
  await assert.rejects(call, { name: 'AbortError' });
  while (open > 0) await new Promise((resolve) => (closed = resolve));
  assert.equal(kept.length, 91);
});

test('hedges: a good answer comes before bad ones', async (t) => {
  const after = (ms, code) => (_, response) => setTimeout(() => response.writeHead(code).end(String(code)), ms);
  const [bad, good] = await servers(t, after(1, 500), after(60, 200));
  const { balancer, sums } = over([bad, good], { config: { outlierDetection: false } });
  const codes = await many(10, async () => {
    const response = await balancer.call(send, { accept: ok, hedge: { afterMs: 1 } });
    return response.text();
  });
  assert.deepEqual([...new Set(codes)], ['200']);
  assert.equal(sums()[0], 0);
});

/** What a call fails with that the caller's own code spoils, and what is left of it. */
async function spoilt(balancer, options, expected, send) {
  for (const calls of [1, 16, 64]) {
    const ends = await many(calls, () => balancer.call(send, options).then(() => 'ended', (error) => error));
    for (const end of ends) assert.ok(expected(end), String(end));
    assert.ok(balancer.endpoints().every(({ inFlight, failures }) => inFlight + failures === 0));
    // Hedges are beaten to it: that many in a row are a sign, as ever.
    assert.ok(options.hedge || balancer.endpoints().every(({ health }) => health === 'healthy'));
  }
}

test('an accept that throws, or says nothing that there is, harms nobody', async (t) => {
  const bug = new Error('bug');
  const wrong = [null, 'yes', 1, {}, Promise.resolve(true), { verdict: 'overloaded', waitMs: -1 }];
  const spoils = [() => { throw bug; }, ...wrong.map((said) => () => said)];
  for (const size of [1, 2, 5]) {
    const all = await servers(t, ...Array(size).fill(status(200, 'ok')));
    for (const accept of spoils) {
      for (const more of [{}, { attemptTimeoutMs: 10_000 }, { hedge: { afterMs: 0, max: 2 } }]) {
        const { balancer } = over(all);
        const expected = (error) => error === bug || error instanceof TypeError || error instanceof RangeError;
        await spoilt(balancer, { accept, ...more }, expected, send);
        assert.equal(await (await balancer.call(send)).text(), 'ok', 'it goes on');
      }
    }
  }
});

test('a classify that throws, or says nothing that there is, ejects nobody', async (t) => {
  const bug = new Error('bug');
  const down = () => Promise.reject(new Error('down'));
  const spoils = [() => { throw bug; }, ...[true, 'success', 'maybe', {}].map((said) => () => said)];
  for (const size of [1, 2, 5]) {
    const all = await servers(t, ...Array(size).fill(status(200, 'ok')));
    for (const classify of spoils) {
      const { balancer } = over(all);
      await spoilt(balancer, { classify }, (error) => error === bug || error instanceof TypeError, down);
      assert.equal(await (await balancer.call(send)).text(), 'ok', 'it goes on');
    }
  }
});

test('accept and classify must be functions', async () => {
  const balancer = new Balancer({ endpoints: ['https://a.example'] });
  for (const options of [{ accept: true }, { accept: null }, { classify: 'ignorable' }]) {
    await assert.rejects(balancer.call(() => 1, options), TypeError);
  }
});
