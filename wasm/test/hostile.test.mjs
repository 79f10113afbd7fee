// Hostile input to every public function and method, as the package's types list them: an error that says what is wrong, or an answer; never a trap,
// nor an error from inside; and the next call is as if nothing had been. Whoever adds a method adds its row.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as evenkeel from 'evenkeel';
import { doh } from 'evenkeel/doh';
import * as slim from 'evenkeel/slim';
import { steering } from 'evenkeel/steering';

const { Balancer, Call, LbError, RetryBudget, SourceError, TokenThrottle, createBalancer, poll } = evenkeel;
const URLS = ['https://a.example', 'https://b.example', 'https://c.example'];
const OPTIONS = { endpoints: URLS, policy: 'rendezvous', seed: 1, now: () => 0 };
const LB = { ...OPTIONS, fetch: async () => new Response('ok'), retry: { limit: 0 } };

const mine = new Error('mine');
const throws = () => {
  throw mine;
};
const getters = new Proxy({}, { get: throws, has: throws, ownKeys: throws, getOwnPropertyDescriptor: throws });
const BAD = [
  null, true, 0, -0, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 53, 1e308, -5n, 2n ** 70n, '', '\0', '\ud800', 'https://a.example', 'x'.repeat(1e5), Symbol('s'), {}, [], [null], [getters], [Symbol.iterator],
  Object.create(null), () => {}, throws, class {}, getters, { [Symbol.iterator]: throws }, { [Symbol.asyncIterator]: throws }, { toString: throws, valueOf: throws }, { then: throws },
  new Date(NaN), new Map(), new Proxy(() => {}, { apply: throws, get: throws }), Object.freeze({}),
];

