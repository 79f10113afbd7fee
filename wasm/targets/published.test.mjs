// What two well-known checkers of packages say of what is published: nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { HERE } from './support.mjs';
import { pack, project, run } from './project.mjs';
import { version, works } from './table.mjs';

test('publint', async () => {
  const tarball = new Uint8Array(readFileSync(await pack())).buffer;
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test('are the types wrong: no, for import and require, Node and bundlers', async () => {
  const { problems, entrypoints } = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(await pack()))), { excludeEntrypoints: ['./lb.wasm'] });
  assert.deepEqual(Object.keys(entrypoints).sort(), ['.', './asm', './doh', './lite', './package.json', './slim', './steering']);
  // TypeScript's rules before Node had any ("node10") know no subpaths: they find the default entry.
  assert.deepEqual(problems.filter(({ resolutionKind, entrypoint }) => resolutionKind !== 'node10' || entrypoint === '.'), []);
});

test('the types hold in an older TypeScript, and nothing in them is skipped', async (t) => {
  const compilerOptions = {
    target: 'es2022', lib: ['es2022', 'esnext.disposable', 'dom'], types: [], module: 'nodenext', strict: true, exactOptionalPropertyTypes: true, noEmit: true,
  };
  const files = Object.fromEntries(['types.ts', 'types.cts'].map((name) => [name, readFileSync(`${HERE}../test/${name}`, 'utf8')]));
  const folder = await project(t, { ...files, 'tsconfig.json': JSON.stringify({ compilerOptions, files: Object.keys(files) }) });
  const { stdout } = await run(process.execPath, [`${HERE}node_modules/typescript/bin/tsc`, '--project', folder]).catch((error) => error);
  assert.equal(stdout, '');
  works(`TypeScript ${version('typescript')}`, 'import and require');
});
