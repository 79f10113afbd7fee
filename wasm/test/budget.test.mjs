// What bounds the retries of all calls together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, RetryBudget, TokenThrottle } from 'evenkeel';

const URLS = ['https://a.example', 'https://b.example'];

async function failing(balancer, calls, options) {
  let sent = 0;
  const codes = new Set();
  for (let i = 0; i < calls; i++) {
    const send = () => {
      sent += 1;
      throw new Error('down');
    };
    await balancer.call(send, { backoff: 0, ...options }).catch(({ code }) => codes.add(code));
  }
  return { sent, codes: [...codes].sort() };
}

test('a share of the successes, or of the calls, and a few per second', async () => {
  const budget = new RetryBudget({ ratio: 0.1, minPerSec: 0 });
  const balancer = new Balancer({ endpoints: URLS, now: () => 0, budget });
  assert.deepEqual(await failing(balancer, 100), { sent: 100, codes: ['budget'] }, 'nothing succeeds');
  for (let i = 0; i < 30; i++) await balancer.call(() => 'ok');
  assert.equal(budget.balance(0), 3);
  assert.deepEqual(await failing(balancer, 100), { sent: 103, codes: ['attempts', 'budget'] });
  const finagles = new RetryBudget({ ratio: 0.1, minPerSec: 0, deposits: 'calls' });
  assert.deepEqual(await failing(balancer, 100, { budget: finagles }), { sent: 110, codes: ['budget'] });
  assert.equal(new RetryBudget().balance(0), 30);
  const reserve = new RetryBudget({ ratio: 0, minPerSec: 3, ttlMs: 2000 });
  assert.equal(reserve.balance(0), 6);
  assert.deepEqual((await failing(balancer, 10, { budget: reserve })).sent, 16, "the call's own comes first");
  assert.equal(reserve.balance(0), 0);
  assert.equal(reserve.balance(4000), 6);
});

test('one for two balancers', async () => {
  const budget = new RetryBudget({ ratio: 0, minPerSec: 1, ttlMs: 5000 });
  const [one, two] = [1, 2].map(() => new Balancer({ endpoints: URLS, now: () => 0, budget }));
  assert.equal((await failing(one, 3)).sent + (await failing(two, 3)).sent, 11);
});

test('tokens: failures take them, successes bring them', async () => {
  const budget = new TokenThrottle({ maxTokens: 4, tokenRatio: 0.5 });
  assert.equal(budget.tokens, 4);
  const balancer = new Balancer({ endpoints: URLS, now: () => 0, budget });
  assert.deepEqual(await failing(balancer, 1), { sent: 2, codes: ['budget'] });
  assert.equal(budget.tokens, 2);
  for (let i = 0; i < 3; i++) await balancer.call(() => 'ok');
  assert.equal(budget.tokens, 3.5);
});

test('without one, only attempts count', async () => {
  assert.deepEqual(await failing(new Balancer({ endpoints: URLS }), 10), { sent: 30, codes: ['attempts'] });
});

test('a wait longer than is allowed ends the call', async () => {
  const balancer = new Balancer({ endpoints: URLS, now: () => 0 });
  const options = { maxPushBackMs: 100, classify: () => ({ verdict: 'push_back', waitMs: 101 }) };
  assert.deepEqual(await failing(balancer, 1, options), { sent: 1, codes: ['push_back'] });
});
