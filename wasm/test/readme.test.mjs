// The JavaScript quick starts of both README.md, run as they stand but for the hosts in them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { serve } from './support.mjs';

const PACKAGE = new URL('../', import.meta.url);

for (const readme of ['../README.md', 'README.md']) test(`the quick start of ${readme} works with one server down`, async (t) => {
  const blocks = [...readFileSync(new URL(readme, PACKAGE), 'utf8').matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);
  assert.equal(blocks.length, 1, 'it has one ```js block');
  const [code] = blocks;
  assert.ok(code.trim().split('\n').length <= 12, 'of at most 12 lines');

  const hosts = [...new Set(code.match(/https?:\/\/[\w.:-]+/g))];
  assert.ok(hosts.length >= 2, 'with two servers at least');
  const servers = [];
  for (const host of hosts) {
    const down = host === hosts[0];
    servers.push(await serve(t, (_, response) => (down ? response.writeHead(503).end() : response.end('{"ok":true}'))));
  }
  const local = hosts.reduce((text, host, i) => text.replaceAll(host, servers[i].url), code);

  for (let run = 0; run < 3; run++) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', local], { cwd: PACKAGE, stdio: ['ignore', 'ignore', 'inherit'] });
    const [status] = await once(child, 'exit');
    assert.equal(status, 0);
  }
  assert.equal(servers.slice(1).reduce((sum, { hits }) => sum + hits, 0), 3, 'every run was answered');
});
