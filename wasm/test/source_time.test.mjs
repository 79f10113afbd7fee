// When a source is asked, where times are long or go back, and how one ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, poll } from 'evenkeel';
import { serve, settle } from './support.mjs';

const A = 'https://a.example';
const DAY = 86_400_000;
const url = ({ url }) => url;

test('a list may hold for longer than a day', async () => {
  let [now, asked] = [0, 0];
  const lb = createBalancer({ endpoints: async () => (asked++, { endpoints: [A], ttlMs: 7 * DAY }), now: () => now });
  for (now of [0, 1, DAY, 7 * DAY - 1]) await lb.call(url);
  assert.equal(asked, 1);
  now = 7 * DAY;
  await lb.call(url);
  assert.equal(asked, 2);
});

test('a clock that goes back by an hour does not postpone the next question', async () => {
  let [now, asked] = [2 * DAY, 0];
  const lb = createBalancer({ endpoints: async () => (asked++, { endpoints: [A], ttlMs: 1000 }), now: () => now });
  await lb.call(url);
  now -= 3_600_000;
  await lb.call(url);
  await settle();
  assert.equal(asked, 2);
  now += 999;
  await lb.call(url);
  assert.equal(asked, 2);
  now += 1;
  await lb.call(url);
  assert.equal(asked, 3);
});

test('a time limit beyond what timers know is one all the same', async (t) => {
  const list = await serve(t, (_, response) => response.end(JSON.stringify([A])));
  const lb = createBalancer({ endpoints: poll(list.url, { timeoutMs: 2 ** 33 }) });
  assert.equal(await lb.call(url), A);
});

test('lists that end before the first one: the error says so', async () => {
  const lb = createBalancer({ endpoints: (async function* () {})() });
  await assert.rejects(lb.call(url), /the source failed: Error: the source has ended/);
});

test('a list that is none is named', async () => {
  for (const endpoints of [undefined, null, 5, A]) {
    const lb = createBalancer({ endpoints: () => ({ endpoints }) });
    await assert.rejects(lb.call(url), /the list must be an iterable of URLs, not/);
  }
});

test('whatever ends lists may do, the balancer ends', async () => {
  const ends = [() => undefined, () => { throw new Error('no'); }, () => Promise.reject(new Error('no'))];
  for (const end of ends) {
    const next = () => new Promise(() => undefined);
    const lb = createBalancer({ endpoints: { [Symbol.asyncIterator]: () => ({ next, return: end }) }, timeoutMs: 1000 });
    const call = assert.rejects(lb.call(url), /disposed of/);
    lb[Symbol.dispose]();
    lb[Symbol.dispose]();
    await call;
    await settle();
  }
});
