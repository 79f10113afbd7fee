// What a broken body leads to: the same call goes on, within all that bounds it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, RetryBudget } from 'evenkeel';
import { fakeClock, settle } from './support.mjs';

/** An answer whose body breaks at once, as undici has it. Its head is that of a text. */
const broken = (message = 'terminated', headers = {}) =>
  new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError(message)) }), { headers: { 'content-type': 'text/plain;charset=UTF-8', ...headers } });

/** A balancer over three endpoints, and the hosts that its requests went to. */
function mocked(answer, options = {}) {
  const sent = [];
  const fetch = async (url, init) => {
    sent.push(new URL(url).host);
    return answer(sent.at(-1), init);
  };
  const lb = createBalancer({ endpoints: ['http://a', 'http://b', 'http://c'], fetch, hedge: false, seed: 1, ...options });
  const sum = (name) => lb.endpoints().reduce((sum, endpoint) => sum + endpoint[name], 0);
  return { lb, sent, sum };
}

const READERS = { text: (response) => response.text(), stream: async (response) => (await response.body.getReader().read()).value };

for (const [name, read] of Object.entries(READERS)) {
  test(`${name}: a body that breaks is asked for again as often as the limit says, each time elsewhere`, async () => {
    const { lb, sent, sum } = mocked(() => broken(), { retry: { limit: 2, backoff: 0 } });
    const retries = [];
    lb.on('retry', ({ attempt }) => retries.push(attempt));
    const response = await lb.fetch('/');
    await assert.rejects(read(response), { message: 'terminated' });
    assert.deepEqual([...sent].sort(), ['a', 'b', 'c']);
    assert.deepEqual(retries, [2, 3]);
    assert.deepEqual(lb.attempts(response).map(({ status }) => status), [200, 200, 200]);
    assert.deepEqual([sum('failures'), sum('inFlight')], [3, 0]);
  });

  test(`${name}: without a budget it is not asked for again`, async () => {
    const { lb, sent } = mocked(() => broken(), { retry: { budget: { ratio: 0, minPerSec: 0 } } });
    await assert.rejects(read(await lb.fetch('/')), { message: 'terminated' });
    assert.equal(sent.length, 1);
  });
}

for (const [name, read] of Object.entries({ ...READERS, stream: (response) => new Response(response.body).text() })) {
  for (const message of ['network error', 'Error in body stream', 'Error in input stream']) {
    test(`${name}: a body that breaks as browsers say it, ${message}, is asked for again`, async () => {
      const { lb, sent, sum } = mocked(() => (sent.length === 1 ? broken(message) : new Response('good')), { retry: { backoff: 0 } });
      assert.equal(await read(await lb.fetch('/')), 'good');
      assert.deepEqual([sent.length, sum('failures'), sum('inFlight')], [2, 1, 0]);
    });
  }
}

test('a stream that breaks is lost, however that is worded', async () => {
  const { lb, sent, sum } = mocked(() => (sent.length === 1 ? broken('as no other') : new Response('good')), { retry: { backoff: 0 } });
  assert.equal(await new Response((await lb.fetch('/')).body).text(), 'good');
  assert.deepEqual([sent.length, sum('failures'), sum('inFlight')], [2, 1, 0]);
});

test('the budget pays for each', async () => {
  const budget = new RetryBudget({ ratio: 0, minPerSec: 10 });
  const { lb, sent } = mocked(() => (sent.length === 1 ? broken() : new Response('good')), { retry: { budget, backoff: 0 }, now: () => 0 });
  const before = budget.balance(0);
  assert.equal(await (await lb.fetch('/')).text(), 'good');
  assert.equal(budget.balance(0), before - 1);
});

test('with a key it goes to the next choice of the key', async () => {
  let first;
  const { lb, sent } = mocked((host) => (host === (first ??= host) ? broken() : new Response('good')), { policy: 'ring_hash', retry: { backoff: 0 } });
  for (let i = 0; i < 4; i++) {
    assert.equal(await (await lb.fetch('/', { key: 'same' })).text(), 'good');
    assert.deepEqual(sent.splice(0).map((host) => host === first), [true, false]);
  }
});

test('what goes on after a hedge has the attempts that are left', async (t) => {
  const { now, advance } = fakeClock(t);
  const { lb, sent, sum } = mocked(() => (sent.length === 1 ? new Promise(() => {}) : broken()), { now, hedge: { afterMs: 10 }, retry: { limit: 1, backoff: 0 } });
  const asked = lb.fetch('/');
  await advance(10);
  const reading = assert.rejects((await asked).text(), { message: 'terminated' });
  await advance(1);
  await reading;
  assert.equal(sent.length, 3, 'the first, its hedge, and a retry');
  assert.equal(sum('inFlight'), 0);
});

test('another status does not go with the head that the caller has, and its body is let go', async () => {
  let canceled;
  const other = () => new Response(new ReadableStream({ cancel() { canceled = true; throw new Error('cannot') } }), { status: 201 });
  const { lb, sent, sum } = mocked(() => (sent.length === 1 ? broken() : other()), { retry: { backoff: 0 } });
  await assert.rejects((await lb.fetch('/')).text(), { message: 'terminated' });
  // An error of that would have been nobody's.
  await new Promise(setImmediate);
  assert.ok(canceled);
  assert.deepEqual([sent.length, sum('failures'), sum('inFlight')], [2, 1, 0]);
});

