// The module inside the script: it arrives whatever bundlers and charsets do to it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

import { buildSync } from 'esbuild';

const PACKAGE = new URL('../pkg/', import.meta.url);

/** The package as one classic script. */
function bundle(options) {
  const entryPoints = [fileURLToPath(new URL('index.js', PACKAGE))];
  return buildSync({ bundle: true, format: 'iife', globalName: 'evenkeel', write: false, entryPoints, ...options }).outputFiles[0].contents;
}

/** Runs the script as a page would that takes it for text of this charset. */
function works(script, charset) {
  const context = { WebAssembly, TextDecoder, TextEncoder, Uint8Array, performance, crypto, URL };
  vm.runInNewContext(new TextDecoder(charset).decode(script), context);
  assert.equal(vm.runInContext(`new evenkeel.Balancer({ endpoints: ['https://a.example'] }).pick().url`, context), 'https://a.example');
}

for (const charset of ['utf8', 'ascii']) {
  for (const minify of [true, false]) {
    test(`bundled for ${charset}${minify ? ', minified' : ''}`, () => works(bundle({ charset, minify }), 'utf-8'));
  }
}

for (const charset of ['windows-1252', 'gbk', 'euc-kr']) {
  test(`read as ${charset}`, () => works(bundle({ charset: 'utf8', minify: true }), charset));
}

test('the text is the module', async () => {
  const { swaps, text } = await import('../pkg/lb.text.js');
  const meant = Uint8Array.from({ length: 256 }, (_, code) => code);
  for (let at = 0; at < swaps.length; at += 2) [meant[swaps[at]], meant[swaps[at + 1]]] = [swaps[at + 1], swaps[at]];
  const codes = text.replace(/([~\x7f])([^])/g, (_, first, next) => (first === '~' ? String.fromCharCode(128 + next.charCodeAt(0)) : next));
  assert.deepEqual(Buffer.from(codes, 'latin1').map((code) => meant[code]), readFileSync(new URL('lb.wasm', PACKAGE)));
});
