// The table of targets, `targets.txt`: where the package has been tried. Each line is a test that passed; one that passes and is not in the table
// fails, unless the table is to be written anew: `EVENKEEL_BLESS=1 node --test --test-concurrency=1 'wasm/targets/*.test.mjs'`.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('targets.txt', import.meta.url);

/** It works there, in this way. Versions are those of package.json; what the machine brings along is named without. */
export function works(target, how) {
  const line = `${target.padEnd(26)}${how}`;
  const lines = readFileSync(FILE, 'utf8').split('\n').filter(Boolean);
  if (lines.includes(line)) return;
  assert.ok(process.env.EVENKEEL_BLESS, `targets.txt has no line ${JSON.stringify(line)}: EVENKEEL_BLESS=1 writes it`);
  // Another version of the same takes its line; each release line of Node is something else.
  const name = (line) => line.replace(/^(Node \d+|[^\d]*[^\d ])[ \d.]*/, '$1 ');
  const kept = lines.filter((other) => name(other) !== name(line));
  writeFileSync(FILE, `${[...kept, line].sort(new Intl.Collator('en', { numeric: true }).compare).join('\n')}\n`);
}

/** The version of a package that is installed here. */
export function version(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version.replace(/^v/, '');
}
