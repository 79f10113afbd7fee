// A project that has installed the package as it is published.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { FILES, HERE } from './support.mjs';

export const run = promisify(execFile);

let packed;

/** What `npm pack` makes: the path of its file. */
export function pack() {
  packed ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: join(HERE, '..') });
    return join(folder, stdout.trim().split('\n').at(-1));
  })();
  return packed;
}

/** A folder with the package, what every target has to do (`check.mjs`), and these files; it is gone when the test ends. */
export async function project(t, files = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const place = join(folder, 'node_modules/evenkeel');
  mkdirSync(place, { recursive: true });
  await run('tar', ['--extract', '--gzip', '--strip-components=1', '--directory', place, '--file', await pack()]);
  const own = {
    'package.json': '{ "private": true, "type": "module" }',
    'check.mjs': readFileSync(`${HERE}check.mjs`, 'utf8').replace('../test/replay.mjs', './replay.mjs'),
    'golden.json': JSON.stringify(FILES),
    'public/golden.json': JSON.stringify(FILES),
    ...files,
  };
  for (const [name, text] of Object.entries(own)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  copyFileSync(`${HERE}../test/replay.mjs`, join(folder, 'replay.mjs'));
  return folder;
}
