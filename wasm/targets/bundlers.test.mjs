// Bundlers: what they make of the package does in Chromium what it has to.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import resolve from '@rollup/plugin-node-resolve';
import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import * as vite from 'vite';
import webpack from 'webpack';
import { ANSWERS, serve, servers } from './support.mjs';
import { CHROMIUM, MISSING } from './chromium.mjs';
import { project } from './project.mjs';
import { version, works } from './table.mjs';

const FILES = {
  'index.html': '<!doctype html><meta charset=utf-8><script type=module src=/main.js></script>',
  'main.js': `
    import { golden, requests } from './check.mjs';
    globalThis.check = async (servers) => {
      const files = await (await fetch('/golden.json')).json();
      return { golden: golden(files), requests: await requests(servers, 40) };
    };`,
};

/** Each makes files in the folder \`out\` of a project, as its documentation has it. */
const BUNDLERS = {
  esbuild: (folder) => esbuild({ absWorkingDir: folder, entryPoints: ['main.js'], bundle: true, minify: true, format: 'esm', outdir: 'out', logLevel: 'error' }),
  rollup: async (folder) => {
    const bundle = await rollup({ input: join(folder, 'main.js'), plugins: [resolve({ browser: true })], onwarn: (warning) => { throw new Error(warning.message); } });
    await bundle.write({ dir: join(folder, 'out'), format: 'es' });
    await bundle.close();
  },
  webpack: async (folder) => {
    const compiler = webpack({ mode: 'production', context: folder, entry: './main.js', output: { path: join(folder, 'out'), filename: 'main.js' }, performance: false });
    const stats = await new Promise((done, fail) => compiler.run((error, stats) => (error ? fail(error) : done(stats))));
    assert.equal(stats.toString({ all: false, errors: true, warnings: true }), '');
    await new Promise((done) => compiler.close(done));
  },
  vite: (folder) => vite.build({ root: folder, configFile: false, logLevel: 'error', build: { outDir: 'out', copyPublicDir: false, rollupOptions: { output: { entryFileNames: 'main.js' } } } }),
};

const NAMES = { esbuild: 'esbuild', rollup: 'Rollup', webpack: 'webpack', vite: 'Vite' };

let browser;
after(() => browser?.close());

/** What a page finds. */
async function check(t, url) {
  browser ??= await CHROMIUM();
  const page = await browser.newPage();
  t.after(() => page.close());
  await page.goto(url);
  await page.waitForFunction('globalThis.check');
  assert.deepEqual(await page.evaluate(`check(${JSON.stringify(await servers(t))})`), { golden: ANSWERS, requests: 40 });
}

for (const [name, make] of Object.entries(BUNDLERS)) test(NAMES[name], { skip: MISSING }, async (t) => {
  const folder = await project(t, FILES);
  await make(folder);
  const made = readdirSync(join(folder, 'out'), { recursive: true }).filter((file) => file.endsWith('.js'));
  const site = await serve(t, {
    '/': ['text/html', FILES['index.html']],
    '/golden.json': ['application/json', readFileSync(join(folder, 'golden.json'))],
    ...Object.fromEntries(made.map((file) => [`/${file}`, ['text/javascript', readFileSync(join(folder, 'out', file))]])),
  });
  await check(t, site.url);
  works(`${NAMES[name]} ${version(name)}`, name === 'vite' ? 'build, in Chromium' : 'in Chromium');
});

test('Vite, developing', { skip: MISSING }, async (t) => {
  const folder = await project(t, FILES);
  const server = await vite.createServer({ root: folder, configFile: false, logLevel: 'error', cacheDir: join(folder, 'cache'), server: { host: '127.0.0.1', port: 0, hmr: false, ws: false, watch: null } });
  t.after(() => server.close());
  await server.listen();
  const { port } = server.httpServer.address();
  await check(t, `http://127.0.0.1:${port}/`);
  works(`Vite ${version('vite')}`, 'dev, in Chromium');
});
