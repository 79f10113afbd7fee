// `balancer.call` around `fetch`, with servers that are down, slow or failing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, LbError } from 'evenkeel';
import { nobody, serve } from './support.mjs';

async function get({ url, signal }) {
  const response = await fetch(url, { signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return text;
}

function endpoint(balancer, url) {
  return balancer.endpoints().find((endpoint) => endpoint.url === url);
}

test('one of two servers is down: no error is seen', async (t) => {
  const [up, down] = [await serve(t), await nobody(t)];
  const balancer = new Balancer({ endpoints: [up.url, down], policy: 'round_robin' });
  for (let i = 0; i < 20; i++) assert.equal(await balancer.call(get, { backoff: 0 }), 'ok');
  assert.equal(up.hits, 20);
  assert.equal(endpoint(balancer, up.url).successes, 20);
  assert.equal(endpoint(balancer, up.url).failures, 0);
  assert.equal(endpoint(balancer, down).failures, 5, 'then it was ejected');
});

test('one of three servers answers 500', async (t) => {
  const bad = await serve(t, (_, response) => response.writeHead(500).end());
  const good = [await serve(t), await serve(t)];
  const balancer = new Balancer({ endpoints: [bad, ...good].map(({ url }) => url) });
  const answers = await Promise.all(Array.from({ length: 60 }, () => balancer.call(get, { backoff: 0 })));
  assert.deepEqual([...new Set(answers)], ['ok']);
  assert.equal(good[0].hits + good[1].hits, 60);
  assert.equal(endpoint(balancer, bad.url).failures, bad.hits);
  assert.ok(bad.hits > 0);
});

test('a server that does not answer is given up', async (t) => {
  let gone;
  const dropped = new Promise((resolve) => (gone = resolve));
  const mute = await serve(t, (_, response) => response.on('close', gone));
  const good = await serve(t);
  const balancer = new Balancer({ endpoints: [good.url, mute.url] });
  for (let i = 0; i < 4; i++) assert.equal(await balancer.call(get, { attemptTimeoutMs: 100, backoff: 0 }), 'ok');
  assert.ok(mute.hits > 0);
  assert.equal(endpoint(balancer, mute.url).failures, mute.hits);
  await dropped;
});

test('all servers are down', async (t) => {
  const urls = [await nobody(t), await nobody(t)];
  const balancer = new Balancer({ endpoints: urls });
  await assert.rejects(balancer.call(get, { attempts: 4, backoff: 1 }), (error) => {
    assert.ok(error instanceof LbError);
    assert.equal(error.code, 'attempts');
    // The first went on to the other one for nothing: it had never left.
    assert.equal(error.attempts.length, 5);
    assert.deepEqual(new Set(error.attempts.slice(0, 2).map(({ url }) => url)), new Set(urls));
    for (const { error: cause, elapsedMs } of error.attempts) {
      assert.equal(cause.cause.code, 'ECONNREFUSED');
      assert.ok(elapsedMs >= 0);
    }
    return true;
  });
});

test('a server that comes back is used again, one that leaves the set is not', async (t) => {
  const [a, b] = [await serve(t), await serve(t)];
  const balancer = new Balancer({ endpoints: [a.url], policy: 'round_robin' });
  await balancer.call(get);
  balancer.update([b.url]);
  await balancer.call(get);
  balancer.update([a.url, b.url]);
  await balancer.call(get);
  await balancer.call(get);
  assert.deepEqual([a.hits, b.hits], [2, 2]);
});