for (const [name, mine, others] of [
  ['content-length', '4', '5'],
  ['content-encoding', undefined, 'br'],
  ['content-type', 'application/json', undefined],
  ['content-range', 'bytes 0-3/9', 'bytes 0-3/10'],
  ['etag', '"1"', '"2"'],
]) {
  test(`another ${name} does not go with the head that the caller has, the same does`, async () => {
    const headers = (value) => (value === undefined ? {} : { [name]: value });
    for (const [first, second, fits] of [[mine, others, false], [others, mine, false], [mine, mine, true], [others, others, true]]) {
      const { lb, sent } = mocked(() => (sent.length === 1 ? broken(undefined, headers(first)) : new Response('good', { headers: headers(second) })), { retry: { backoff: 0 } });
      const read = (await lb.fetch('/')).text();
      if (fits) assert.equal(await read, 'good');
      else await assert.rejects(read, { message: 'terminated' });
      assert.equal(sent.length, 2);
    }
  });
}

test('only what may be done twice at any time is asked for again', async () => {
  for (const [init, times, options] of [
    [{ method: 'HEAD' }, 2],
    [{ method: 'OPTIONS' }, 2],
    [{ method: 'PUT', body: 'x' }, 1],
    [{ method: 'DELETE' }, 1],
    [{ method: 'DELETE' }, 1, { methods: ['GET', 'DELETE'] }],
    [{ method: 'GET' }, 1, { methods: ['POST'] }],
    [{ method: 'GET', idempotent: false }, 1],
    [{ method: 'DELETE', idempotent: true }, 2],
    [{ method: 'PUT', body: 'x', headers: { 'Idempotency-Key': '1' } }, 2],
  ]) {
    const { lb, sent } = mocked(() => (sent.length === 1 ? broken() : new Response('good')), { retry: { backoff: 0, ...options } });
    const read = (await lb.fetch('/', init)).text();
    if (times === 2) assert.equal(await read, 'good');
    else await assert.rejects(read, { message: 'terminated' });
    assert.equal(sent.length, times, JSON.stringify(init));
  }
});

for (const [name, read] of Object.entries(READERS)) {
  test(`${name}: who aborts, and whose time is over, while a body is asked for again, is told that`, async (t) => {
    const { now, advance } = fakeClock(t);
    const { lb, sent, sum } = mocked(() => (sent.length % 2 === 1 ? broken() : new Promise(() => {})), { now, retry: { backoff: 0 } });
    const caller = new AbortController();
    const reason = new Error('mine');
    const aborted = assert.rejects(read(await lb.fetch('/', { signal: caller.signal })), (error) => error === reason);
    await advance(1);
    assert.equal(sent.length, 2);
    caller.abort(reason);
    await aborted;
    const late = assert.rejects(read(await lb.fetch('/', { timeoutMs: 100 })), { name: 'TimeoutError' });
    await advance(1);
    assert.equal(sent.length, 4);
    await advance(99);
    await late;
    assert.equal(sum('inFlight'), 0);
  });
}

test('who cancels a body while it is asked for again is done with it, and the answer is let go', async () => {
  let [answer, canceled, asked] = [undefined, false];
  const again = new Promise((resolve) => (asked = resolve));
  const { lb, sent, sum } = mocked(() => (sent.length === 1 ? broken() : (asked(), new Promise((resolve) => (answer = resolve)))), { retry: { backoff: 0 } });
  const reader = (await lb.fetch('/')).body.getReader();
  const reading = reader.read();
  await again;
  await reader.cancel();
  assert.equal((await reading).done, true);
  answer(new Response(new ReadableStream({ cancel: () => void (canceled = true) })));
  for (let i = 0; i < 3; i++) await settle();
  assert.ok(canceled);
  assert.deepEqual([sum('failures'), sum('inFlight')], [1, 0]);
});

test('who reads a body twice by mistake is refused at once, and the first goes on', async () => {
  let finish;
  const body = () => new ReadableStream({ pull: (controller) => void (finish = () => (controller.enqueue(new TextEncoder().encode('good')), controller.close())) });
  const { lb, sent, sum } = mocked(() => new Response(body()));
  const response = await lb.fetch('/');
  const first = response.text();
  await assert.rejects(response.text(), TypeError);
  assert.equal(sum('inFlight'), 1);
  finish();
  assert.equal(await first, 'good');
  assert.deepEqual([sent.length, sum('successes'), sum('inFlight')], [1, 1, 0]);
});

test('a function that fails to make a body is no fault of the endpoints', async () => {
  const { lb, sent, sum } = mocked(() => new Response('good'));
  const mine = new Error('mine');
  await assert.rejects(lb.fetch('/', { method: 'PUT', body: () => { throw mine } }), (error) => error === mine);
  assert.deepEqual([sent.length, sum('failures'), sum('inFlight')], [0, 0, 0]);
});

test('two answers in one turn, of which the first is not the one that is taken: both end', async (t) => {
  const { now, advance } = fakeClock(t);
  const answers = [];
  const { lb, sum } = mocked(() => new Promise((resolve) => answers.push(resolve)), { now, hedge: { afterMs: 10 } });
  const asked = lb.fetch('/');
  await advance(10);
  answers[0](new Response(null, { status: 404 }));
  answers[1](new Response(null, { status: 200 }));
  assert.equal((await asked).status, 200);
  assert.equal(sum('inFlight'), 0);
});

for (const init of [{ method: 'POST' }, { method: 'GET' }]) {
  test(`${init.method}: a request whose time is over says so`, async (t) => {
    const { now, advance } = fakeClock(t);
    const { lb } = mocked(() => new Promise(() => {}), { now, timeoutMs: 100 });
    const asked = assert.rejects(lb.fetch('/', init), { code: 'deadline' });
    await advance(100);
    await asked;
  });
}
