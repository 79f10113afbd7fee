// Nothing grows: many picks, dropped picks, dropped calls and aborted fetches, and the memory after each. `node --expose-gc bench/memory.mjs`
import { createServer } from 'node:http';
import { once } from 'node:events';
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
  const marks = [];
  const loops = Math.round(count * scale);
  for (const part of [0.1, 0.9]) {
    await run(lb, Math.round(loops * part));
    await settle();
    marks.push((process.memoryUsage().rss / 2 ** 20).toFixed(0));
  }
  const inFlight = lb.endpoints().reduce((sum, { inFlight }) => sum + inFlight, 0);
  console.log(`${String(loops).padStart(9)} ${what.padEnd(18)} ${marks.map((mark) => mark.padStart(5)).join(' → ')} MB   ${inFlight} in flight`);
}

console.warn = () => {};
console.log('                             memory after a tenth, and after all');
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
const caller = new AbortController();
let listeners = 0;
for (const [name, change] of [['addEventListener', 1], ['removeEventListener', -1]]) {
  const original = caller.signal[name].bind(caller.signal);
  caller.signal[name] = (...args) => (listeners += change, original(...args));
}
await show('aborted fetches', 100_000, async (lb, loops) => {
  lb.update([url]);
  for (let i = 0; i < loops; i += 50) {
    await Promise.all(Array.from({ length: 50 }, async () => {
      const own = new AbortController();
      const call = lb.fetch('/', { signal: own.signal }).catch(() => {});
      await new Promise(setImmediate);
      own.abort();
      await call;
    }));
  }
});
console.log(`${listeners} listeners on a signal that is shared`);
server.closeAllConnections();
server.close();
