// Content steering: a server says which networks to use, in which order, and until when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { steering } from 'evenkeel/steering';
import { serve, settle } from './support.mjs';

const PATHWAYS = { a: 'https://a.example/video', b: 'https://b.example/video', c: 'https://c.example/video?token=1' };

/** A steering server that answers `state.body`, and the URLs that were asked for. */
async function server(t) {
  const state = { status: 200, headers: {}, body: { VERSION: 1, TTL: 10, 'PATHWAY-PRIORITY': ['b', 'a'] } };
  const { url, paths } = await serve(t, (_, response) => {
    response.writeHead(state.status, state.headers).end(typeof state.body === 'string' ? state.body : JSON.stringify(state.body));
  });
  return Object.assign(state, { url: `${url}/steer?session=7`, paths });
}

/** What the source gives now. */
async function list(source) {
  const { endpoints, ttlMs, error } = await source();
  return { urls: endpoints.toSorted?.((a, b) => a.priority - b.priority).map(({ url }) => url) ?? endpoints.map(({ url }) => url), ttlMs, error };
}

test('the order becomes priorities, and who is not in it is not used', async (t) => {
  const state = await server(t);
  const source = steering(state.url, { pathways: PATHWAYS });
  assert.deepEqual(await source(), {
    endpoints: [{ url: PATHWAYS.b, priority: 0 }, { url: PATHWAYS.a, priority: 1 }],
    ttlMs: 10_000,
  });
  state.body['PATHWAY-PRIORITY'] = ['x', 'c', 'c', 'a', 7];
  delete state.body.TTL;
  assert.deepEqual(await list(source), { urls: [PATHWAYS.c, PATHWAYS.a], ttlMs: 300_000, error: undefined });
  // DASH before ETSI TS 103 998.
  state.body = { VERSION: 1, TTL: 0, 'SERVICE-LOCATION-PRIORITY': ['a'] };
  assert.deepEqual(await list(source), { urls: [PATHWAYS.a], ttlMs: 1000, error: undefined });
});

test('where to reload from, and what the server is told', async (t) => {
  const state = await server(t);
  let current = {};
  const hls = steering(state.url, { pathways: PATHWAYS, current: () => current });
  state.body['RELOAD-URI'] = '../next/2?session=8';
  await hls();
  current = { pathway: 'b', throughput: 1_500_000.4 };
  delete state.body['RELOAD-URI'];
  await hls();
  await hls();
  const told = '/next/2?session=8&_HLS_pathway=b&_HLS_throughput=1500000';
  assert.deepEqual(state.paths, ['/steer?session=7', told, told]);
  const dash = steering(state.url, { pathways: PATHWAYS, protocol: 'dash', current: () => ({ pathway: 'a,b', throughput: 7 }) });
  await dash();
  assert.equal(state.paths.at(-1), '/steer?session=7&_DASH_pathway=%22a%2Cb%22&_DASH_throughput=7');
});

test('clones', async (t) => {
  const state = await server(t);
  const source = steering(state.url, { pathways: PATHWAYS });
  const clone = (BASE, ID, HOST, PARAMS) => ({ 'BASE-ID': BASE, ID, 'URI-REPLACEMENT': { ...(HOST && { HOST }), ...(PARAMS && { PARAMS }) } });
  state.body['PATHWAY-CLONES'] = [
    clone('c', 'd', 'd.example', { token: '2', x: '& ' }),
    clone('d', 'e', 'e.example:8443'),
    clone('nobody', 'f', 'f.example'),
    clone('a', 'b', 'evil.example'),
  ];
  state.body['PATHWAY-PRIORITY'] = ['e', 'd', 'f', 'b'];
  const urls = ['https://e.example:8443/video?token=2&x=%26+', 'https://d.example/video?token=2&x=%26+', PATHWAYS.b];
  assert.deepEqual((await list(source)).urls, urls);
  // They stay for the manifests to come.
  delete state.body['PATHWAY-CLONES'];
  assert.deepEqual((await list(source)).urls, urls);
});

