// What two well-known checkers of packages say of what is published: nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { pack } from './project.mjs';

test('publint', async () => {
  const tarball = new Uint8Array(readFileSync(await pack())).buffer;
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test('are the types wrong: no, for import and require, Node and bundlers', async () => {
  const { problems, entrypoints } = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(await pack()))), { excludeEntrypoints: ['./lb.wasm'] });
  assert.deepEqual(Object.keys(entrypoints).sort(), ['.', './asm', './doh', './lite', './package.json', './slim', './steering']);
  // TypeScript's rules before Node had any ("node10") know no subpaths.
  assert.deepEqual(problems.filter(({ resolutionKind }) => resolutionKind !== 'node10'), []);
});
