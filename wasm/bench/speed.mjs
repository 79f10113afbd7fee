// What a pick, a call and a fetch cost beside what people use: ratios within one run, of 5 repeats the median. `node bench/speed.mjs`
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { handleAll, retry, timeout, TimeoutStrategy, wrap } from 'cockatiel';
import { createBalancer } from 'evenkeel';

const SELF = fileURLToPath(import.meta.url);
const URLS = Array.from({ length: 10 }, (_, i) => `http://10.0.0.${i}`);

/** A balancer by hand: of two endpoints at random the one with fewer requests in flight, or the lower estimate times those. */
class Twin {
  #endpoints;
  #cost;
  constructor(urls, cost) {
    this.#endpoints = urls.map((url) => ({ url, inFlight: 0, ewma: 0, stamp: 0 }));
    this.#cost = cost;
  }
  pick() {
    const all = this.#endpoints;
    const first = Math.floor(Math.random() * all.length);
    let second = Math.floor(Math.random() * (all.length - 1));
    if (second >= first) second++;
    const [a, b] = [all[first], all[second]];
    const picked = this.#cost(a) <= this.#cost(b) ? a : b;
    picked.inFlight++;
    return picked;
  }
  report(picked, now, took) {
    picked.inFlight--;
    const weight = Math.exp((picked.stamp - now) / 10_000);
    picked.ewma = took > picked.ewma ? took : took + (picked.ewma - took) * weight;
    picked.stamp = now;
  }
}

function nanosOf(loops, run) {
  const begun = performance.now();
  run(loops);
  return ((performance.now() - begun) * 1e6) / loops;
}

async function nanosOfAsync(loops, run) {
  const begun = performance.now();
  for (let i = 0; i < loops; i++) await run();
  return ((performance.now() - begun) * 1e6) / loops;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

/** Each in turn, 5 times; prints the medians and the ratio of the first to the second. */
async function compare(name, goal, ours, theirs, unit = 'ns') {
  const times = [[], []];
  for (let repeat = 0; repeat < 6; repeat++) {
    for (const [place, run] of [ours, theirs].entries()) {
      const time = await run();
      if (repeat > 0) times[place].push(time); // the first warms up
    }
  }
  const [a, b] = times.map(median);
  console.log(`${name.padEnd(58)} ${a.toFixed(0).padStart(8)} ${b.toFixed(0).padStart(8)} ${unit}  ${(a / b).toFixed(2)}x (goal ${goal}x)`);
}

async function picks() {
  for (const [policy, cost] of [['least_request', ({ inFlight }) => inFlight], ['peak_ewma', ({ inFlight, ewma }) => ewma * (inFlight + 1)]]) {
    const lb = createBalancer({ endpoints: URLS, policy, seed: 1, now: () => 1000 });
    const twin = new Twin(URLS, cost);
    await compare(
      `${policy}: pick and report, beside a plain JavaScript twin`,
      1.5,
      () => nanosOf(1_000_000, (loops) => { for (let i = 0; i < loops; i++) lb.pick().ok(); }),
      () => nanosOf(1_000_000, (loops) => { for (let i = 0; i < loops; i++) twin.report(twin.pick(), 1000, 1); }),
    );
  }
}

async function calls() {
  const lb = createBalancer({ endpoints: URLS, hedge: false });
  const ready = async () => 1;
  const bare = retry(handleAll, { maxAttempts: 3 });
  const bounded = wrap(bare, timeout(1000, TimeoutStrategy.Cooperative));
  await compare('lb.call of a ready promise, beside cockatiel\'s retry', 3, () => nanosOfAsync(50_000, () => lb.call(ready)), () => nanosOfAsync(50_000, () => bare.execute(ready)));
  await compare('the same with an attempt time-out', 0.4, () => nanosOfAsync(20_000, () => lb.call(ready, TIMED)), () => nanosOfAsync(20_000, () => bounded.execute(ready)));
}

const TIMED = { attemptTimeoutMs: 1000 };

async function fetches() {
  const child = fork(SELF, ['serve']);
  const [url] = await once(child, 'message');
  const lb = createBalancer({ endpoints: [url] });
  const run = (fetch) => async () => {
    let left = 2000;
    const begun = performance.now();
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (left-- > 0) await (await fetch()).text();
    }));
    return ((performance.now() - begun) * 1000) / 2000;
  };
  await compare('lb.fetch to a local server, 8 at a time, beside fetch', 1.03, run(() => lb.fetch('/')), run(() => fetch(url)), 'us');
  // What can be given up needs a signal.
  await compare('the same, beside fetch with a signal of its own', 1.03, run(() => lb.fetch('/')), run(() => fetch(url, { signal: new AbortController().signal })), 'us');
  child.kill();
}

if (process.argv[2] === 'serve') {
  const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}/`));
} else {
  console.log(`Node ${process.versions.node}, 10 endpoints${' '.repeat(42)}ours   theirs`);
  await picks();
  await calls();
  await fetches();
}
