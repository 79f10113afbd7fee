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

test('lite balances, ejects and fetches, and tells what it has not', async () => {
  const { createBalancer, Balancer } = await import('evenkeel/lite');
  const seen = [];
  const fetch = async (url) => {
    seen.push(url);
    return new Response('ok', { status: url.startsWith(A) ? 500 : 200 });
  };
  for (const policy of ['round_robin', 'weighted_round_robin', 'random', 'least_request', 'peak_ewma']) {
    const lb = createBalancer({ endpoints: [A, 'https://b.example'], policy, fetch, seed: 1, retry: { budget: false } });
    for (let request = 0; request < 20; request++) {
      assert.equal((await lb.fetch('/x')).status, 200);
      if (policy === 'peak_ewma') lb.pick({ avoid: ['https://b.example'] })?.fail();
    }
    if (policy !== 'least_request' && policy !== 'random') assert.ok(lb.endpoints()[0].failures > 0, policy);
    assert.throws(() => lb.state(), /^Error: evenkeel\/lite keeps no state/);
  }
  assert.equal(seen.length > 100, true);
  assert.throws(() => createBalancer({ endpoints: [A], policy: 'maglev' }), /RangeError: evenkeel\/lite has the policies round_robin, .*, not "maglev"/);
  assert.throws(() => createBalancer({ endpoints: [A], eject: false }), /RangeError: evenkeel\/lite has the default settings, and takes no eject/);
  assert.throws(() => createBalancer({ endpoints: [A], slowStartMs: 1 }), /TypeError: options has no "slowStartMs"/);
  assert.throws(() => new Balancer({ endpoints: [A], config: { slowStartMs: 1 } }), /takes no slowStartMs/);
  assert.deepEqual(Object.keys(await import('evenkeel/lite')).sort(), Object.keys(await import('evenkeel')).sort());
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
