// `lb.fetch` over a bad server and a good one: each fault by each class of requests. Who gets it, how often, what the caller sees, what is held
// against the bad one, and that no socket is left busy.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createBalancer, LbError } from 'evenkeel';
import { fakeClock, nobody, serve, until } from './support.mjs';

const stream = () => new Blob(['x']).stream();

/** Requests that may be sent again at any time, only after a failure without an answer, only when refused unread, and never. */
const CLASSES = {
  GET: ['again', () => ({})],
  DELETE: ['alone', () => ({ method: 'DELETE' })],
  'PUT with a body': ['alone', () => ({ method: 'PUT', body: 'x' })],
  'POST with an Idempotency-Key': ['again', () => ({ method: 'POST', body: 'x', headers: { 'idempotency-key': '1' } })],
  'PUT of a stream that is made anew': ['alone', () => ({ method: 'PUT', body: stream })],
  'PUT of a stream that is made anew, and may be done twice': ['again', () => ({ method: 'PUT', body: stream, idempotent: true })],
  POST: ['refused', () => ({ method: 'POST', body: 'x' })],
  'PUT of a stream': ['never', () => ({ method: 'PUT', body: stream() })],
};

/** Stands still until a server has what it answers late. One for all tests: fetch's connections outlive a test, and have timers of their own. */
const clock = fakeClock({ mock }, { apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 10, 29, 12) });
const { now } = clock;
const inAMinute = () => new Date(Date.now() + 60_000);

const hangs = () => void clock.advance(1000);
const slow = async (request, response) => (await clock.advance(1000), response.end('slow'));
const resets = (request) => request.socket.destroy();
const answers = (status, headers) => (request, response) => (request.resume(), response.writeHead(status, headers?.()).end('bad'));
/** The head and a part of the body; `then` gets the answer. */
const begins = (then = () => {}) => (request, response) => {
  response.writeHead(200, { 'content-length': '100' });
  response.write('part');
  setImmediate(then, response);
};
/** The head is that of the good one. */
const breaks = (request, response) => {
  response.writeHead(200, { 'content-length': '2' });
  response.write('o');
  setImmediate(() => response.destroy());
};

/** What the caller sees: the good server's answer, the bad one's, or an error of `lb.fetch` or of the body. */
const [elsewhere, slowly] = [{ text: 'ok', hits: [1, 1] }, { text: 'slow', hits: [1, 0] }];
const returned = (status) => ({ status, text: 'bad', hits: [1, 0] });
const rejects = (error) => ({ error, hits: [1, 0] });
const unrepeatable = (cause) => rejects((error) => assert.ok(error instanceof LbError && error.code === 'non_retryable_failure' && cause(error.cause), String(error.stack)));
const fails = (name) => rejects((error) => assert.equal(error.name, name, String(error.stack)));
const late = ({ name }) => name === 'TimeoutError';
const reason = new Error('mine');
const mine = rejects((error) => assert.equal(error, reason));
const anything = rejects((error) => assert.ok(error instanceof TypeError, String(error.stack)));
/** By class of requests: what may be sent again at any time, what only when it was refused, what never, and what only after a failure. */
const each = (again, refused, never = refused, alone = again) => ({ again, refused, never, alone });
const all = (seen) => each(seen, seen);

