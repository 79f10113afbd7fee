// Prints what a user downloads of each module, and fails when it is more than it may be:
// `node sizes.mjs FILE ...`.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

/** The most bytes: as it is, gzipped, with brotli. */
const LIMITS = {
  'lb.wasm': { raw: 134_700, gzip: 62_900, brotli: 53_800 },
  'five.wasm': { raw: 75_700, gzip: 35_200, brotli: 30_400 },
};

for (const file of process.argv.slice(2)) {
  const [name, bytes] = [basename(file), readFileSync(file)];
  const sizes = { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length };
  console.log(`${name}: ${sizes.raw} bytes, ${sizes.brotli} with brotli, ${sizes.gzip} gzipped`);
  for (const [how, most] of Object.entries(LIMITS[name])) {
    if (sizes[how] <= most) continue;
    console.error(`${name}: ${how} is ${sizes[how]}; the most is ${most}`);
    process.exitCode = 1;
  }
}
