// Prints what a user downloads, and fails when it is more than it may be: `node sizes.mjs FILE ...`. A module is taken as it is, an
// entry as esbuild bundles it for browsers, minified, with all that it imports. `--write` puts the table into `wasm/sizes.txt`.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import { buildSync } from 'esbuild';

/** The most bytes: as it is, gzipped, with brotli. */
const LIMITS = {
  'lb.wasm': { raw: 119_700, gzip: 57_600, brotli: 50_100 },
  'lite.wasm': { raw: 68_800, gzip: 33_500, brotli: 29_500 },
  'index.js': { raw: 181_200, gzip: 79_700, brotli: 70_850 },
  'lite.js': { raw: 120_900, gzip: 53_520, brotli: 47_760 },
  // Without the module.
  'slim.js': { raw: 56_900, gzip: 21_360, brotli: 19_320 },
  'asm.js': { raw: 342_400, gzip: 115_060, brotli: 95_820 },
  // Alone; beside the default entry, 4.8 and 1.9 KB gzipped.
  'doh.js': { raw: 15_300, gzip: 6_200, brotli: 5_600 },
  'steering.js': { raw: 7_800, gzip: 3_400, brotli: 3_100 },
};

function download(file) {
  if (!file.endsWith('.js')) return readFileSync(file);
  const options = { bundle: true, minify: true, format: 'esm', charset: 'utf8', target: 'es2022', write: false };
  return buildSync({ ...options, entryPoints: [file] }).outputFiles[0].contents;
}

const write = process.argv.includes('--write');
const lines = [];
for (const file of process.argv.slice(2).filter((argument) => argument !== '--write')) {
  const [name, bytes] = [basename(file), download(file)];
  const sizes = { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length };
  lines.push(`${name}: ${sizes.raw} bytes, ${sizes.brotli} with brotli, ${sizes.gzip} gzipped`);
  console.log(lines.at(-1));
  for (const [how, most] of Object.entries(LIMITS[name])) {
    if (sizes[how] <= most) continue;
    console.error(`${name}: ${how} is ${sizes[how]}; the most is ${most}`);
    process.exitCode = 1;
  }
}
if (write) writeFileSync(new URL('../sizes.txt', import.meta.url), `${lines.join('\n')}\n`);
