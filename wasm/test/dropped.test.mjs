// Picks, calls and answers that are dropped come back when the garbage collector finds them.
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { createBalancer } from 'evenkeel';
import { serve } from './support.mjs';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

const inFlight = (lb) => lb.endpoints().reduce((sum, { inFlight }) => sum + inFlight, 0);

/** Collects garbage until no more than that is in flight. */
async function until(lb, most) {
  while (inFlight(lb) > most) {
    gc();
    await new Promise(setImmediate);
  }
}

test('dropped picks come back, and are warned about once', async (t) => {
  const warned = t.mock.method(console, 'warn', () => {});
  const lb = createBalancer({ endpoints: ['https://a.example', 'https://b.example'] });
  for (let i = 0; i < 2000; i++) lb.pick();
  assert.equal(inFlight(lb), 2000);
  await until(lb, 64);
  assert.equal(warned.mock.callCount(), 1);
  for (let i = 0; i < 2000; i++) lb.pick().ok();
  await until(lb, 0);
  assert.equal(lb.eventCounts().dropped, 2000);
});

test('a few that are dropped do not keep an endpoint busy for ever', async () => {
  const lb = createBalancer({ endpoints: ['https://a.example'], maxInFlight: 10 });
  for (let i = 0; i < 10; i++) lb.pick();
  let pick;
  while (!(pick = lb.pick())) {
    gc();
    await new Promise(setImmediate);
  }
  pick.ok();
  await until(lb, 0);
  assert.equal(lb.eventCounts().dropped, 10);
});

test('dropped calls come back', async () => {
  const lb = createBalancer({ endpoints: ['https://a.example'], hedge: false });
  for (let i = 0; i < 500; i++) void lb.call(() => new Promise(() => {}));
  assert.equal(inFlight(lb), 500);
  await new Promise(setImmediate);
  await until(lb, 64);
});

test('dropped calls leave nothing in the module', async () => {
  const lb = createBalancer({ endpoints: ['https://a.example'], hedge: false });
  const batch = async () => {
    for (let i = 0; i < 2000; i++) void lb.call(() => new Promise(() => {}));
    await until(lb, 64);
    return process.memoryUsage().external;
  };
  const before = await batch();
  let after;
  for (let i = 0; i < 15; i++) after = await batch();
  // A call takes some hundred bytes: 30,000 of them would be ten times as much.
  assert.ok(after - before < 1_000_000, `${after - before} bytes more`);
});

test('dropped balancers leave nothing, here or in the module', async () => {
  const urls = Array.from({ length: 50 }, (_, i) => `https://${i}.example`);
  const batch = async () => {
    const made = Array.from({ length: 500 }, () => new WeakRef(createBalancer({ endpoints: urls, zone: 'a' })));
    for (let turns = 0; made.filter((lb) => lb.deref()).length > 5; turns++) {
      assert.ok(turns < 1000, 'they are kept');
      // What was looked at stays until the turn is over.
      await new Promise(setImmediate);
      gc();
      await new Promise(setImmediate);
    }
    return process.memoryUsage().external;
  };
  const before = await batch();
  let after;
  for (let i = 0; i < 9; i++) after = await batch();
  // A balancer of 50 takes 13 kB of the module: 4,500 of them would be sixty times as much.
  assert.ok(after - before < 1_000_000, `${after - before} bytes more`);
});

test('an answer that nobody reads ends its request, and its socket goes', async (t) => {
  let gone;
  const closed = new Promise((resolve) => (gone = resolve));
  const server = await serve(t, (_, response) => {
    response.on('close', gone);
    response.writeHead(200);
    response.write('and so on');
  });
  const lb = createBalancer({ endpoints: [server.url] });
  assert.equal((await lb.fetch('/')).status, 200);
  assert.equal(inFlight(lb), 1);
  await until(lb, 0);
  await closed;
});

test('an answer that nobody reads, and a clock that throws', async (t) => {
  let [gone, broken, asked] = [false, false, 0];
  const server = await serve(t, (_, response) => {
    response.on('close', () => (gone = true));
    response.writeHead(200).write('and so on');
  });
  const now = () => {
    if (!broken) return 0;
    asked++;
    throw new Error('no time');
  };
  const lb = createBalancer({ endpoints: [server.url], now });
  await lb.fetch('/');
  broken = true;
  while (!gone || asked === 0) {
    gc();
    await new Promise(setImmediate);
  }
});
