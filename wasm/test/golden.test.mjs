// The golden files of the core, replayed in Node; `targets/` replays them everywhere else.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import * as evenkeel from 'evenkeel';
import { replay } from './replay.mjs';

const GOLDEN = new URL('../../tests/golden/', import.meta.url);

const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.txt'));
assert.notEqual(files.length, 0, 'there are golden files');

for (const name of files) {
  test(name, () => assert.notEqual(replay(name, readFileSync(new URL(name, GOLDEN), 'utf8'), evenkeel), 0));
}
