// Answers that are not of the global class: another undici, mocks, another balancer's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import * as undici from 'undici';
import { serve } from './support.mjs';

const counts = (lb) => lb.endpoints().map(({ successes, failures, inFlight }) => [successes, failures, inFlight])[0];

test("another undici's answers are read and followed", async (t) => {
  const server = await serve(t, (_, response) => response.end('{"a":1}'));
  const lb = createBalancer({ endpoints: [server.url], fetch: undici.fetch });
  const response = await lb.fetch('/');
  assert.ok(response instanceof undici.Response);
  assert.deepEqual(counts(lb), [0, 0, 1]);
  assert.deepEqual(await response.json(), { a: 1 });
  const cloned = await lb.fetch('/');
  assert.deepEqual(await Promise.all([cloned.clone().text(), cloned.text()]), ['{"a":1}', '{"a":1}']);
  let text = '';
  for await (const chunk of (await lb.fetch('/')).body) text += new TextDecoder().decode(chunk);
  assert.equal(text, '{"a":1}');
  assert.deepEqual(counts(lb), [3, 0, 0]);
});

test('a call judges answers of any class by their status', async (t) => {
  const [bad, good] = [await serve(t, (_, response) => response.writeHead(503).end()), await serve(t)];
  const lb = createBalancer({ endpoints: [{ url: bad.url }, { url: good.url, priority: 1 }] });
  assert.equal((await lb.call(({ url, signal }) => undici.fetch(url, { signal }))).status, 200);
  assert.deepEqual([bad.hits, good.hits], [1, 1]);
});

for (const [name, mock] of Object.entries({
  'without a body': { ok: true, status: 200, text: async () => 'mocked' },
  "with a stream of Node's": { status: 200, headers: {}, body: process.stdin, text: async () => 'mocked' },
  'with a body that was read': { status: 200, body: new Blob(['']).stream(), bodyUsed: true, text: async () => 'mocked' },
})) {
  test(`a mock ${name} is not in flight`, async () => {
    const lb = createBalancer({ endpoints: ['http://a.example'], fetch: async () => mock });
    const response = await lb.fetch('/');
    assert.equal(response, mock);
    assert.equal(await response.text(), 'mocked');
    assert.deepEqual(counts(lb), [1, 0, 0]);
  });
}

test('a mock with a body of its own is followed', async () => {
  const lb = createBalancer({ endpoints: ['http://a.example'], fetch: async () => ({ status: 201, body: new Blob(['mocked']).stream() }) });
  const response = await lb.fetch('/');
  assert.deepEqual([response.status, counts(lb)], [201, [0, 0, 1]]);
  assert.equal(await response.text(), 'mocked');
  assert.deepEqual(counts(lb), [1, 0, 0]);
});

for (const [name, value] of Object.entries({
  'a record with a stream': { status: 200, body: new Blob(['x']).stream(), extra: 1 },
  'one whose status is none of HTTP': { status: 1, body: new Blob(['x']).stream() },
  'a mock with a body of its own': { status: 200, body: new Blob(['x']).stream(), text: async () => 'mocked', extra: 1 },
})) {
  test(`a call's value stays what it is: ${name}`, async () => {
    const lb = createBalancer({ endpoints: ['http://a.example'] });
    assert.equal(await lb.call(() => value), value);
    assert.deepEqual(counts(lb), [1, 0, 0]);
  });
}

test("a call's response stays of its class, and keeps what was put on it", async () => {
  class Mine extends Response {
    more = 1;
  }
  const lb = createBalancer({ endpoints: ['http://a.example'] });
  const own = async () => 'mine';
  for (const Class of [Response, Mine]) {
    const given = Object.assign(new Class('x'), { json: own });
    const { json, more } = await lb.call(() => given);
    assert.deepEqual([json, more], [own, given.more]);
  }
  assert.ok((await lb.call(() => new Mine('x'))) instanceof Mine);
});

test('a response that another balancer follows is the one that a call gave', async (t) => {
  const server = await serve(t);
  const inner = createBalancer({ endpoints: [server.url] });
  const outer = createBalancer({ endpoints: ['http://service'] });
  let given;
  const response = await outer.call(async ({ signal }) => (given = await inner.fetch('/', { signal })));
  assert.equal(response, given);
  assert.equal(inner.attempts(response).length, 1);
  assert.equal(await response.text(), 'ok');
  assert.deepEqual([counts(inner), counts(outer)], [[1, 0, 0], [1, 0, 0]]);
});

test('a mock without headers that refuses', async () => {
  const lb = createBalancer({ endpoints: ['http://a.example'], retry: false, fetch: async () => ({ status: 503, text: async () => '' }) });
  assert.equal((await lb.fetch('/')).status, 503);
});

test('a balancer may send by another', async (t) => {
  const server = await serve(t);
  const inner = createBalancer({ endpoints: [server.url] });
  const outer = createBalancer({ endpoints: ['http://service'], fetch: inner.fetch });
  assert.equal(await (await outer.fetch('/')).text(), 'ok');
  assert.deepEqual([counts(inner), counts(outer)], [[1, 0, 0], [1, 0, 0]]);
});
