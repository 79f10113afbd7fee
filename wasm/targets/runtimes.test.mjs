// Every runtime that is no browser: the same golden answers, no request lost with a server down, and none lost by a worker over three servers
// of which one dies.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EdgeRuntime } from 'edge-runtime';
import { ANSWERS, HERE, bundle, serve, servers, start, through } from './support.mjs';
import { version, works } from './table.mjs';

const RUNTIMES = {
  Deno: ['node_modules/@deno/linux-x64-glibc/deno', ['run', '--allow-all', '--no-lock']],
  Bun: ['node_modules/@oven/bun-linux-x64/bin/bun', ['run']],
};

for (const [name, [command, args]] of Object.entries(RUNTIMES)) {
  const program = HERE + command;
  test(`${name}: golden files, and a server that is down`, async (t) => {
    const line = await start(t, program, [...args, 'script.mjs', 'check', ...(await servers(t))]).line();
    assert.deepEqual(JSON.parse(line), { golden: ANSWERS, requests: 40 });
    works(`${name} ${version(name.toLowerCase())}`, 'import');
  });

  test(`${name}: a worker over three servers of which one dies loses nothing`, async (t) => {
    const origins = [await serve(t), await serve(t), await serve(t)];
    const port = await start(t, program, [...args, 'script.mjs', 'serve', ...origins.map(({ url }) => url)]).line();
    assert.equal(await through(`http://127.0.0.1:${port}`, origins), 0);
    assert.ok(origins.every(({ hits }) => hits > 0));
  });
}

/** A port that was free a moment ago: workerd cannot tell the one it picks itself. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the worker with bindings, and services beside the network; asks it. */
async function workerd(t, bindings, services = '') {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'worker.mjs'), await bundle('worker.mjs', { conditions: ['workerd'] }));
  copyFileSync(`${HERE}../pkg/lb.wasm`, join(folder, 'lb.wasm'));
  const port = await freePort();
  writeFileSync(join(folder, 'config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.mjs", esModule = embed "worker.mjs"), (name = "./lb.wasm", wasm = embed "lb.wasm")],
      bindings = [${bindings}],
      compatibilityDate = "2026-01-01",
    )),
    (name = "internet", network = (allow = ["private", "public"])),${services}
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);`);
  start(t, `${HERE}node_modules/@cloudflare/workerd-linux-64/bin/workerd`, ['serve', join(folder, 'config.capnp')]);
  const get = async (path) => {
    for (;;) {
      try {
        return await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
      } catch (error) {
        if (error.cause?.code !== 'ECONNREFUSED') throw error; // not listening yet
      }
    }
  };
  return { url: `http://127.0.0.1:${port}`, get };
}

const text = (name, value) => `(name = "${name}", text = ${JSON.stringify(value)})`;

test('workerd: what an isolate learned is kept in a key-value namespace, and the next one goes on with it', async (t) => {
  const bad = { hits: 0 };
  const failing = createHttpServer((_, response) => (bad.hits++, response.writeHead(500).end()));
  // The namespace as workerd asks for it.
  const [kept, asked] = [new Map(), []];
  const store = createHttpServer(async ({ method, url }, response) => {
    const key = new URL(url, 'http://kv').pathname;
    asked.push(method);
    if (method === 'GET') return kept.has(key) ? response.end(kept.get(key)) : response.writeHead(404).end();
    let value = '';
    for await (const chunk of response.req) value += chunk;
    kept.set(key, value);
    response.end();
  });
  for (const server of [failing, store]) {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => (server.closeAllConnections(), server.close()));
  }
  const at = (server) => `127.0.0.1:${server.address().port}`;
  const origins = [`http://${at(failing)}`, (await serve(t)).url, (await serve(t)).url].join(' ');
  const bindings = [text('ORIGINS', origins), '(name = "STATE", kvNamespace = "kv")'].join(', ');
  const hits = [];
  for (let isolate = 0; isolate < 2; isolate++) {
    const { get } = await workerd(t, bindings, `\n    (name = "kv", external = (address = "${at(store)}", http = ())),`);
    bad.hits = 0;
    for (let i = 0; i < 40; i++) assert.equal(await get(`/item?i=${i}`), `item ${i}`);
    hits.push(bad.hits);
  }
  assert.deepEqual([asked.filter((method) => method === 'GET').length, kept.size], [2, 1]);
  assert.ok(hits[0] > 0, 'the first one learned it');
  assert.equal(hits[1], 0, 'the second one knew it');
});

test('workerd: golden files, a server that is down, and a worker that loses nothing', async (t) => {
  const origins = [await serve(t), await serve(t), await serve(t)];
  const { url, get } = await workerd(t, [text('SERVERS', (await servers(t)).join(' ')), text('ORIGINS', origins.map(({ url }) => url).join(' '))].join(', '));
  assert.equal(await get('/golden'), String(ANSWERS));
  assert.equal(await get('/requests'), '40');
  assert.equal(await through(url, origins), 0);
  works(`workerd ${version('workerd')}`, 'lb.wasm imported, bundled by esbuild');
});

test("edge-runtime: the example of Next's middleware passes requests on, and none is lost to a server that is down", async (t) => {
  const ORIGINS = (await servers(t)).join(' ');
  const options = { format: 'iife', globalName: 'next', external: [], define: { 'process.env.ORIGINS': JSON.stringify(ORIGINS) } };
  const runtime = new EdgeRuntime({ initialCode: `${await bundle('../examples/next_middleware.mjs', options)}; globalThis.next = next;` });
  const ask = (i) => runtime.evaluate(`next.middleware(new Request('http://x/api/item?i=${i}')).then((response) => response.text())`);
  for (let i = 0; i < 20; i++) assert.equal(await ask(i), `item ${i}`);
  assert.equal(await runtime.evaluate('next.config.matcher'), '/api/:path*');
});

test('edge-runtime: golden files, and a server that is down', async (t) => {
  const urls = await servers(t);
  const code = await bundle('worker.mjs', { format: 'iife', globalName: 'worker', external: [] });
  const runtime = new EdgeRuntime({ initialCode: `${code}; globalThis.worker = worker.default;` });
  const ask = (path) => runtime.evaluate(`worker.fetch(new Request('http://x${path}'), ${JSON.stringify({ SERVERS: urls.join(' ') })}).then((response) => response.text())`);
  assert.equal(await ask('/golden'), String(ANSWERS));
  assert.equal(await ask('/requests'), '40');
  works(`edge-runtime ${version('edge-runtime')}`, 'bundled by esbuild');
});
