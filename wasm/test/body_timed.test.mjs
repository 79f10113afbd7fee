// On a clock of its own, away from tests that send: the connections of those would have their timers from it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { fakeClock } from './support.mjs';

test('a body that goes on is timed by its head', async (t) => {
  const { now, advance } = fakeClock(t);
  let [answer, finish] = [];
  const lb = createBalancer({ endpoints: ['http://a'], now, fetch: () => new Promise((resolve) => (answer = resolve)) });
  const asked = lb.fetch('/');
  await advance(100);
  answer(new Response(new ReadableStream({ start: (controller) => void (finish = () => controller.close()) })));
  const response = await asked;
  await advance(600);
  assert.deepEqual([lb.endpoints()[0].successes, lb.endpoints()[0].latencyMs], [1, 100]);
  const text = response.text();
  finish();
  assert.equal(await text, '');
  assert.deepEqual([lb.endpoints()[0].latencyMs, lb.endpoints()[0].inFlight], [100, 0]);
});
