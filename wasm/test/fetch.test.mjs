// `lb.fetch` against real servers: what a status, a method and a body mean.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer, LbError } from 'evenkeel';
import { nobody, serve, until } from './support.mjs';

const QUICK = { retry: { backoff: 0 }, seed: 1 };

/** Reads a request's body, and answers with it. */
function echo(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)}`));
}

function answers(status, headers = {}) {
  return (request, response) => {
    request.resume();
    response.writeHead(status, headers).end(String(status));
  };
}

/** A bad server, of which the first request is sure, and a good one. */
async function pair(t, bad, options = {}) {
  const [first, good] = [await serve(t, bad), await serve(t, echo)];
  const lb = createBalancer({ endpoints: [{ url: first.url }, { url: good.url, priority: 1 }], ...QUICK, ...options });
  return { lb, first, good, endpoint: () => lb.endpoints().find(({ url }) => url === first.url) };
}

const RETRIED = [408, 425, 429, 500, 502, 503, 504, 507, 520, 530];
const REFUSED = [429, 503];
const FINAL = [200, 204, 304, 400, 401, 403, 404, 409, 418, 422, 451, 501, 505, 508, 511];

for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'PATCH']) {
  test(`${method}: each status`, async (t) => {
    let status;
    const { lb, first, good, endpoint } = await pair(t, (...args) => answers(status)(...args), { eject: false });
    const safe = !['POST', 'PATCH'].includes(method);
    for (status of [...RETRIED, ...FINAL]) {
      const [before, hits, { failures, successes }] = [first.hits, good.hits, endpoint()];
      const response = await lb.fetch('/x?y=1', { method });
      await response.text();
      const again = (safe ? RETRIED : REFUSED).includes(status);
      assert.equal(response.status, again ? 200 : status, `${status}`);
      assert.deepEqual([first.hits - before, good.hits - hits], [1, again ? 1 : 0], `${status}`);
      const attempts = lb.attempts(response);
      assert.deepEqual(attempts.map(({ status }) => status), again ? [status, 200] : [status]);
      // What it says of the endpoint: refusals count and rest; a request at fault was answered well.
      const refused = REFUSED.includes(status);
      const failed = refused || status >= 500 && ![501, 503, 505, 508, 511].includes(status) || status === 408;
      const now = endpoint();
      assert.deepEqual([now.failures - failures, now.successes - successes], [failed ? 1 : 0, failed ? 0 : 1], `${status}`);
      assert.equal(now.health, refused ? 'overloaded' : 'healthy', `${status}`);
      if (refused) {
        const rests = now.until - performance.now();
        assert.ok(rests > 900 && rests <= 1000, `${status}: ${rests}`);
        // Begins anew, as if it had come back.
        lb.update([good.url]);
        lb.update([{ url: first.url }, { url: good.url, priority: 1 }]);
      }
    }
  });
}

test('a POST with an Idempotency-Key, or that its caller says may be repeated, is', async (t) => {
  const { lb, first, good } = await pair(t, answers(500), { eject: false });
  for (const init of [
    { headers: { 'Idempotency-Key': '1' } },
    { headers: new Headers([['idempotency-key', '1']]) },
    { headers: [['IDEMPOTENCY-KEY', '1']] },
    { idempotent: true },
    { retry: { methods: ['post'], backoff: 0 } },
  ]) {
    const response = await lb.fetch('/', { method: 'POST', body: 'once', ...init });
    assert.equal(await response.text(), 'POST / once');
  }
  assert.deepEqual([first.hits, good.hits], [5, 5]);
  assert.equal((await lb.fetch('/', { idempotent: false })).status, 500);
});

test('statuses that the caller names are tried again, and no others', async (t) => {
  let status;
  const { lb } = await pair(t, (...args) => answers(status)(...args), { eject: false, retry: { statusCodes: [404, 502], backoff: 0 } });
  for (const [code, seen] of [[404, 200], [502, 200], [500, 500], [503, 503]]) {
    status = code;
    assert.equal((await lb.fetch('/')).status, seen);
  }
});

test('bodies of every kind are sent again as they are', async (t) => {
  const { lb, first, good } = await pair(t, answers(503));
  const form = new FormData();
  form.set('a', 'b');
  const bodies = [
    ['text', 'text'],
    [new TextEncoder().encode('bytes'), 'bytes'],
    [new TextEncoder().encode('buffer').buffer, 'buffer'],
    [new URLSearchParams({ a: 'b' }), 'a=b'],
    [new Blob(['blob']), 'blob'],
    [() => new Blob(['made']).stream(), 'made'],
    [() => 'made', 'made'],
    [form, 'form-data; name="a"'],
  ];
  for (const [body, expected] of bodies) {
    lb.update([good.url]);
    lb.update([{ url: first.url }, { url: good.url, priority: 1 }]);
    const response = await lb.fetch('/', { method: 'POST', body });
    const text = await response.text();
    assert.ok(text.includes(expected), text);
    assert.equal(lb.attempts(response).length, 2);
  }
  assert.equal(first.hits, bodies.length);
});

test('a stream is sent once', async (t) => {
  const { lb, good } = await pair(t, answers(503));
  const body = new Blob(['once']).stream();
  const response = await lb.fetch('/', { method: 'PUT', body, duplex: 'half' });
  assert.equal(response.status, 503);
  assert.equal(good.hits, 0);
  await assert.rejects(createBalancer({ endpoints: [await nobody(t)], ...QUICK }).fetch('/', { method: 'PUT', body: new Blob(['x']).stream() }), (error) => {
    assert.ok(error instanceof LbError);
    assert.equal(error.code, 'non_retryable_failure');
    assert.match(error.message, /must not be repeated/);
    assert.equal(error.cause.cause.code, 'ECONNREFUSED');
    return true;
  });
});

test('headers that are read once are sent again', async (t) => {
  const { lb, first } = await pair(t, answers(503));
  const seen = await serve(t, (request, response) => response.end(`${request.headers['x-a']}`));
  lb.update([{ url: first.url }, { url: seen.url, priority: 1 }]);
  function* headers() {
    yield ['X-A', '1'];
    yield ['Idempotency-Key', '2'];
  }
  const response = await lb.fetch('/', { method: 'POST', headers: headers() });
  assert.deepEqual([await response.text(), lb.attempts(response).length, first.hits], ['1', 2, 1]);
});

test('a Request is sent again with its method, headers and body', async (t) => {
  const { lb } = await pair(t, answers(503));
  const request = new Request('http://service/v1/x?y=1', { method: 'PUT', body: 'body', headers: { 'x-y': 'z' } });
  assert.equal(await (await lb.fetch(request)).text(), 'PUT /v1/x?y=1 body');
  assert.ok(request.bodyUsed, 'as with fetch');
  await assert.rejects(lb.fetch(request), TypeError);
  assert.equal(await (await lb.fetch(new Request('http://service/a', { method: 'DELETE' }), { method: 'PUT', body: 'other' })).text(), 'PUT /a other');
});

test("a Request as init: its method, headers, body and signal, as fetch's", async (t) => {
  const { lb } = await pair(t, answers(503));
  const init = () => new Request('http://other/y', { method: 'PUT', body: 'body' });
  assert.equal(await (await lb.fetch('/x?y=1', init())).text(), 'PUT /x?y=1 body');
  assert.equal(await (await lb.fetch(new URL('http://service/a'), init())).text(), 'PUT /a body');
  assert.equal(await (await lb.fetch(new Request('http://service/b'), init())).text(), 'PUT /b body');
  await assert.rejects(lb.fetch('/', new Request('http://other/', { signal: AbortSignal.abort() })), { name: 'AbortError' });
});

test('nothing was sent: any request goes elsewhere, whatever its method', async (t) => {
  const [down, good] = [await nobody(t), await serve(t, echo)];
  const lb = createBalancer({ endpoints: [{ url: down }, { url: good.url, priority: 1 }], ...QUICK, retry: { budget: false, backoff: 0 } });
  for (const method of ['GET', 'POST', 'PATCH']) {
    const response = await lb.fetch('/', { method });
    assert.equal(response.status, 200);
    const [first] = lb.attempts(response);
    if (method === 'GET') assert.equal(first.error.cause.code, 'ECONNREFUSED');
  }
});

test('a server that hangs costs a second by default, and the request nothing', async (t) => {
  const { lb, good } = await pair(t, () => {}, {});
  const begun = performance.now();
  const response = await lb.fetch('/');
  assert.equal(response.status, 200);
  assert.ok(performance.now() - begun >= 990);
  assert.deepEqual(lb.attempts(response).map(({ hedge }) => hedge), [true]);
  assert.equal(good.hits, 1);
});

test('out of attempts, the last answer is returned', async (t) => {
  const all = [await serve(t, answers(500)), await serve(t, answers(502))];
  const lb = createBalancer({ endpoints: all.map(({ url }) => url), ...QUICK });
  const response = await lb.fetch('/');
  assert.ok([500, 502].includes(response.status));
  assert.equal(await response.text(), String(response.status));
  assert.equal(lb.attempts(response).length, 3);
});

test('URLs: prefixes, slashes, queries, placeholders', async (t) => {
  const server = await serve(t, echo);
  for (const [endpoint, request, expected] of [
    ['', '/users?x=1', '/users?x=1'],
    ['/', '/users', '/users'],
    ['/v1', '/users', '/v1/users'],
    ['/v1/', '/users', '/v1/users'],
    ['/v1/', 'users', '/v1/users'],
    ['/v1', 'http://other.example/users?x=1#top', '/v1/users?x=1'],
    ['/v1', '/../../secret', '/v1/secret'],
    ['/v1', '/a/%2e%2e/b', '/v1/b'],
    ['/v1', '?x=1', '/v1?x=1'],
    ['/v1', '', '/v1/'],
    ['/v1?key=7', '/users?x=1', '/v1/users?key=7&x=1'],
    ['/v1?key=7', '/users', '/v1/users?key=7'],
    ['', '/a b', '/a%20b'],
    ['', new URL('http://service/p?q'), '/p?q'],
  ]) {
    const lb = createBalancer({ endpoints: [server.url + endpoint] });
    assert.equal(await (await lb.fetch(request)).text(), `GET ${expected} `, `${endpoint} + ${request}`);
  }
  const { port } = new URL(server.url);
  const spellings = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port}/`, `HTTP://127.0.0.1:${port}`, new URL(server.url)];
  assert.equal(createBalancer({ endpoints: spellings }).endpoints().length, 1);
  assert.equal(createBalancer({ endpoints: ['http://a', 'http://a:80/', 'HTTP://A'] }).endpoints().length, 1);
});