/** Name, what the bad one does, what each class sees, what is held against the bad one, and options; `abort` says when the caller leaves. */
const ROWS = [
  ['killed', null, each(elsewhere, elsewhere, unrepeatable(({ cause }) => cause.code === 'ECONNREFUSED')), 'failed'],
  ['reset before the head', resets, each(elsewhere, unrepeatable(() => true)), 'failed'],
  ['hangs beyond an attempt', hangs, each(elsewhere, unrepeatable(late)), 'failed', { attemptTimeoutMs: 900 }],
  ['hangs beyond the deadline', hangs, all(rejects((error) => assert.equal(error.code, 'deadline'))), 'failed', { timeoutMs: 900 }],
  ['hangs, and is hedged', (request, response) => (request.url === '/again' ? hangs() : slow(request, response)), each(elsewhere, slowly, slowly, slowly), 'any', { hedge: { afterMs: 900 } }],
  ['slow', slow, all(slowly), 'well'],
  ['slower than an attempt may be', slow, each(elsewhere, unrepeatable(late)), 'failed', { attemptTimeoutMs: 900 }],
  ...[200, 206, 400, 401, 403, 404, 409, 422, 451, 501, 505, 506, 508, 510, 511].map((status) => [status, answers(status), all(returned(status)), 'well']),
  ...[500, 502, 504, 507, 520, 530].map((status) => [status, answers(status), each(elsewhere, returned(status)), 'failed']),
  [408, answers(408), each(elsewhere, returned(408)), 'failed'],
  [425, answers(425), each(elsewhere, returned(425)), 'well'],
  ...[429, 503].flatMap((status) =>
    [
      ['', () => ({}), 1000],
      ['Retry-After: 7', () => ({ 'retry-after': '7' }), 7000],
      ['Retry-After: a date', () => ({ 'retry-after': inAMinute().toUTCString(), date: new Date().toUTCString() }), 60_000],
      ['retry-after-ms', () => ({ 'retry-after-ms': '1500', 'retry-after': '2' }), 1500],
      ["OpenAI's", () => ({ 'x-ratelimit-reset-requests': '1m30s' }), 90_000],
      ["Anthropic's", () => ({ 'anthropic-ratelimit-tokens-reset': inAMinute().toISOString() }), 60_000],
      ["the draft's", () => ({ ratelimit: '"default";r=0;t=30' }), 30_000],
      ["GitHub's", () => ({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(inAMinute() / 1000) }), 60_000],
      ['what does not parse', () => ({ 'retry-after': 'soon' }), 1000],
    ].map(([what, headers, restMs]) => [`${status} ${what}`, answers(status, headers), each(elsewhere, elsewhere, returned(status)), { restMs }]),
  ),
  ['reset in the body', breaks, each(elsewhere, anything, anything, anything), 'failed'],
  ['reset in the body that is being read', begins(), all({ ...anything, begin: true }), 'failed', { then: (bad) => bad.response.destroy() }],
  ['a body that never ends', begins(), all(fails('TimeoutError')), 'failed', { timeoutMs: 400, passes: true }],
  ['a body that never ends and is not wanted', begins(), all({ hits: [1, 0], cancel: true }), 'well'],
  ['left before the head', hangs, all(mine), 'untouched', { abort: 'head' }],
  ['left in the body', begins(), all(mine), 'well', { abort: 'body' }],
];

for (const [name, fault, seen, blame, { abort, then, passes, ...options } = {}] of ROWS) {
  test(String(name), async (t) => {
    let [caller, response] = [];
    const handler = (request, answer) => {
      response = answer;
      if (abort === 'head') caller.abort(reason);
      fault(request, answer);
    };
    const [bad, good] = [fault ? await serve(t, handler) : { hits: 0, busy: 0, url: await nobody(t) }, await serve(t)];
    for (const [what, [kind, make]] of Object.entries(CLASSES)) {
      const [expected, before] = [seen[kind], [bad.hits, good.hits]];
      caller = new AbortController();
      const lb = createBalancer({ endpoints: [{ url: bad.url }, { url: good.url, priority: 1 }], seed: 1, hedge: false, retry: { backoff: 0 }, maxRetryAfterMs: 86_400_000, now, ...options });
      const read = async () => {
        const answer = await lb.fetch(`/${kind}`, { ...make(), signal: caller.signal });
        if (abort === 'body') setImmediate(() => caller.abort(reason));
        if (passes) void clock.advance(450);
        if (expected.status) assert.equal(answer.status, expected.status, what);
        if (expected.cancel) return answer.body.cancel();
        if (!expected.begin) return answer.text();
        const reader = answer.body.getReader();
        assert.ok((await reader.read()).value.length > 0);
        then({ response });
        for (;;) if ((await reader.read()).done) return undefined;
      };
      if (expected.error) await read().then((text) => assert.fail(`${what}: ${text}`), expected.error);
      else assert.equal(await read(), expected.text, what);
      // Nothing is sent twice that must not be.
      assert.deepEqual([bad.hits - before[0], good.hits - before[1]], [fault ? expected.hits[0] : 0, expected.hits[1] ?? 0], what);
      await until(() => lb.endpoints().every(({ inFlight }) => inFlight === 0));
      // What is left beside are connections that undici keeps for the next one.
      await until(() => bad.busy + good.busy === 0);
      const endpoint = lb.endpoints().find(({ url }) => url === bad.url);
      const { failures, successes, health } = endpoint;
      if (blame.restMs) {
        const rests = endpoint.until - now();
        assert.equal(health, 'overloaded', what);
        assert.ok(rests >= blame.restMs && rests <= blame.restMs * 1.5, `${what}: ${rests}`);
      } else if (blame !== 'any') {
        assert.deepEqual([failures, successes, health], [Number(blame === 'failed'), Number(blame === 'well'), 'healthy'], what);
      }
    }
  });
}
