// One bad upstream of four, 400 GETs, 8 at a time: hits on the bad one, errors seen, answer times. `node bench/upstreams.mjs` prints the
// table beside undici's BalancedPool, with and without its RetryAgent around it; all with their defaults.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const SELF = fileURLToPath(import.meta.url);

/** How the bad upstream answers; a closed port does not. */
export const FAULTS = {
  'always 500': (_, response) => response.writeHead(500).end('bad'),
  '+200 ms': (_, response) => setTimeout(() => response.end('late'), 200),
  'closed port': null,
  hangs: () => {},
  '503, Retry-After: 1': (_, response) => response.writeHead(503, { 'retry-after': '1' }).end('busy'),
  'reset in the body': (_, response) => {
    response.writeHead(200, { 'content-length': '2' });
    response.write('o');
    setImmediate(() => response.destroy());
  },
};

/** For clients without time-outs of their own that are short enough to wait for. */
const PATIENCE = 1500;

/** Starts an upstream in this process, which tells its port and, when asked, its hits. */
async function upstream(fault) {
  let hits = 0;
  const handler = FAULTS[fault] ?? ((_, response) => response.end('ok'));
  const server = createServer((...args) => {
    hits++;
    handler(...args);
  });
  process.on('message', () => process.send({ hits }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  if (fault in FAULTS && !FAULTS[fault]) await new Promise((resolve) => server.close(resolve));
  process.send({ port });
}

/** Asks the good ones until they and this process are compiled: at first, they take as long as a bad one. */
async function warm(urls, at) {
  for (let round = 0; round < 10; round++) {
    const asked = urls.flatMap((url) => Array.from({ length: at }, () => fetch(url)));
    await Promise.all(asked.map(async (response) => (await response).text()));
  }
}

/** Runs `requests` GETs, `at` at a time, over one bad upstream and three good ones. */
export async function run(fault, client, { requests = 400, at = 8 } = {}) {
  const children = [fault, 'good', 'good', 'good'].map((fault) => fork(SELF, ['upstream', fault]));
  try {
    const ports = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0].port));
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    await warm(urls.slice(1), at);
    const { get, close } = await client(urls);
    const times = [];
    let [errors, left] = [0, requests];
    await Promise.all(Array.from({ length: at }, async () => {
      while (left-- > 0) {
        const begun = performance.now();
        try {
          if ((await get()) !== 200) errors++;
        } catch {
          errors++;
        }
        times.push(performance.now() - begun);
      }
    }));
    children[0].send('hits');
    const [{ hits }] = await once(children[0], 'message');
    await close?.();
    times.sort((a, b) => a - b);
    return { hits, errors, p99: times[Math.ceil(times.length * 0.99) - 1], max: times.at(-1) };
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** `lb.fetch`, with its defaults. */
export async function ours(urls) {
  const { createBalancer } = await import('evenkeel');
  const lb = createBalancer({ endpoints: urls });
  return {
    async get() {
      const response = await lb.fetch('/');
      await response.text();
      return response.status;
    },
  };
}

async function undici(urls, wrap) {
  const { BalancedPool, RetryAgent } = await import('undici');
  const pool = new BalancedPool(urls);
  const agent = wrap ? new RetryAgent(pool) : pool;
  return {
    async get() {
      const { statusCode, body } = await agent.request({ origin: urls[0], path: '/', method: 'GET', signal: AbortSignal.timeout(PATIENCE) });
      await body.text();
      return statusCode;
    },
    close: () => pool.destroy(),
  };
}

const CLIENTS = {
  BalancedPool: (urls) => undici(urls, false),
  'RetryAgent over it': (urls) => undici(urls, true),
  'evenkeel lb.fetch': ours,
};

if (process.argv[2] === 'upstream') await upstream(process.argv[3]);
else if (process.argv[1] === SELF) {
  console.log('One bad upstream of four, 400 GETs, 8 at a time: hits on the bad one, errors seen, p99 and longest in ms.');
  console.log(`undici gives up after ${PATIENCE} ms.\n`);
  console.log('bad one'.padEnd(20), Object.keys(CLIENTS).map((name) => name.padStart(28)).join(''));
  for (const fault of Object.keys(FAULTS)) {
    const cells = [];
    for (const client of Object.values(CLIENTS)) {
      const { hits, errors, p99, max } = await run(fault, client);
      cells.push([FAULTS[fault] ? hits : '–', errors, Math.round(p99), Math.round(max)].join(', ').padStart(28));
    }
    console.log(fault.padEnd(20), cells.join(''));
  }
}
