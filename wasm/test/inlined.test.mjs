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

test('read as windows-1252', () => works(bundle({ charset: 'utf8', minify: true }), 'windows-1252'));

test('read in a charset that loses characters', () => {
  assert.throws(() => works(bundle({ charset: 'utf8' }), 'shift_jis'), /another charset than UTF-8|SyntaxError|Invalid/);
});

test('the text is the module', async () => {
  const { text, length } = await import('../pkg/lb.text.js');
  assert.equal(length, text.length);
  assert.deepEqual(Buffer.from(text, 'latin1'), readFileSync(new URL('lb.wasm', PACKAGE)));
});
