// What is shipped: the module, the entries, the types.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PACKAGE = new URL('../', import.meta.url);

function node(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: PACKAGE, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

test('the module needs nothing but its glue, and is small', () => {
  const bytes = readFileSync(new URL('pkg/lb.wasm', PACKAGE));
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  assert.deepEqual([...new Set(imports.map(({ module }) => module))], ['./glue_bg.js']);
  assert.match(node('build/sizes.mjs', 'pkg/lb.wasm'), /gzipped/);
});

test('in Workers, nothing forbidden happens at module scope', () => {
  const script = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(\`
      export const load = (url, context, next) => !url.endsWith('.wasm') ? next(url, context) : {
        format: 'module',
        shortCircuit: true,
        source: 'import { readFileSync } from "node:fs";' +
          'export default new WebAssembly.Module(readFileSync(new URL(' + JSON.stringify(url) + ')))',
      };\`));
    const banned = [[crypto, 'getRandomValues'], [globalThis, 'setTimeout'], [globalThis, 'atob'], [AbortSignal, 'timeout']];
    const allow = banned.map(([object, name]) => {
      const original = object[name];
      object[name] = () => { throw new Error(name + ' at module scope'); };
      return () => { object[name] = original; };
    });
    const { Balancer } = await import('evenkeel');
    const balancer = new Balancer({ endpoints: ['https://a.example'] });
    allow.forEach((allow) => allow());
    console.log(await balancer.call(({ url }) => url, { attemptTimeoutMs: 1000 }));`;
  assert.equal(node('--conditions=workerd', '--input-type=module', '--eval', script).trim(), 'https://a.example');
});

test('the types are as documented', () => {
  node('node_modules/typescript/bin/tsc', '--project', fileURLToPath(new URL('test/tsconfig.json', PACKAGE)));
});
