// The entries beside the default one, and what becomes of that where WebAssembly is forbidden.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

import { buildSync } from 'esbuild';

const PACKAGE = new URL('../', import.meta.url);
const A = 'https://a.example';

test('require gives the CommonJS build, which works', async () => {
  const require = createRequire(import.meta.url);
  assert.match(require.resolve('evenkeel'), /index\.cjs$/);
  const { Balancer } = require('evenkeel');
  assert.equal(await new Balancer({ endpoints: [A] }).call(({ url }) => url), A);
  assert.deepEqual(Object.keys(require('evenkeel')).sort(), Object.keys(await import('evenkeel')).sort());
});

test('the other entries can be required, and share what they have in common', async () => {
  const require = createRequire(import.meta.url);
  for (const name of ['doh', 'slim', 'steering']) {
    const [required, imported] = [require(`evenkeel/${name}`), await import(`evenkeel/${name}`)];
    assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort());
    assert.equal(required.SourceError, require('evenkeel').SourceError);
    assert.equal(imported.SourceError, (await import('evenkeel')).SourceError);
  }
});

test('who bundles for require gets ES modules all the same, and no file to look for', () => {
  const contents = `console.log(new (require('evenkeel').Balancer)({ endpoints: ['${A}'] }).pick().url)`;
  for (const platform of ['node', 'browser']) {
    const { outputFiles } = buildSync({ stdin: { contents, resolveDir: fileURLToPath(PACKAGE) }, bundle: true, write: false, format: 'cjs', platform });
    assert.doesNotMatch(outputFiles[0].text, /readFileSync/);
    const { stdout, stderr } = spawnSync(process.execPath, ['-'], { input: outputFiles[0].text, encoding: 'utf8' });
    assert.equal(stdout, `${A}\n`, stderr);
  }
});

test('of several entries in one page, the largest counts, unless another is in use', () => {
  const run = (script) => spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: PACKAGE, encoding: 'utf8' });
  const maglev = `createBalancer({ endpoints: ['${A}'], policy: 'maglev' }).pick().url`;
  for (const [first, second] of [['evenkeel/lite', 'evenkeel'], ['evenkeel', 'evenkeel/lite'], ['evenkeel/asm', 'evenkeel'], ['evenkeel', 'evenkeel/asm']]) {
    const { stdout, stderr } = run(`import { createBalancer as other } from '${first}'; import { createBalancer } from '${second}'; console.log(${maglev}, other === createBalancer);`);
    assert.equal(stdout, `${A} true\n`, stderr);
  }
  const late = run(`
    const { createBalancer: lite } = await import('evenkeel/lite');
    const lb = lite({ endpoints: ['${A}'] });
    const { createBalancer } = await import('evenkeel');
    try { ${maglev}; } catch (error) { console.log(error.message, lb.pick().url); }`);
  assert.match(late.stdout, /^evenkeel\/lite has the policies .* https:\/\/a\.example\n$/, late.stderr);
});

test('slim works once it has its module, and says so before', () => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { Balancer, RetryBudget, init } from 'evenkeel/slim';
    for (const make of [() => new Balancer(), () => new RetryBudget()]) {
      try { make(); console.log('made'); } catch (error) { console.log(error.message); }
    }
    init(readFileSync(new URL(import.meta.resolve('evenkeel/lb.wasm'))));
    console.log(new Balancer({ endpoints: ['${A}'] }).pick().url);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: PACKAGE, encoding: 'utf8' });
  const refusal = 'evenkeel is not started: call init of evenkeel/slim first';
  assert.equal(stdout, `${refusal}\n${refusal}\n${A}\n`, stderr);
});

test('in edge runtimes, the module is imported as they want it', () => {
  const plugin = readFileSync(new URL('pkg/edge.js', PACKAGE), 'utf8');
  assert.match(plugin, /from "\.\/lb\.wasm\?module"/);
  const script = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(\`
      export const load = (url, context, next) => !url.endsWith('.wasm?module') ? next(url, context) : {
        format: 'module',
        shortCircuit: true,
        source: 'import { readFileSync } from "node:fs";' +
          'export default new WebAssembly.Module(readFileSync(new URL(' + JSON.stringify(url.replace('?module', '')) + ')))',
      };\`));
    const { Balancer } = await import('evenkeel');
    console.log(new Balancer({ endpoints: ['${A}'] }).pick().url);`;
  const options = ['--conditions=edge-light', '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync(process.execPath, options, { cwd: PACKAGE, encoding: 'utf8' });
  assert.equal(stdout, `${A}\n`, stderr);
});

test('where compiling is forbidden, importing throws nothing, and using tells why', () => {
  const entryPoints = [fileURLToPath(new URL('pkg/index.js', PACKAGE))];
  const options = { bundle: true, format: 'iife', globalName: 'evenkeel', write: false, entryPoints };
  const context = vm.createContext({ TextDecoder, TextEncoder, performance, URL }, { codeGeneration: { wasm: false } });
  vm.runInContext(buildSync(options).outputFiles[0].text, context);
  for (const made of ['Balancer', 'RetryBudget', 'TokenThrottle']) {
    assert.throws(() => vm.runInContext(`new evenkeel.${made}()`, context), ({ message, cause }) => {
      assert.match(message, /a Content-Security-Policy must allow 'wasm-unsafe-eval'/);
      return cause.name === 'CompileError';
    });
  }
});
