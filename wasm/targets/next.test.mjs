// Next: a route in its edge runtime, built and served as in production.
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HERE, servers, start } from './support.mjs';
import { project, run } from './project.mjs';
import { version, works } from './table.mjs';

const ROUTE = `
  import { createBalancer } from 'evenkeel';
  export const runtime = 'edge';
  export async function GET(request) {
    const lb = createBalancer({ endpoints: new URL(request.url).searchParams.getAll('server') });
    let good = 0;
    for (let i = 0; i < 40; i++) if ((await (await lb.fetch('/item?i=' + i)).text()) === 'item ' + i) good++;
    return new Response(String(good));
  }`;

test('Next', async (t) => {
  const folder = await project(t, { 'package.json': '{ "private": true }', 'app/requests/route.js': ROUTE });
  for (const name of ['next', 'react', 'react-dom']) symlinkSync(`${HERE}node_modules/${name}`, join(folder, 'node_modules', name));
  const next = join(HERE, 'node_modules/next/dist/bin/next');
  await run(process.execPath, [next, 'build', folder], { env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' } });
  const server = start(t, process.execPath, [next, 'start', folder, '--port', '0', '--hostname', '127.0.0.1']);
  let url;
  while (!url) url = /Local: +(http:\S+)/.exec(await server.line())?.[1];
  while (!/Ready/.test(await server.line()));
  const query = (await servers(t)).map((server) => `server=${encodeURIComponent(server)}`).join('&');
  assert.equal(await (await fetch(`${url}/requests?${query}`)).text(), '40');
  works(`Next ${version('next')}`, 'build, and an edge route served');
});