test('a manifest that is wrong anywhere changes nothing', async (t) => {
  const state = await server(t);
  const source = steering(state.url, { pathways: PATHWAYS });
  const good = state.body;
  await source();
  const clone = { 'BASE-ID': 'a', ID: 'z', 'URI-REPLACEMENT': { HOST: 'z.example' } };
  const many = Array.from({ length: 300 }, (_, i) => ({ ...clone, ID: `z${i}` }));
  for (const [body, message] of [
    ['{', /JSON/],
    ['[]', /the manifest must be an object, not \[\]/],
    [`"${'x'.repeat(2 ** 20)}"`, /longer than 1048576 bytes/],
    [{ ...good, VERSION: 2 }, /VERSION must be 1, not 2/],
    [{ ...good, TTL: '5' }, /TTL must be a number of seconds, not "5"/],
    [{ ...good, TTL: -1 }, /not -1/],
    [{ ...good, 'PATHWAY-PRIORITY': 'a' }, /must be an array of ids, not "a"/],
    [{ ...good, 'PATHWAY-PRIORITY': ['x'] }, /names none of the pathways: \["x"\]/],
    [{ ...good, 'RELOAD-URI': 7 }, /RELOAD-URI must be a string, not 7/],
    [{ ...good, 'RELOAD-URI': 'javascript:alert(1)' }, /RELOAD-URI must be a URL of http or https/],
    [{ ...good, 'RELOAD-URI': 'http://' }, /Invalid URL/],
    [{ ...good, 'PATHWAY-CLONES': {} }, /PATHWAY-CLONES must be an array/],
    [{ ...good, 'PATHWAY-CLONES': [7] }, /a clone must be an object, not 7/],
    [{ ...good, 'PATHWAY-CLONES': [{ ...clone, ID: 7 }] }, /ID must be a string, not 7/],
    [{ ...good, 'PATHWAY-CLONES': [{ ...clone, 'URI-REPLACEMENT': null }] }, /URI-REPLACEMENT must be an object/],
    [{ ...good, 'PATHWAY-CLONES': [{ ...clone, 'URI-REPLACEMENT': { HOST: 'x/../y' } }] }, /HOST must be a host, not "x\/\.\.\/y"/],
    [{ ...good, 'PATHWAY-CLONES': [{ ...clone, 'URI-REPLACEMENT': { PARAMS: { a: 1 } } }] }, /PARAMS\.a must be a string, not 1/],
    [{ ...good, 'PATHWAY-CLONES': many }, /303 pathways and clones, and the most are 256/],
  ]) {
    state.body = body;
    await assert.rejects(list(source), (error) => {
      assert.match(error.message, message);
      return error.name === 'SourceError' && error.retryAfterMs === 10_000;
    });
  }
  state.body = { ...good, 'PATHWAY-PRIORITY': ['z', 'a'] };
  assert.deepEqual((await list(source)).urls, [PATHWAYS.a], 'no clone was taken from what was refused');
});

test('without a manifest, the pathways serve in their order', async (t) => {
  let now = 0;
  const state = await server(t);
  const source = steering(state.url, { pathways: PATHWAYS });
  state.status = 500;
  const lb = createBalancer({ endpoints: source, now: () => now });
  const told = [];
  lb.on('source', ({ ok, error }) => told.push(ok || error.message.replace(/http:.*\//, '')));
  assert.equal(await lb.call(({ url }) => url), PATHWAYS.a);
  assert.deepEqual(told, [true, 'no steering manifest: steer answered 500']);
  for (; now < 300_000; now += 10_000) await lb.call(({ url }) => url);
  assert.equal(state.paths.length, 1);
  state.status = 200;
  await lb.call(({ url }) => url);
  while (told.length < 3) await settle();
  assert.equal(await lb.call(({ url }) => url), PATHWAYS.b);
  // A network that fails is left for the next one.
  const used = new Set();
  for (let i = 0; i < 50; i++) await lb.call(({ url }) => { used.add(url); if (url === PATHWAYS.b) throw new Error('down'); }, { retry: { backoff: 0, budget: false } });
  assert.deepEqual([...used], [PATHWAYS.b, PATHWAYS.a]);
});

test('too many requests are waited for, and what is gone is not asked for again', async (t) => {
  const state = await server(t);
  const source = steering(state.url, { pathways: PATHWAYS });
  await source();
  [state.status, state.headers] = [429, { 'retry-after': '42' }];
  await assert.rejects(list(source), { name: 'SourceError', retryAfterMs: 42_000 });
  state.status = 410;
  for (let i = 0; i < 3; i++) assert.deepEqual(await list(source), { urls: [PATHWAYS.b, PATHWAYS.a], ttlMs: 86_400_000, error: undefined });
  assert.equal(state.paths.length, 3);
  const other = steering(state.url, { pathways: PATHWAYS });
  assert.deepEqual((await list(other)).urls, Object.values(PATHWAYS));
});

test('wrong options are refused, with the value and the limit', () => {
  for (const [url, options, message] of [
    ['steer', { pathways: PATHWAYS }, /url must be an absolute URL/],
    ['https://s.example', undefined, /options must be an object/],
    ['https://s.example', {}, /pathways must be an object, not undefined/],
    ['https://s.example', { pathways: {} }, /one pathway at least, not 0/],
    ['https://s.example', { pathways: { a: 'a.example' } }, /pathways\.a must be an absolute URL/],
    ['https://s.example', { pathways: PATHWAYS, protocol: 'rtmp' }, /"hls" or "dash", not "rtmp"/],
    ['https://s.example', { pathways: PATHWAYS, current: 7 }, /current must be a function, not 7/],
    ['https://s.example', { pathways: PATHWAYS, timeoutMs: NaN }, /timeoutMs/],
    ['https://s.example', { pathways: PATHWAYS, pathway: 1 }, /did you mean pathways\?/],
  ]) assert.throws(() => steering(url, options), message);
});
