// `npm pack` where nothing is built yet: it builds first, or refuses. What it starts is stood in for: it takes minutes, and the network.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

const npm = process.env.PATH.split(delimiter).map((folder) => join(folder, 'npm')).find((file) => existsSync(file));

/** Packs a clone whose scripts find this as `npm` and `cargo`. */
function pack(t, { ci, cargo }) {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [clone, stands] = [join(folder, 'wasm'), join(folder, 'bin')];
  for (const name of [clone, stands]) mkdirSync(name);
  for (const name of ['package.json', 'package-lock.json', 'README.md']) copyFileSync(new URL(`../${name}`, import.meta.url), join(clone, name));
  const stand = (name, script) => writeFileSync(join(stands, name), `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n${script}\n`, { mode: 0o755 });
  stand('npm', `if [ "$1" = ci ]; then ${ci}; exit; fi\nexec "${npm}" "$@"`);
  stand('cargo', cargo);
  const { status, stderr } = spawnSync(npm, ['pack', '--json', '--offline'], { cwd: clone, encoding: 'utf8', env: { ...process.env, PATH: stands + delimiter + process.env.PATH } });
  const files = readdirSync(clone).filter((name) => name.endsWith('.tgz')).flatMap((name) => spawnSync('tar', ['--list', '--file', join(clone, name)], { encoding: 'utf8' }).stdout.trim().split('\n'));
  return { status, stderr, files, calls: readFileSync(join(folder, 'calls'), 'utf8') };
}

test('it installs what it needs, builds, and packs what was built', (t) => {
  const { status, stderr, files, calls } = pack(t, { ci: 'true', cargo: 'mkdir pkg && echo built > pkg/index.js' });
  assert.equal(status, 0, stderr);
  assert.match(calls, /^npm ci --ignore-scripts.*\nnpm run build\ncargo run -p evenkeel-wasm-build\n$/);
  assert.deepEqual(files.sort(), ['package/README.md', 'package/package.json', 'package/pkg/index.js']);
});

for (const [what, stands] of [['what it needs', { ci: 'false', cargo: 'true' }], ['the build', { ci: 'true', cargo: 'false' }]]) {
  test(`without ${what}, it refuses`, (t) => {
    const { status, files } = pack(t, stands);
    assert.notEqual(status, 0);
    assert.deepEqual(files, []);
  });
}
