// Servers, child processes and bundles for the target tests.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import * as evenkeel from 'evenkeel';
import { replay } from '../test/replay.mjs';

export const HERE = fileURLToPath(new URL('.', import.meta.url));

const folder = new URL('../../tests/golden/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));
/** The golden files by name. */
export const FILES = Object.fromEntries(names.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]));

/** How many answers they have. */
export const ANSWERS = Object.entries(FILES).reduce((sum, [name, text]) => sum + replay(name, text, evenkeel), 0);

/** A server that answers items, and static files if told so. */
export async function serve(t, files = {}) {
  const state = { hits: 0 };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://x');
    response.setHeader('access-control-allow-origin', '*');
    if (files[pathname]) {
      const [type, content, headers] = files[pathname];
      return response.writeHead(200, { 'content-type': type, ...headers }).end(content);
    }
    state.hits++;
    response.end(`item ${searchParams.get('i')}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.stop = () => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve)));
  t.after(state.stop);
  return state;
}

/** Two servers that answer, and the URL of one that does not. */
export async function servers(t) {
  const all = [await serve(t), await serve(t), await serve(t)];
  await all[0].stop();
  return all.map(({ url }) => url);
}

/** Starts a program, which is killed at the end of the test; gives what it prints, line by line. */
export function start(t, command, args) {
  const child = spawn(command, args, { cwd: HERE, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => (errors += text));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async line() {
      const { value } = await lines.next();
      if (value === undefined) throw new Error(`${command} ${args.join(' ')} ended: ${errors}`);
      return value;
    },
  };
}

/** A bundle of one file, as text. */
export async function bundle(file, options = {}) {
  const { outputFiles } = await build({
    entryPoints: [HERE + file],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    absWorkingDir: HERE,
    logLevel: 'error',
    define: { GOLDEN_FILES: JSON.stringify(FILES) },
    external: ['*.wasm'],
    ...options,
  });
  return outputFiles[0].text;
}

/** Sends `count` requests through a proxy while the first of its origins dies, 8 at a time; how many were lost. */
export async function through(proxy, origins, count = 300) {
  let [left, lost] = [count, 0];
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (left-- > 0) {
      const i = left;
      if (i === Math.floor((count * 2) / 3)) await origins[0].stop();
      const response = await fetch(`${proxy}/item?i=${i}`);
      if (!response.ok || (await response.text()) !== `item ${i}`) lost++;
    }
  }));
  return lost;
}
