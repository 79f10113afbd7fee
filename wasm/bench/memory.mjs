// Nothing grows: many picks, dropped picks, dropped calls and aborted fetches, and the memory after each quarter of them. It fails when what is in use
// after the first half grows by more than 2 MB in the second. `node --expose-gc bench/memory.mjs [SCALE]`; its output is `memory.txt`.
import { createServer } from 'node:http';
import { getEventListeners, once } from 'node:events';
import { createBalancer } from 'evenkeel';

const URLS = Array.from({ length: 10 }, (_, i) => `http://10.0.0.${i}`);
const scale = Number(process.argv[2] ?? 1);

async function settle() {
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function show(what, count, run) {
  const lb = createBalancer({ endpoints: URLS, hedge: false });
  const [used, resident] = [[], []];
  const loops = Math.round(count * scale);
  for (let quarter = 1; quarter <= 4; quarter++) {
    await run(lb, Math.round(loops / 4));
    await settle();
    const { heapUsed, external, rss } = process.memoryUsage();
    // The heap, and beside it the module's memory, which has the size of the most that was ever in it.
    used.push((heapUsed + external) / 2 ** 20);
    resident.push(rss / 2 ** 20);
  }
  const inFlight = lb.endpoints().reduce((sum, { inFlight }) => sum + inFlight, 0);
  const row = (marks, digits) => marks.map((mark) => mark.toFixed(digits).padStart(5)).join(' ');
  console.log(`${String(loops).padStart(9)} ${what.padEnd(16)} ${row(used, 1)}   ${row(resident, 0)}   ${String(inFlight).padStart(5)}`);
  if (used[3] - used[1] > 2) {
    console.error(`${what}: what is in use grows`);
    process.exitCode = 1;
  }
}

console.warn = () => {};
console.log('          MB after each quarter     in use                    resident              in flight');
await show('picks', 10_000_000, async (lb, loops) => {
  for (let i = 0; i < loops; i++) lb.pick().ok();
});
await show('dropped picks', 1_000_000, async (lb, loops) => {
  for (let i = 0; i < loops; i++) {
    lb.pick();
    if (i % 1000 === 0) await new Promise(setImmediate);
  }
});
await show('dropped calls', 300_000, async (lb, loops) => {
  for (let i = 0; i < loops; i++) {
    void lb.call(() => new Promise(() => {}));
    if (i % 1000 === 0) await new Promise(setImmediate);
  }
});
const server = createServer(() => {}).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}`;
let [most, left] = [0, 0];
const listeners = (signal) => getEventListeners(signal, 'abort').length;
await show('aborted fetches', 100_000, async (lb, loops) => {
  lb.update([url]);
  for (let i = 0; i < loops; i += 50) {
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from({ length: 50 }, () => lb.fetch('/', { signal }).catch(() => {}));
    await new Promise(setImmediate);
    most = Math.max(most, listeners(signal));
    controller.abort();
    await Promise.all(calls);
    left += listeners(signal);
  }
});
console.log(`at most ${most} listener on a signal that 50 of them share, and ${left} when they have ended`);
if (most !== 1 || left !== 0) process.exitCode = 1;
server.closeAllConnections();
server.close();
