// Makes the package of what tsc has written: `node bundle.mjs FROM TO`. Each entry of package.json gets its JavaScript, and what they share is in
// files of its own; each gets its types in one file. Nothing is shipped twice but the module: as a file, and as text for those that cannot
// load one.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildSync, build } from 'esbuild';
import { roll } from './types.mjs';

const [, , folder, out] = process.argv;
const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const targets = new Set(JSON.stringify(exports).match(/pkg\/[\w.]+/g).map((path) => basename(path)));
const named = (end) => [...targets].filter((file) => file.endsWith(end));

/** What stays as it is: modules, and their text, which each entry imports from beside it. */
const KEPT = /\.(wasm(\?module)?|text\.js|module\.js)$/;
const kept = { name: 'kept', setup: (build) => build.onResolve({ filter: KEPT }, ({ path }) => ({ path, external: true })) };
/** Properties that nobody outside sees, and that are none of the platform's: minifiers of users leave the names of properties as they are. */
const INTERNAL = [
  'again', 'alone', 'anytime', 'asked', 'begun', 'broke', 'cap', 'checkGroup', 'clock', 'complete', 'doubt', 'ended', 'failed', 'faulty', 'fetched', 'follower',
  'forget', 'graceMs', 'hand', 'handed', 'handle', 'heard', 'idleMs', 'judgement', 'keep', 'net', 'ofAnswer', 'ofError', 'own', 'owner', 'path',
  'picker', 'prefix', 'repeat', 'reported', 'restart', 'result', 'retain', 'seeded', 'sent', 'sourceFailure', 'spec', 'stageKey', 'startedAt', 'step', 'take', 'tell',
  'tellEnded', 'tellSent', 'throwFault', 'ticket', 'toPick', 'told', 'touch', 'troubled', 'unhedged', 'usual', 'waits', 'watch', 'zoneNumber',
];
const mangleProps = new RegExp(`^(?:${INTERNAL.join('|')})$`);
const common = { bundle: true, target: 'es2022', charset: 'utf8', logLevel: 'error', mangleProps };
await build({ ...common, entryPoints: named('.js').map((file) => join(folder, file)), outdir: out, format: 'esm', splitting: true, chunkNames: 'shared-[hash]', plugins: [kept] });

// For `require` there is one bundle; it needs no text, as who loads it has files: bundlers take the ES modules even then ("module").
const COMMONJS = {
  'index.cjs': `const { lib, tryStart, FULL } = require('./all.cjs');
tryStart(() => require('node:fs').readFileSync(require('node:path').join(__dirname, 'lb.wasm')), FULL);
module.exports = lib;`,
  // Who has files has WebAssembly, and does not count bytes.
  'asm.cjs': `module.exports = require('./index.cjs');`,
  'lite.cjs': `module.exports = require('./index.cjs');`,
  'slim.cjs': `const { lib, start, FULL } = require('./all.cjs');\nmodule.exports = { ...lib, init: (module) => start(module, FULL) };`,
  'doh.cjs': `module.exports = require('./all.cjs').doh;`,
  'steering.cjs': `module.exports = require('./all.cjs').steering;`,
};
const missing = named('.cjs').filter((file) => !(file in COMMONJS));
if (missing.length > 0) throw new Error(`package.json exports ${missing.join(', ')}, which build/bundle.mjs does not make`);
const contents = ['lib', 'doh', 'steering'].map((name) => `export * as ${name} from './${name}.js';`).concat(`export { start, tryStart } from './start.js'; export { FULL } from './full.js';`).join('');
buildSync({ ...common, stdin: { contents, resolveDir: folder }, outfile: join(out, 'all.cjs'), format: 'cjs', charset: 'ascii' });
for (const [file, text] of Object.entries(COMMONJS)) writeFileSync(join(out, file), `'use strict';\n${text}\n`);

// Types are told once, for `require`; who imports is led there, which TypeScript allows in this direction only.
const types = roll(folder, named('.d.cts').map((file) => file.replace('.d.cts', '')));
const told = new RegExp(`^\\s+(?:readonly |get |static )*(${INTERNAL.join('|')})\\??[:(<]`, 'm');
for (const [entry, text] of types) {
  const [, name] = told.exec(text) ?? [];
  if (name) throw new Error(`${entry}.d.cts tells users of ${name}, which is shortened as if nobody outside saw it`);
  writeFileSync(join(out, `${entry}.d.cts`), text);
  writeFileSync(join(out, `${entry}.d.ts`), `export * from './${entry}.cjs';\n`);
}
writeFileSync(join(out, 'lb.wasm.d.ts'), 'declare const module: WebAssembly.Module;\nexport default module;\n');

for (const file of ['lb.wasm', 'lb.text.js', 'lite.text.js', 'asm.module.js']) copyFileSync(join(folder, file), join(out, file));
for (const file of targets) if (!existsSync(join(out, file))) throw new Error(`package.json exports ${file}, which was not made`);
