// Versions of Node, and what runs tests in it: the package is imported, and required.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ANSWERS, HERE, servers } from './support.mjs';
import { project, run } from './project.mjs';
import { version, works } from './table.mjs';

const FILES = {
  'import.mjs': `
    import { readFileSync } from 'node:fs';
    import { doh } from 'evenkeel/doh';
    import { golden, requests } from './check.mjs';
    if (typeof doh !== 'function') throw new Error('no doh');
    const files = JSON.parse(readFileSync(new URL('golden.json', import.meta.url)));
    console.log(JSON.stringify({ golden: golden(files), requests: await requests(process.argv.slice(2), 40) }));`,
  'require.cjs': `
    const { readFileSync } = require('node:fs');
    const evenkeel = require('evenkeel');
    const { doh } = require('evenkeel/doh');
    if (typeof doh !== 'function') throw new Error('no doh');
    import('./replay.mjs').then(async ({ replay }) => {
      const files = JSON.parse(readFileSync(__dirname + '/golden.json'));
      const golden = Object.entries(files).reduce((sum, [name, text]) => sum + replay(name, text, evenkeel), 0);
      const lb = evenkeel.createBalancer({ endpoints: process.argv.slice(2) });
      let requests = 0;
      for (let i = 0; i < 40; i++) if ((await (await lb.fetch('/item?i=' + i)).text()) === 'item ' + i) requests++;
      console.log(JSON.stringify({ golden, requests }));
    });`,
};

const VERSIONS = { 'the one that runs the tests': process.execPath };
// Their packages are for Linux.
for (const name of ['node20', 'node24', 'node26']) {
  const program = `${HERE}node_modules/${name}/bin/node`;
  if (existsSync(program)) VERSIONS[version(name)] = program;
  else test(name, { skip: `${program} is not installed` });
}

for (const [name, program] of Object.entries(VERSIONS)) test(`Node, ${name}`, async (t) => {
  const [folder, urls] = [await project(t, FILES), await servers(t)];
  for (const [file, how] of [['import.mjs', 'import'], ['require.cjs', 'require']]) {
    const { stdout } = await run(program, [join(folder, file), ...urls]);
    assert.deepEqual(JSON.parse(stdout), { golden: ANSWERS, requests: 40 }, how);
    if (program !== process.execPath) works(`Node ${name}`, how);
  }
});

/** The same for what runs tests: its own kind of test file, which gets the servers from its environment. */
async function runner(t, program, args, files) {
  const folder = await project(t, files);
  const { stdout, stderr } = await run(process.execPath, [`${HERE}node_modules/${program}`, ...args(folder)], {
    cwd: folder,
    env: { ...process.env, SERVERS: (await servers(t)).join(' '), NODE_ENV: 'test', NO_COLOR: '1', FORCE_COLOR: '0' },
  });
  return stdout + stderr;
}

const SAME = `
  const lb = createBalancer({ endpoints: process.env.SERVERS.split(' ') });
  for (let i = 0; i < 40; i++) expect(await (await lb.fetch('/item?i=' + i)).text()).toBe('item ' + i);`;

test('Jest', async (t) => {
  const said = await runner(t, 'jest/bin/jest.js', (folder) => ['--rootDir', folder, '--ci', '--watchman=false', '--cacheDirectory', join(folder, 'cache'), '--runInBand'], {
    'package.json': '{ "private": true, "jest": { "transform": {} } }',
    'lb.test.js': `
      const { createBalancer } = require('evenkeel');
      const { doh } = require('evenkeel/doh');
      test('fetches', async () => { expect(typeof doh).toBe('function'); ${SAME} });`,
  });
  assert.match(said, /Tests: +1 passed, 1 total/);
  works(`Jest ${version('jest')}`, 'require');
});

test('Vitest', async (t) => {
  const said = await runner(t, 'vitest/vitest.mjs', (folder) => ['run', '--root', folder, '--globals'], {
    'lb.test.js': `
      import { createBalancer } from 'evenkeel';
      import { doh } from 'evenkeel/doh';
      test('fetches', async () => { expect(typeof doh).toBe('function'); ${SAME} });`,
  });
  assert.match(said, /Tests +1 passed \(1\)/);
  works(`Vitest ${version('vitest')}`, 'import');
});
