// The golden files of the core, replayed in Node; `targets/` replays them everywhere else.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import * as evenkeel from 'evenkeel';
import { replay } from './replay.mjs';

const GOLDEN = new URL('../../tests/golden/', import.meta.url);

const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.txt'));
assert.notEqual(files.length, 0, 'there are golden files');

if (process.env.ENTRY) {
  const entry = await import(process.env.ENTRY);
  for (const name of files) assert.notEqual(replay(name, readFileSync(new URL(name, GOLDEN), 'utf8'), entry), 0);
} else {
  // In a process of its own: of several entries in one, one counts.
  test('the same in JavaScript without WebAssembly', () => {
    const env = { ...process.env, ENTRY: 'evenkeel/asm' };
    delete env.NODE_TEST_CONTEXT;
    const code = 'delete globalThis.WebAssembly; await import(process.argv[1]);';
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code, import.meta.url], { env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
}

for (const name of process.env.ENTRY ? [] : files) {
  test(name, () => assert.notEqual(replay(name, readFileSync(new URL(name, GOLDEN), 'utf8'), evenkeel), 0));
}
