// For runtimes with a file system: prints what was found. `script.mjs serve` passes requests on, as the example worker does.
import { readFileSync, readdirSync } from 'node:fs';
import example from '../examples/worker.mjs';
import { golden, requests } from './check.mjs';

const { process, Deno, Bun } = globalThis;
const folder = new URL('../../tests/golden/', import.meta.url);
const [mode, ...servers] = process.argv.slice(2);

if (mode === 'serve') {
  const fetch = (request) => example.fetch(request, { ORIGINS: servers.join(' ') });
  const port = Deno ? Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, fetch).addr.port : Bun.serve({ port: 0, hostname: '127.0.0.1', fetch }).port;
  console.log(port);
} else {
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]));
  console.log(JSON.stringify({ golden: golden(files), requests: await requests(servers, 40) }));
  process.exit(0);
}
