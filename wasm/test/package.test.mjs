// What is shipped: the module, the entries, the types.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';

const PACKAGE = new URL('../', import.meta.url);

function node(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: PACKAGE, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

test('the module needs nothing, and is small', () => {
  const bytes = readFileSync(new URL('pkg/lb.wasm', PACKAGE));
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), []);
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

// How TypeScript finds types: as Node does, of which year, or as bundlers do.
for (const [module, moduleResolution] of [['node16', 'node16'], ['nodenext', 'nodenext'], ['esnext', 'bundler']]) {
  test(`the types are as documented: ${moduleResolution}, and nothing in them is skipped`, () => {
    // Without a file of settings, the files are those named; bundlers have no `import x = require()`.
    const files = ['test/types.ts', ...(moduleResolution === 'bundler' ? [] : ['test/types.cts'])];
    const options = { target: 'es2022', lib: 'es2022,esnext.disposable,dom', types: '', module, moduleResolution, skipLibCheck: 'false' };
    const flags = Object.entries({ ...options, strict: 'true', exactOptionalPropertyTypes: 'true', noEmit: 'true', ignoreConfig: 'true' });
    node('node_modules/typescript/bin/tsc', ...flags.flatMap(([name, value]) => [`--${name}`, value]), ...files);
  });
}

test('what is shipped: each entry, what entries share, and nothing twice', () => {
  const { stdout, stderr, status } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: PACKAGE, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const packed = JSON.parse(stdout);
  const { files } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  const names = files.map(({ path }) => path.replace(/shared-\w+/, 'shared')).sort();
  const entries = ['asm', 'doh', 'index', 'lite', 'slim', 'steering'].flatMap((name) => ['.cjs', '.d.cts', '.d.ts', '.js'].map((end) => `pkg/${name}${end}`));
  const others = ['pkg/LICENSE-APACHE', 'pkg/LICENSE-MIT', 'pkg/all.cjs', 'pkg/asm.module.js', 'pkg/edge.js', 'pkg/lb.text.js', 'pkg/lb.wasm', 'pkg/lb.wasm.d.ts', 'pkg/lite.text.js', 'pkg/workerd.js'];
  const shared = names.filter((name) => name === 'pkg/shared.js');
  assert.deepEqual(names, ['README.md', 'package.json', ...entries, ...others, ...shared].sort());

  // The module is there as a file and as text, the small one as text; no code is in two files of ES modules.
  const magic = files.filter(({ path }) => readFileSync(new URL(path, PACKAGE), 'latin1').includes('asm\x01\0\0\0') || /^export const text = "/m.test(readFileSync(new URL(path, PACKAGE), 'utf8')));
  assert.deepEqual(magic.map(({ path }) => path).sort(), ['pkg/lb.text.js', 'pkg/lb.wasm', 'pkg/lite.text.js']);
  const seen = new Map();
  for (const { path } of files.filter(({ path }) => path.endsWith('.js') && !/\.(text|module)\.js$/.test(path))) {
    for (const [code] of readFileSync(new URL(path, PACKAGE), 'utf8').matchAll(/^(?:async )?(?:function|class) (\w+)[^\n]*\n(?:[^}\n][^\n]*\n){3,}/gm)) {
      assert.ok(!seen.has(code), `${path} and ${seen.get(code)} both have ${code.slice(0, 60)}`);
      seen.set(code, path);
    }
  }
  assert.ok(seen.size > 20, `${seen.size}`);
});

test('who imports the parts below alone downloads two thirds of the entry without its module', () => {
  const size = (names) => {
    const stdin = { contents: `export { ${names} } from './pkg/slim.js'`, resolveDir: fileURLToPath(PACKAGE) };
    return gzipSync(buildSync({ stdin, bundle: true, minify: true, format: 'esm', target: 'es2022', write: false }).outputFiles[0].contents).length;
  };
  const [parts, all] = [size('Balancer, Call, init'), size('createBalancer, Balancer, Call, init')];
  assert.ok(parts < 0.7 * all, `${parts} of ${all}`);
});