/** Names that JavaScript itself finds for what was not looked at, and what a module says that traps. */
const INSIDE = /Cannot (?:read|destructure|convert|set|mix)|(?:is|are) not (?:a function|iterable|a constructor|an object)|undefined \(|unreachable|out of bounds|null function|memory access|table index/;

const REQUEST = ['retry', 'hedge', 'timeoutMs', 'attemptTimeoutMs', 'classify', 'accept'];
const LB_OPTIONS = [
  ...['endpoints', 'policy', 'fetch', 'removalGraceMs', 'now', 'seed', 'onEvent', 'eject', 'levels', 'zone', 'maxInFlight', 'slowStartMs', 'subset', 'maxRetryAfterMs', 'latency'],
  ...REQUEST,
];
const RETRY = ['key', 'attempts', 'timeoutMs', 'attemptTimeoutMs', 'backoff', 'maxPushBackMs', 'pushBackJitter', 'waitForReady', 'budget', 'hedge'];
const BALANCER = ['endpoints', 'policy', 'config', 'budget', 'seed', 'now'];
const DOH = ['resolver', 'form', 'srv', 'scheme', 'port', 'addresses', 'family', 'fetch', 'headers', 'timeoutMs'];
const STEERING = ['pathways', 'protocol', 'current', 'fetch', 'headers', 'timeoutMs'];

const lb = () => createBalancer(LB);
const balancer = () => new Balancer(OPTIONS);
const call = () => new Call(balancer());
const pick = () => balancer().pick();
const sent = () => 'sent';

/** What a method is called on, good arguments, and the names of the options of the last one. */
const ROWS = {
  createBalancer: [() => ({ createBalancer }), [LB], LB_OPTIONS],
  poll: [() => ({ poll }), ['https://a.example', {}], ['fetch', 'headers', 'timeoutMs', 'ttlMs', 'parse']],
  doh: [() => ({ doh }), ['_a._tcp.b', { resolver: 'https://a.example' }], DOH],
  steering: [() => ({ steering }), ['https://a.example', { pathways: { a: 'https://a.example' } }], STEERING],
  // What is no module is the engine's to refuse.
  init: [() => ({ init: slim.init }), [undefined], [], () => true],
  'LoadBalancer.fetch': [lb, ['/x', {}], ['key', 'idempotent', 'method', 'headers', 'body', 'signal', ...REQUEST]],
  'LoadBalancer.call': [lb, [sent, {}], ['key', 'idempotent', 'signal', ...REQUEST]],
  'LoadBalancer.pick': [lb, [{}], ['key', 'avoid', 'now']],
  'LoadBalancer.on': [lb, ['eject', () => {}]],
  'LoadBalancer.endpoints': [lb, []],
  'LoadBalancer.eventCounts': [lb, []],
  'LoadBalancer.attempts': [lb, [new Response()]],
  'LoadBalancer.update': [lb, [URLS]],
  'LoadBalancer.refresh': [lb, []],
  'LoadBalancer.state': [lb, []],
  'LoadBalancer.restore': [lb, [lb().state()]],
  'LoadBalancer.[Symbol.dispose]': [lb, []],
  'Balancer.call': [balancer, [sent, { attempts: 1 }], [...RETRY, 'signal', 'accept', 'classify']],
  'Picker.constructor': [() => ({ constructor: (...args) => new Balancer(...args) }), [OPTIONS], BALANCER],
  'Picker.update': [balancer, [URLS, 0]],
  'Picker.insert': [balancer, [{ url: 'https://d.example' }, 0]],
  'Picker.remove': [balancer, [URLS[0], 0]],
  'Picker.pick': [balancer, [{}], ['key', 'avoid', 'now']],
  'Picker.endpoints': [balancer, []],
  'Picker.events': [balancer, []],
  'Picker.eventCounts': [balancer, []],
  'Picker.setDown': [balancer, [URLS[0], true, 0]],
  'Picker.exportState': [balancer, [0]],
  'Picker.importState': [balancer, [balancer().exportState(), {}], ['ageMs', 'now']],
  'RetryBudget.constructor': [() => ({ constructor: (options) => new RetryBudget(options) }), [{}], ['ratio', 'minPerSec', 'ttlMs', 'deposits']],
  'RetryBudget.balance': [() => new RetryBudget(), [0]],
  'TokenThrottle.constructor': [() => ({ constructor: (options) => new TokenThrottle(options) }), [{}], ['maxTokens', 'tokenRatio']],
  'Pick.ok': [pick, [0]],
  'Pick.fail': [pick, [0]],
  'Pick.overloaded': [pick, [1000, 0]],
  'Pick.timedOut': [pick, [0]],
  'Pick.neverSent': [pick, [0]],
  'Pick.ignorable': [pick, [0]],
  'Pick.pushedBack': [pick, [0]],
  'Pick.cancel': [pick, [0]],
  'Pick.[Symbol.dispose]': [pick, []],
  'Call.constructor': [() => ({ constructor: (...args) => new Call(...args) }), [balancer(), {}], RETRY],
  'Call.poll': [call, [0]],
  'Call.pick': [call, [0]],
  'Call.started': [call, [1, pick(), 0]],
  'Call.noEndpoint': [call, [0]],
  'Call.endpointsChanged': [call, []],
  'Call.onOutcome': [call, [1, 'success', 0]],
  'Call.tried': [call, []],
  'Call.[Symbol.dispose]': [call, []],
  // Errors are made of whatever they are given.
  'LbError.constructor': [() => ({ constructor: (...args) => new LbError(...args) }), ['attempts', []], [], () => true],
  'SourceError.constructor': [() => ({ constructor: (...args) => new SourceError(...args) }), ['text', 1], [], () => true],
};

test('every public function and method has its row', () => {
  const found = new Set();
  for (const entry of ['index', 'slim', 'doh', 'steering']) {
    const text = readFileSync(new URL(`../pkg/${entry}.d.cts`, import.meta.url), 'utf8').replace(/\/\*.*?\*\//gs, '');
    for (const [, name] of text.matchAll(/^declare function (\w+)/gm)) found.add(name);
    for (const [, name, members] of text.matchAll(/^(?:declare class|interface (?=LoadBalancer)) ?(\w+)[^{]*\{\n(.*?)^\}/gms)) {
      for (const [, member] of members.matchAll(/^ {4}(?:readonly (?=\w+: \())?(\w+|\[Symbol\.\w+\])(?=<|\(|: \()/gm)) found.add(`${name}.${member}`);
    }
  }
  assert.deepEqual([...found].sort(), Object.keys(ROWS).sort());
});

/** Whether an error is one that a user can do something with. */
function clear(error) {
  if (error === mine) return true;
  return error instanceof Error && !(error instanceof WebAssembly.RuntimeError) && error.message !== '' && !INSIDE.test(error.message);
}

/** What is picked by a balancer to which nothing happened. */
const picks = (subject) => Array.from({ length: 8 }, (_, key) => subject.pick({ key })?.url);
const [undisturbed, untouched] = [picks(lb()), lb().endpoints()];

async function attempt(what, subject, method, args, allowed) {
  let error;
  try {
    const value = await Promise.race([subject[method](...args), new Promise((resolve) => setImmediate(resolve))]);
    if (value instanceof Response) await value.text();
  } catch (thrown) {
    error = thrown;
    assert.ok(clear(error) || allowed(error), `${what}: ${error?.stack ?? String(error)}`);
  }
  // A call that failed has changed nothing, and whatever else there is goes on.
  if (error && !allowed(error) && typeof subject.endpoints === 'function') {
    assert.ok(subject.endpoints().every(({ inFlight }) => inFlight === 0), what);
    // What `send` throws may be an endpoint's failure.
    if (typeof args[0] !== 'function') assert.deepEqual([subject.endpoints(), picks(subject)], [untouched, undisturbed], what);
  }
  assert.deepEqual(picks(balancer()), undisturbed, what);
}

const shown = (value) => {
  try {
    return String(typeof value === 'object' ? JSON.stringify(value) : value.toString()).slice(0, 40);
  } catch {
    return 'what throws';
  }
};

for (const [name, [make, good, options = [], allowed = () => false]] of Object.entries(ROWS)) {
  const method = name.endsWith(']') ? Symbol.dispose : name.split('.').at(-1);
  test(`${name}: hostile arguments`, async () => {
    for (const bad of BAD) {
      // One more than it takes does no harm.
      for (let place = 0; place <= good.length; place++) {
        await attempt(`argument ${place} ${shown(bad)}`, make(), method, Object.assign([...good], { [place]: bad }), allowed);
      }
      for (const option of options) await attempt(`${option}: ${shown(bad)}`, make(), method, [...good.slice(0, -1), { ...good.at(-1), [option]: bad }], allowed);
    }
    for (const option of options) {
      const getter = Object.defineProperty({ ...good.at(-1) }, option, { get: throws, enumerable: true });
      await attempt(`${option} throws`, make(), method, [...good.slice(0, -1), getter], allowed);
    }
  });
}

/** Everything that can be called from within: none of it may hang or trap, whatever it interrupts. */
function enter(lb, balancer) {
  for (const subject of [lb, balancer]) {
    const pick = subject.pick({ key: 'within', avoid: [URLS[0]] });
    pick?.overloaded(1);
    subject.update([...URLS, { url: 'https://within.example', weight: 1 }]);
    subject.endpoints();
    subject.eventCounts();
  }
  lb.fetch('/within').catch(() => {});
  lb.call(sent).catch(() => {});
  lb.restore(lb.state());
  lb.on('update', () => {})();
  balancer.importState(balancer.exportState());
  balancer.insert('https://inserted.example');
  balancer.remove('https://inserted.example');
  balancer.setDown(URLS[1], false);
  new Call(balancer).poll();
}

test('callbacks may call everything', async () => {
  for (const name of ['now', 'fetch', 'onEvent', 'eject', 'send', 'accept', 'classify', 'body', 'source', 'list', 'endpoint', 'option', 'avoid', 'signal', 'dispose']) {
    let [lb, balancer, entered, within] = [undefined, undefined, 0, false];
    /** Enters once it is there, and not from within itself. */
    const from = (which, value) => () => {
      if (which === name && lb && !within && entered < 50) {
        within = true;
        entered++;
        enter(lb, balancer);
        if (name === 'dispose') lb[Symbol.dispose]();
        within = false;
      }
      return value;
    };
    let time = 0;
    const read = from('now');
    const now = () => (read(), time++);
    const options = {
      ...OPTIONS, now, retry: { limit: 1, backoff: 0 }, eject: { consecutiveFailures: 1, halfOpen: false },
      fetch: async () => from(name === 'dispose' ? name : 'fetch', new Response('ok'))(),
      onEvent: from('onEvent'),
      accept: from('accept'),
      ...(name === 'source' ? { endpoints: async () => from('source', URLS)() } : {}),
    };
    [balancer, lb] = [new Balancer({ ...OPTIONS, now }), createBalancer(options)];
    lb.on('eject', from('eject'));
    const controller = new AbortController();
    controller.signal.addEventListener('abort', from('signal'));
    const getter = (what, key, value) => Object.defineProperty({}, key, { get: from(what, value), enumerable: true });
    const list = { *[Symbol.iterator]() { yield URLS[0]; from('list')(); yield* URLS.slice(1); } };
    const all = [
      () => lb.fetch('/x', { method: 'PUT', body: from('body', 'x') }),
      () => lb.call(from('send', 'sent')),
      () => lb.call(() => Promise.reject(mine), { classify: from('classify', 'retryable_failure'), retry: { limit: 1, backoff: 0 } }),
      () => lb.call(() => (controller.abort(), new Promise(() => {})), { signal: controller.signal }),
      () => lb.pick({ key: 'k', avoid: { *[Symbol.iterator]() { from('avoid')(); yield URLS[1]; } } })?.fail(),
      () => lb.pick(getter('option', 'key', 'k'))?.fail(),
      () => lb.update([getter('endpoint', 'url', URLS[0]), ...URLS]),
      () => lb.update(list),
      () => balancer.update(list),
      () => balancer.pick()?.fail(),
    ];
    if (name === 'source') await lb.refresh();
    for (const each of all) await Promise.resolve().then(each).catch((error) => assert.ok(clear(error), `${name}: ${error.stack}`));
    assert.ok(entered > 0, name);
    assert.ok(balancer.pick().url.startsWith('https://'), name);
    if (name !== 'dispose') assert.equal(await (await lb.fetch('/after')).text(), 'ok', name);
    lb.update(URLS);
    assert.deepEqual(lb.endpoints().map(({ url }) => url), URLS, name);
  }
});

test('what is disposed of refuses requests, and tells what it knows', async () => {
  const disposed = lb();
  disposed[Symbol.dispose]();
  const refusal = { message: 'the balancer has been disposed of' };
  await assert.rejects(disposed.fetch('/'), refusal);
  await assert.rejects(disposed.call(sent), refusal);
  assert.throws(() => disposed.pick(), refusal);
  for (const [name, [make, good]] of Object.entries(ROWS)) {
    const owner = name.split('.')[0];
    const method = name.slice(owner.length + 1);
    if (!['LoadBalancer', 'Pick', 'Call'].includes(owner) || method === 'constructor') continue;
    const subject = make();
    subject[Symbol.dispose]();
    for (let i = 0; i < 2; i++) await attempt(name, subject, method === '[Symbol.dispose]' ? Symbol.dispose : method, good, ({ message }) => message === refusal.message);
  }
});
