// Each example against real servers of which the first fails.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { create, createFileRegistry, fromJson } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, StringValueSchema, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createBalancer } from 'evenkeel';
import { createPublicClient } from 'viem';
import { grpcWebTransport, transport } from './connect.mjs';
import { hlsLoader } from './hls_loader.mjs';
import { client as kyClient } from './ky.mjs';
import { chat } from './openai.mjs';
import { client as openapiClient } from './openapi_fetch.mjs';
import { ethersProvider, viemTransport } from './rpc.mjs';
import { share } from './tabs.mjs';

/** A server that answers with `answer(body, request)`, as JSON unless it answers itself. */
async function serve(t, answer) {
  const state = { hits: 0, requests: [] };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    state.hits++;
    state.requests.push({ ...request, url: request.url, method: request.method, headers: request.headers, body });
    const json = answer(body, request, response);
    if (json !== undefined) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(json));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  state.url = `http://127.0.0.1:${server.address().port}`;
  t.after(() => (server.closeAllConnections(), server.close()));
  return state;
}

const status = (code, headers = {}) => (_body, _request, response) => void response.writeHead(code, headers).end('{}');

/** The first is asked first, by its priority. */
const ranked = (...servers) => servers.map(({ url }, priority) => ({ url, priority }));

test('ky', async (t) => {
  const [bad, good] = [await serve(t, status(503)), await serve(t, () => ({ ok: true }))];
  const api = kyClient(ranked(bad, good));
  assert.deepEqual(await api.get('users/7').json(), { ok: true });
  assert.deepEqual(await api.post('users', { json: { a: 1 } }).json(), { ok: true });
  assert.deepEqual(good.requests.map(({ url, body }) => [url, body]), [['/users/7', ''], ['/users', '{"a":1}']]);
});

test('openapi-fetch', async (t) => {
  const [bad, good] = [await serve(t, status(500)), await serve(t, () => ({ ok: true }))];
  const api = openapiClient(ranked(bad, good));
  const { data } = await api.GET('/users/{id}', { params: { path: { id: 7 } } });
  assert.deepEqual(data, { ok: true });
  assert.equal(bad.hits, 1);
});

/** A client of a service that greets. */
function greeter(transport) {
  // A service of one method, as a compiler would describe it.
  const type = '.google.protobuf.StringValue';
  const method = { name: 'Greet', inputType: type, outputType: type };
  const file = create(FileDescriptorProtoSchema, { name: 'greet.proto', package: 'test', syntax: 'proto3', dependency: ['google/protobuf/wrappers.proto'], service: [{ name: 'Greeter', method: [method] }] });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] }));
  return createClient(registry.getService('test.Greeter'), transport);
}

test('Connect-ES', async (t) => {
  const [bad, good] = [await serve(t, status(503)), await serve(t, () => 'hello')];
  const client = greeter(transport(ranked(bad, good)));
  assert.equal((await client.greet(fromJson(StringValueSchema, 'evenkeel'))).value, 'hello');
  assert.deepEqual([bad.hits, good.hits, good.requests[0].url], [1, 1, '/test.Greeter/Greet']);
});

test('gRPC-Web: an answer of trailers only goes elsewhere where it was refused, and a call that may have been done is not repeated', async (t) => {
  const type = { 'content-type': 'application/grpc-web+proto' };
  const frame = (kind, bytes) => Buffer.concat([Buffer.from([kind, 0, 0, 0, bytes.length]), bytes]);
  const answer = Buffer.concat([frame(0, Buffer.from('\n\x05hello')), frame(0x80, Buffer.from('grpc-status: 0\r\n'))]);
  const asked = (wait) => ({ 'grpc-retry-pushback-ms': wait });
  const no = ['-1', '', 'soon', '0x10', '1e3', '2147483648', 'Infinity'].map((wait) => [8, false, asked(wait)]);
  for (const [code, elsewhere, headers] of [[8, true], [14, false], [3, false], [8, true, asked('0')], [8, true, asked('2147483647')], ...no]) {
    const refuses = await serve(t, (_body, _request, response) => void response.writeHead(200, { ...type, ...headers, 'grpc-status': String(code) }).end());
    const good = await serve(t, (_body, _request, response) => void response.writeHead(200, type).end(answer));
    const greeted = greeter(grpcWebTransport(ranked(refuses, good))).greet(fromJson(StringValueSchema, 'evenkeel'));
    if (elsewhere) assert.equal((await greeted).value, 'hello');
    else await assert.rejects(greeted, { code });
    assert.deepEqual([refuses.hits, good.hits], [1, elsewhere ? 1 : 0], `${code} ${JSON.stringify(headers)}`);
  }
});

