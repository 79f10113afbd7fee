// Endpoints are told how much time is left, over real servers.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { fakeClock, serve } from './support.mjs';

const { now, advance } = fakeClock({ mock });

/** What endpoints are told: of each attempt, the headers. */
async function told(t, options, init, answer = (response) => response.end('ok')) {
  const seen = [];
  const { url } = await serve(t, (request, response) => (seen.push(request.headers), answer(response, seen.length)));
  const lb = createBalancer({ endpoints: [url], hedge: false, retry: { backoff: 0 }, now, ...options });
  await (await lb.fetch('/', init)).text();
  return seen;
}

test('the time that is left of the attempt, in whole milliseconds', async (t) => {
  for (const [options, init, expected] of [
    [{ attemptTimeoutMs: 900 }, {}, '900'],
    [{ timeoutMs: 800 }, {}, '800'],
    [{ attemptTimeoutMs: 900, timeoutMs: 800.7 }, {}, '800'],
    [{ attemptTimeoutMs: 900, timeoutMs: 5000 }, {}, '900'],
    [{ attemptTimeoutMs: 900 }, { timeoutMs: 300 }, '300'],
    [{}, {}, undefined],
  ]) {
    const [headers] = await told(t, { deadlineHeader: 'X-Time-Left', ...options }, init);
    assert.equal(headers['x-time-left'], expected, JSON.stringify([options, init]));
  }
  const [headers] = await told(t, { attemptTimeoutMs: 900 });
  assert.deepEqual(Object.values(headers).filter((value) => value === '900'), [], 'without the option, nothing is told');
});

test('a retry has what is left of the whole', async (t) => {
  const fails = async (response, attempt) => {
    if (attempt === 1) await advance(300);
    response.writeHead(attempt === 1 ? 500 : 200).end('ok');
  };
  const seen = await told(t, { deadlineHeader: 'x-time-left', timeoutMs: 1000 }, {}, fails);
  assert.deepEqual(seen.map((headers) => headers['x-time-left']), ['1000', '700']);
});

test('as gRPC says it', async (t) => {
  for (const [timeoutMs, expected] of [[900, '900m'], [0.2, '1m'], [1e9, '99999999m']]) {
    const [headers] = await told(t, { deadlineHeader: 'Grpc-Timeout', attemptTimeoutMs: timeoutMs });
    assert.equal(headers['grpc-timeout'], expected);
  }
});

test('headers of the request stay as they are, the same one, too', async (t) => {
  for (const given of [{ 'x-own': '1' }, [['x-own', '1']], new Headers({ 'x-own': '1' })]) {
    const [headers] = await told(t, { deadlineHeader: 'x-time-left', timeoutMs: 100 }, { headers: given });
    assert.deepEqual([headers['x-own'], headers['x-time-left']], ['1', '100']);
    assert.equal(new Headers(given).has('x-time-left'), false, 'what the caller gave is not changed');
  }
  const [headers] = await told(t, { deadlineHeader: 'x-time-left', timeoutMs: 100 }, { headers: { 'X-Time-Left': 'mine' } });
  assert.equal(headers['x-time-left'], 'mine');
});

test('a name that is none is refused', () => {
  const create = (deadlineHeader) => () => createBalancer({ endpoints: ['http://a'], deadlineHeader });
  assert.throws(create('two words'), TypeError);
  assert.throws(create(5), /^TypeError: deadlineHeader must be a string, not 5/);
});
