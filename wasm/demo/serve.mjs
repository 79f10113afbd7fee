// Serves the demo and the built package to this machine: `npm run demo`.
import { createReadStream, existsSync, realpathSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDERS = ['demo', 'pkg'];
const [TEXT, OTHER] = [{ '.html': 'html', '.css': 'css', '.js': 'javascript' }, { '.wasm': 'application/wasm', '.png': 'image/png' }];

/** Starts to serve at a free port; resolves with the server and the demo's URL. */
export async function serve(port = 0) {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => end(response, 500));
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}/demo/` };
}

async function answer({ method, url }, response) {
  if (method !== 'GET' && method !== 'HEAD') return end(response, 405);
  const path = decoded(url.split('?')[0]);
  if (path === '/' || path === '/demo') return response.writeHead(302, { location: '/demo/' }).end();
  const file = path && (await within(path.endsWith('/') ? `${path}index.html` : path));
  const type = file && typeOf(extname(file));
  if (!type) return end(response, 404);
  const headers = { 'content-type': type, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' };
  response.writeHead(200, headers);
  if (method === 'HEAD') response.end();
  else createReadStream(file).on('error', () => response.destroy()).pipe(response);
}

function typeOf(extension) {
  return Object.hasOwn(TEXT, extension) ? `text/${TEXT[extension]}; charset=utf-8` : OTHER[extension];
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** The file of a path, if it is in a folder that is served, links followed. */
async function within(path) {
  if (path.includes('\0')) return undefined;
  const file = await realpath(join(ROOT, path)).catch(() => undefined);
  if (file === undefined || !(await stat(file)).isFile()) return undefined;
  for (const folder of FOLDERS) {
    const root = await realpath(join(ROOT, folder)).catch(() => undefined);
    if (root !== undefined && file.startsWith(root + sep)) return file;
  }
  return undefined;
}

function end(response, status) {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${status}\n`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (!existsSync(join(ROOT, 'pkg', 'index.js'))) {
    console.error('The package is not built yet: run `npm run build` in wasm/ first.');
    process.exitCode = 1;
  } else {
    const { url } = await serve();
    console.log(`The demo is at ${url} (Ctrl+C ends it)`);
  }
}
