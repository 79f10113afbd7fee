// Every runtime that is no browser: the same golden answers, no request lost with a server down, and none lost by a worker over three servers
// of which one dies.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

test('workerd: golden files, a server that is down, and a worker that loses nothing', async (t) => {
  const origins = [await serve(t), await serve(t), await serve(t)];
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'worker.mjs'), await bundle('worker.mjs', { conditions: ['workerd'] }));
  copyFileSync(`${HERE}../pkg/lb.wasm`, join(folder, 'lb.wasm'));
  const port = await freePort();
  const texts = { SERVERS: (await servers(t)).join(' '), ORIGINS: origins.map(({ url }) => url).join(' ') };
  const bindings = Object.entries(texts).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`);
  writeFileSync(join(folder, 'config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.mjs", esModule = embed "worker.mjs"), (name = "./lb.wasm", wasm = embed "lb.wasm")],
      bindings = [${bindings.join(', ')}],
      compatibilityDate = "2026-01-01",
    )),
    (name = "internet", network = (allow = ["private", "public"])),
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
  assert.equal(await get('/golden'), String(ANSWERS));
  assert.equal(await get('/requests'), '40');
  assert.equal(await through(`http://127.0.0.1:${port}`, origins), 0);
  works(`workerd ${version('workerd')}`, 'lb.wasm imported, bundled by esbuild');
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
