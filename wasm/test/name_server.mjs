// BIND's named with a zone of its own, which speaks DNS over HTTPS (HTTP/2 without TLS, as behind a proxy), and a `fetch` that reaches it.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import http2 from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = '/usr/sbin/named';
export const MISSING = !existsSync(PROGRAM) && `${PROGRAM} is not installed`;

/** Starts it; its zone is `lb.test`, whose file is these records. Ends with the test. */
export async function nameServer(t, records) {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  // Distributions confine it by its path.
  copyFileSync(PROGRAM, join(folder, 'named'));
  writeFileSync(join(folder, 'zone'), `$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 17\n@ NS ns\nns A 127.0.0.1\n${records}\n`);
  for (let tries = 0; tries < 5; tries++) {
    const [dns, https] = [await freePort(), await freePort()];
    writeFileSync(join(folder, 'named.conf'), `controls {};
      options {
        directory "${folder}"; pid-file "${folder}/pid"; session-keyfile "${folder}/key"; managed-keys-directory "${folder}";
        listen-on port ${dns} { 127.0.0.1; }; listen-on port ${https} tls none http default { 127.0.0.1; }; listen-on-v6 { none; };
        recursion no; notify no; dnssec-validation no; empty-zones-enable no; minimal-responses no;
        max-records-per-type 0;
      };
      zone "lb.test" { type master; file "${folder}/zone"; };`);
    const child = spawn(join(folder, 'named'), ['-g', '-4', '-n', '1', '-c', join(folder, 'named.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'exit');
    t.after(async () => {
      if (child.exitCode === null) child.kill('SIGKILL');
      await ended;
    });
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('not loaded due to errors')) throw new Error(line);
      if (line.endsWith(' running')) {
        child.stderr.resume();
        return { url: `http://127.0.0.1:${https}/dns-query`, fetch: overHttp2(t, `http://127.0.0.1:${https}`) };
      }
      // Its port was taken in between.
      if (line.includes('address in use')) break;
    }
    child.kill('SIGKILL');
  }
  throw new Error('named does not start');
}

/** A `fetch` for GET over HTTP/2, which Node's own does not speak. */
function overHttp2(t, origin) {
  const session = http2.connect(origin);
  t.after(() => session.close());
  return async (url, { headers, signal } = {}) => {
    const { pathname, search } = new URL(url);
    const stream = session.request({ ':path': pathname + search, ...Object.fromEntries(new Headers(headers)) }, { signal });
    const [head] = await once(stream, 'response');
    const body = [];
    for await (const part of stream) body.push(part);
    const names = Object.keys(head).filter((name) => !name.startsWith(':'));
    return new Response(Buffer.concat(body), { status: head[':status'], headers: names.map((name) => [name, head[name]]) });
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