test('a URL without a path that can be appended reaches no other host', async () => {
  const lb = createBalancer({ endpoints: ['https://a'], fetch: () => assert.fail('it was sent') });
  for (const input of ['x:.b.example/', 'data:@b.example/', new URL('x:.b.example'), new Request('data:.b.example')]) {
    await assert.rejects(lb.fetch(input), { name: 'TypeError', message: /^the request must be a path or a URL, not / }, String(input));
  }
  assert.deepEqual(lb.endpoints().map(({ health }) => health), ['healthy']);
});

test('where fetch hides what is behind a failure, the error tells it', async () => {
  const failing = (cause) => createBalancer({ endpoints: ['https://a'], retry: false, fetch: () => Promise.reject(new TypeError('fetch failed', { cause })) });
  const several = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  for (const [cause, told] of [[new Error('connect ECONNREFUSED 127.0.0.1:80'), ': connect ECONNREFUSED 127.0.0.1:80'], [several, ': ECONNREFUSED'], [undefined, ''], [null, '']]) {
    await assert.rejects(failing(cause).fetch('/'), { name: 'LbError', message: new RegExp(`1 failed attempt; last at https://a: TypeError: fetch failed${told}\\)$`) });
  }
});

test('the caller aborts before the head: nothing is held against anybody', async (t) => {
  const caller = new AbortController();
  const reason = new Error('mine');
  let gone;
  const closed = new Promise((resolve) => (gone = resolve));
  const { lb, endpoint } = await pair(t, (_, response) => {
    response.on('close', gone);
    caller.abort(reason);
  });
  await assert.rejects(lb.fetch('/', { signal: caller.signal }), (error) => error === reason);
  await closed;
  await assert.rejects(lb.fetch('/', { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const { failures, inFlight, canceled } = endpoint();
  assert.deepEqual([failures, inFlight, canceled], [0, 0, 1]);
});

test('a fault of the caller rejects at once and touches nothing', async (t) => {
  const { lb, first, endpoint } = await pair(t, echo);
  for (const [input, init] of [
    ['/', { method: 'GET', body: 'x' }],
    ['/', { headers: { 'a b': 'c' } }],
    ['/', { method: 'TRACE' }],
    [null, {}],
    [{}, {}],
    ['/', { key: {} }],
    ['/', { timeoutMs: -1 }],
    ['/', { retry: { limits: 1 } }],
    ['/', { signal: 'stop' }],
  ]) {
    await assert.rejects(lb.fetch(input, init), (error) => error instanceof TypeError || error instanceof RangeError, JSON.stringify(init));
  }
  assert.equal(first.hits, 0);
  const { failures, successes, canceled, inFlight } = endpoint();
  assert.deepEqual([failures, successes, canceled, inFlight], [0, 0, 0, 0]);
  assert.equal((await lb.fetch('/')).status, 200, 'the next one goes on');
});

test('it is handed on as it is: bound, and without this', async (t) => {
  const { lb } = await pair(t, echo);
  const { fetch } = lb;
  assert.equal(await (await fetch('http://service/x')).text(), 'GET /x ');
  assert.equal((await fetch.call(undefined, '/')).url.startsWith('http://127.0.0.1'), true);
});

test('what is nearly an option of ours is refused, and those of platforms are handed on', async () => {
  const sent = [];
  const fetch = async (_, init) => (sent.push(init), new Response());
  const lb = createBalancer({ endpoints: ['http://a'], fetch });
  for (const [wrong, right] of [
    ['idempotant', 'idempotent'],
    ['Idempotent', 'idempotent'],
    ['timeoutMS', 'timeoutMs'],
    ['attemptTimeoutms', 'attemptTimeoutMs'],
    ['retryy', 'retry'],
    ['hegde', 'hedge'],
    ['keys', 'key'],
    ['acept', 'accept'],
    ['clasify', 'classify'],
  ]) {
    await assert.rejects(lb.fetch('/', { [wrong]: undefined }), { name: 'TypeError', message: `init has no "${wrong}"; did you mean ${right}?` });
  }
  assert.equal(sent.length, 0);
  const names = [
    ...['attributionReporting', 'browsingTopics', 'cache', 'credentials', 'duplex', 'integrity', 'keepalive', 'mode', 'priority', 'redirect', 'referrer'],
    ...['referrerPolicy', 'targetAddressSpace', 'window'],
    // Node, Workers, Next, Deno, Bun, node-fetch.
    ...['dispatcher', 'cf', 'encodeResponseBody', 'next', 'client', 'decompress', 'proxy', 'tls', 'unix', 'verbose', 's3', 'timeout'],
    ...['agent', 'compress', 'counter', 'follow', 'highWaterMark', 'hostname', 'insecureHTTPParser', 'port', 'protocol', 'size'],
  ];
  await lb.fetch('/', Object.fromEntries(names.map((name) => [name, 1])));
  for (const name of names) assert.equal(sent[0][name], 1, name);
});

test('who aborts while the answer is judged has left', async (t) => {
  const caller = new AbortController();
  const server = await serve(t, (_, response) => response.writeHead(200).write('and so on'));
  const lb = createBalancer({ endpoints: [server.url], accept: () => void caller.abort() });
  await assert.rejects(lb.fetch('/', { signal: caller.signal }), { name: 'AbortError' });
  await until(() => server.busy === 0);
  assert.equal(lb.endpoints()[0].inFlight, 0);
});