test('an OpenAI-compatible client over two providers of which one answers 429', async (t) => {
  const completion = { id: 'x', object: 'chat.completion', created: 0, model: 'm', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hi' } }] };
  const busy = await serve(t, status(429, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' }));
  const [badKey, good] = [await serve(t, status(401)), await serve(t, () => completion)];
  const { create, lb } = chat(ranked(busy, badKey, good).map((provider) => ({ ...provider, apiKey: `key ${provider.priority}` })));
  for (let i = 0; i < 10; i++) assert.equal((await create({ model: 'm', messages: [] })).choices[0].message.content, 'hi');
  assert.deepEqual([busy.hits, badKey.hits, good.hits], [1, 1, 10], 'none is asked again while it rests');
  assert.equal(good.requests[0].headers.authorization, 'Bearer key 2');
  const [rests] = lb.endpoints().filter(({ url }) => url === busy.url).map(({ until }) => until - performance.now());
  assert.ok(rests > 350_000 && rests <= 540_000, `${rests}`);
});

for (const [name, make] of [
  ['viem', (endpoints) => createPublicClient({ transport: viemTransport(endpoints) })],
  ['ethers', (endpoints) => ethersProvider(endpoints, 1)],
]) {
  test(`${name}: what may be repeated is, and transactions are sent once`, async (t) => {
    const down = await serve(t, status(500));
    const good = await serve(t, (body) => {
      const answer = ({ id, method }) => ({ jsonrpc: '2.0', id, result: method === 'eth_blockNumber' ? '0x7' : `0x${'0'.repeat(64)}` });
      const asked = JSON.parse(body);
      return Array.isArray(asked) ? asked.map(answer) : answer(asked);
    });
    const client = make(ranked(down, good));
    assert.equal(Number(await client.getBlockNumber()), 7);
    for (const method of ['eth_sendRawTransaction', 'sendTransaction', 'sendtoaddress', 'sendmany', 'signrawtransactionwithwallet', 'author_submitExtrinsic', 'requestAirdrop', 'broadcast_tx_sync']) {
      const [before, sent, sender] = [down.hits, good.hits, make(ranked(down, good))];
      await assert.rejects(name === 'viem' ? sender.request({ method, params: ['0x00'] }) : sender.send(method, ['0x00']));
      assert.deepEqual([down.hits - before, good.hits - sent], [1, 0], method);
      sender.destroy?.();
    }
    client.destroy?.();
  });
}

test('hls.js: a segment comes from another CDN, errors and time-outs are told', async (t) => {
  const segment = new Uint8Array([1, 2, 3]);
  const good = await serve(t, (_body, request, response) => {
    if (request.url === '/gone.ts') response.writeHead(404).end();
    else if (request.url !== '/late.ts') response.writeHead(200).end(Buffer.from(segment));
  });
  const bad = await serve(t, status(500));
  const load = (url, timeout = 5000, Loader = hlsLoader(createBalancer({ endpoints: ranked(bad, good) }))) => new Promise((resolve) => {
    const end = (name) => (...args) => resolve([name, args[0]]);
    new Loader().load({ url, responseType: 'arraybuffer' }, { timeout }, { onSuccess: end('success'), onError: end('error'), onTimeout: end('timeout') });
  });
  const [how, { data }] = await load('https://cdn.example/a.ts');
  assert.deepEqual([how, new Uint8Array(data)], ['success', segment]);
  assert.deepEqual(await load('/gone.ts'), ['error', { code: 404, text: 'Not Found' }]);
  assert.equal((await load('/late.ts', 50, hlsLoader(createBalancer({ endpoints: [good.url] }))))[0], 'timeout');
});

test('states go between tabs and over restarts', async () => {
  const urls = ['https://a.example', 'https://b.example'];
  const storage = new Map();
  const local = { getItem: (key) => storage.get(key) ?? null, setItem: (key, value) => storage.set(key, value) };
  const tabs = [1, 2].map(() => createBalancer({ endpoints: urls, policy: 'round_robin' }));
  const stops = tabs.map((lb, place) => share(lb, { channel: new BroadcastChannel('test'), storage: place === 0 ? local : undefined }));
  for (let i = 0; i < 12; i++) await tabs[0].call(({ url }) => { if (url === urls[0]) throw new Error('down'); });
  while (tabs[1].endpoints()[0].health !== 'ejected') await new Promise(setImmediate);
  stops.forEach((stop) => stop());
  const next = createBalancer({ endpoints: urls });
  share(next, { channel: new BroadcastChannel('other'), storage: local })();
  assert.equal(next.endpoints()[0].health, 'ejected');
});

test('each is at most 60 lines', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.mjs') && !name.includes('.test.'));
  assert.ok(files.length >= 9);
  for (const name of files) {
    const lines = readFileSync(new URL(name, import.meta.url), 'utf8').split('\n').length;
    assert.ok(lines <= 61, `${name}: ${lines}`);
  }
});
