// Signals of polyfills: without `throwIfAborted`, and perhaps without a reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer, createBalancer } from 'evenkeel';

class Signal {
  aborted = false;
  listeners = new Set();

  addEventListener(_, listener) {
    this.listeners.add(listener);
  }

  removeEventListener(_, listener) {
    this.listeners.delete(listener);
  }

  abort(reason) {
    this.aborted = true;
    if (reason !== undefined) this.reason = reason;
    for (const listener of this.listeners) listener();
  }
}

const hangs = ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const body = ({ signal }) => new ReadableStream({ start: (controller) => signal.addEventListener('abort', () => controller.error(signal.reason)) });
const fetching = (answer) => createBalancer({ endpoints: ['http://a'], fetch: async (_, init) => answer(init) });
const endless = () => new Request('http://service/', { method: 'PUT', body: new ReadableStream({ pull: () => new Promise(() => {}) }), duplex: 'half' });

const WAYS = {
  'lb.fetch': (signal) => fetching(hangs).fetch('/', { signal }),
  'lb.fetch, its body': async (signal) => (await fetching((init) => new Response(body(init))).fetch('/', { signal })).text(),
  'lb.fetch, the body of a Request': (signal) => fetching(hangs).fetch(endless(), { signal }),
  'lb.call': (signal) => createBalancer({ endpoints: ['http://a'] }).call(hangs, { signal }),
  'Balancer.call': (signal) => new Balancer({ endpoints: ['http://a'] }).call(hangs, { signal }),
};

for (const [name, ask] of Object.entries(WAYS)) {
  for (const reason of [new Error('mine'), undefined]) {
    for (const when of ['before', 'later']) {
      test(`${name}: aborted ${when}, ${reason ? 'with a reason' : 'without one'}`, async () => {
        const signal = new Signal();
        if (when === 'before') signal.abort(reason);
        const asked = ask(signal);
        if (when === 'later') setImmediate(() => signal.abort(reason));
        await assert.rejects(asked, reason ? (error) => error === reason : { name: 'AbortError' });
        assert.equal(signal.listeners.size, 0);
      });
    }
  }
}
