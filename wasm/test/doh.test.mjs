// Endpoints from DNS over HTTPS: a real name server, the JSON form, and servers that answer nonsense.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { doh } from 'evenkeel/doh';
import { MISSING, nameServer } from './name_server.mjs';
import { serve, settle } from './support.mjs';

const ZONE = `
_api._tcp 30 SRV 0 60 8080 A.lb.test.
_api._tcp 30 SRV 0 30 8080 b.lb.test.
_api._tcp 30 SRV 0 10 8081 a.lb.test.
_api._tcp 30 SRV 7 0 443 backup.lb.test.
_zeros._tcp SRV 1 0 80 a.lb.test.
_zeros._tcp SRV 1 0 81 a.lb.test.
_zeros._tcp SRV 1 5 82 a.lb.test.
_equal._tcp SRV 1 33 80 a.lb.test.
_equal._tcp SRV 1 33 80 b.lb.test.
_alias._tcp 20 CNAME _api._tcp
_none._tcp SRV 0 0 0 .
_mixed._tcp SRV 0 1 80 .
_mixed._tcp SRV 0 1 0 a.lb.test.
_mixed._tcp SRV 0 1 80 b.lb.test.
_gone._tcp SRV 0 1 80 nowhere.lb.test.
_away._tcp SRV 0 1 80 a.elsewhere.test.
a A 10.0.0.1
a A 10.0.0.2
a AAAA 2001:db8::1
b A 10.0.1.1
backup A 10.0.2.1
text TXT "no address"
wide 3600 A 10.0.3.1
${Array.from({ length: 400 }, (_, i) => `_many._tcp SRV 0 ${i} 80 host-${i}.lb.test.`).join('\n')}
`;

/** What the source gives now. */
async function list(source) {
  const { endpoints, ttlMs, error } = await source();
  const rows = endpoints.map(({ url, priority, weight }) => `${url} ${priority} ${weight}`).sort();
  return { rows, ttlMs, error };
}

test('a real name server', { skip: MISSING }, async (t) => {
  const server = await nameServer(t, ZONE);
  const ask = (name, options) => list(doh(name, { resolver: server.url, fetch: server.fetch, ...options }));
  const api = ['https://a.lb.test:8080 0 60', 'https://a.lb.test:8081 0 10', 'https://b.lb.test:8080 0 30', 'https://backup.lb.test:443 7 1'];

  await t.test('services', async () => {
    for (const name of ['_api._tcp.lb.test', '_API._TCP.lb.test.', '_alias._tcp.lb.test']) assert.deepEqual((await ask(name)).rows, api, name);
    assert.deepEqual((await ask('_zeros._tcp.lb.test')).rows, ['https://a.lb.test:80 1 1', 'https://a.lb.test:81 1 1', 'https://a.lb.test:82 1 10']);
    assert.deepEqual((await ask('_equal._tcp.lb.test')).rows, ['https://a.lb.test:80 1 1', 'https://b.lb.test:80 1 1']);
    assert.deepEqual((await ask('_mixed._tcp.lb.test', { scheme: 'http' })).rows, ['http://b.lb.test:80 0 1']);
    assert.deepEqual((await ask('_equal._tcp.lb.test', { port: 9000 })).rows, ['https://a.lb.test:9000 1 1', 'https://b.lb.test:9000 1 1']);
    assert.equal((await ask('_many._tcp.lb.test')).rows.length, 400);
  });

  await t.test('how long they hold: never shorter than said, at most a tenth longer, within 5 to 300 s', async () => {
    for (const [name, ms, options] of [['_api._tcp.lb.test', 30_000], ['_alias._tcp.lb.test', 20_000], ['wide.lb.test', 300_000, { port: 80 }]]) {
      const { ttlMs } = await ask(name, options);
      assert.ok(ttlMs >= ms && ttlMs <= ms * 1.1, `${name}: ${ttlMs}`);
    }
  });

  await t.test('targets by their addresses, which share the weight', async () => {
    const { rows, error } = await ask('_api._tcp.lb.test', { addresses: true, scheme: 'http', family: 4 });
    assert.deepEqual(rows, ['http://10.0.0.1:8080 0 30', 'http://10.0.0.1:8081 0 5', 'http://10.0.0.2:8080 0 30', 'http://10.0.0.2:8081 0 5', 'http://10.0.1.1:8080 0 30', 'http://10.0.2.1:443 7 1']);
    assert.equal(error, undefined);
    const { rows: both } = await ask('_equal._tcp.lb.test', { addresses: true });
    assert.deepEqual(both, ['https://10.0.0.1:80 1 1', 'https://10.0.0.2:80 1 1', 'https://10.0.1.1:80 1 3', 'https://[2001:db8:0:0:0:0:0:1]:80 1 1']);
    await assert.rejects(ask('_gone._tcp.lb.test', { addresses: true }), /no target of _gone\._tcp\.lb\.test SRV has an address/);
    await assert.rejects(ask('_away._tcp.lb.test', { addresses: true }), /no answer to a\.elsewhere\.test AAAA: .*REFUSED/);
    await assert.rejects(ask('_many._tcp.lb.test', { addresses: true }), /800 questions, and the most are 256/);
  });

  await t.test('hosts', async () => {
    assert.deepEqual((await ask('a.lb.test', { port: 80, scheme: 'http' })).rows, ['http://10.0.0.1:80 0 1', 'http://10.0.0.2:80 0 1', 'http://[2001:db8:0:0:0:0:0:1]:80 0 1']);
    assert.deepEqual((await ask('a.lb.test', { port: 80, family: 6 })).rows, ['https://[2001:db8:0:0:0:0:0:1]:80 0 1']);
  });

  await t.test('nothing is an error, which says when to ask again', async () => {
    const [srv, none] = [/there are no records: _x\._tcp\.lb\.test SRV/, /none of the records names a server: _none/];
    for (const [name, message, options] of [['_x._tcp.lb.test', srv], ['_none._tcp.lb.test', none], ['text.lb.test', /no records: text/, { port: 80 }]]) {
      await assert.rejects(ask(name, options), (error) => {
        assert.match(error.message, message);
        const zone = name === '_none._tcp.lb.test' ? 60_000 : 17_000;
        return error.name === 'SourceError' && error.retryAfterMs === zone;
      });
    }
    await assert.rejects(ask('a.elsewhere.test', { port: 80 }), /REFUSED/);
  });

  await t.test('a balancer goes by it, and keeps its endpoints when they are gone', async () => {
    const lb = createBalancer({ endpoints: doh('_api._tcp.lb.test', { resolver: server.url, fetch: server.fetch }) });
    assert.match(await lb.call(({ url }) => url), /^https:\/\/[ab]\.lb\.test:808[01]$/);
    assert.deepEqual(lb.endpoints().map(({ url, weight, priority }) => `${url} ${priority} ${weight}`).sort(), ['https://a.lb.test:8080 0 60', 'https://a.lb.test:8081 0 10', 'https://b.lb.test:8080 0 30', 'https://backup.lb.test 7 1']);
  });
});

/** A question's bytes, as an answer with these records behind it. */
function answer(dns, { id = 0, flags = 0x8180, counts = [1, 0, 0, 0], records = [] } = {}) {
  const question = Buffer.from(dns, 'base64url').subarray(12);
  const head = [id, flags, ...counts].flatMap((word) => [word >> 8, word & 255]);
  return Buffer.concat([Buffer.from(head), question, Buffer.from(records)]);
}

/** SRV 0 1 80 at the question's name, with this target. */
const srv = (...target) => [0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 6 + target.length, 0, 0, 0, 1, 0, 80, ...target];
const label = (text) => [text.length, ...Buffer.from(text)];
const one = (records) => ({ counts: [1, 1, 0, 0], records });

const HOSTILE = {
  'nothing at all': () => Buffer.alloc(0),
  'a head that is cut': (dns) => answer(dns).subarray(0, 7),
  'another id': [{ id: 7, ...one(srv(...label('a'), 0)) }, /id is 7/],
  'a question back': [{ flags: 0x0100 }, /no answer/],
  'no question': [{ counts: [0, 0, 0, 0] }, /0 questions/],
  'another question': (dns) => answer(Buffer.from(answer(dns)).fill(120, 13, 15).toString('base64url')),
  SERVFAIL: [{ flags: 0x8182 }, /SERVFAIL/],
  'status 9': [{ flags: 0x8189 }, /status 9/],
  'cut off': [{ flags: 0x8380, ...one([]) }, /truncated/],
  'fewer records than told': [{ counts: [1, 60_000, 0, 0], records: srv(...label('a'), 0) }, /ends after/],
  'a name that points to itself': [one(srv(0xc0, 53)), /points to byte 53/],
  'names that point to each other': [one([...srv(0xc0, 100), 0, 0, 0]), /points to byte/],
  'a pointer forwards': [one(srv(0xff, 0xff)), /points to byte/],
  'a label of a kind that there is not': [one(srv(0x80, 0)), /begins with 128/],
  'a name that is too long': [one(srv(...Array.from({ length: 5 }, () => label('x'.repeat(62))).flat(), 0)), /longer than 255/],
  'a record shorter than its data': [one([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 3, 0, 0, 0, 1, 0, 80, ...label('a'), 0]), /says that it has 3 bytes/],
  'a record longer than its data': [one([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 12, 0, 0, 0, 1, 0, 80, ...label('a'), 0, 9, 9, 9, 9]), /says that it has 12 bytes/],
  'a target that is another URL': [one(srv(...label('a@evil.example/'), 0)), /none of the records names a server/],
  'a target with a space': [one(srv(...label('a b'), 0)), /none of the records names a server/],
  'a record of another name': [one([...label('x'), 0, ...srv(...label('a'), 0).slice(2)]), /there are no records/],
  'a record of another class': [one(srv(...label('a'), 0).with(5, 3)), /there are no records/],
  'an alias to itself': [one([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]), /there are no records/],
  'more than a message may be': (dns) => Buffer.concat([answer(dns), Buffer.alloc(70_000)]),
};

for (const [what, how] of Object.entries(HOSTILE)) test(`hostile: ${what}`, async (t) => {
  const make = typeof how === 'function' ? how : (dns) => answer(dns, how[0]);
  const server = await serve(t, ({ url }, response) => response.end(make(new URL(url, 'http://x').searchParams.get('dns'))));
  const source = doh('_api._tcp.lb.test', { resolver: server.url });
  await assert.rejects(list(source), (error) => {
    assert.match(error.message, typeof how === 'function' ? /no answer to _api\._tcp\.lb\.test SRV: http/ : how[1]);
    return error.name === 'SourceError';
  });
});

test('random bytes are refused or read, in time', async (t) => {
  let random = 1;
  const next = (most) => (random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0) % most;
  const good = one([...srv(...label('a'), 0), ...srv(0xc0, 12)]);
  good.counts = [1, 2, 0, 0];
  let bytes;
  const fetch = async (url) => {
    bytes = answer(new URL(url).searchParams.get('dns'), good);
    for (let changes = 1 + next(4); changes > 0; changes--) bytes[next(bytes.length)] = next(256);
    return new Response(bytes.subarray(0, next(8) === 0 ? next(bytes.length) : bytes.length));
  };
  let read = 0;
  for (let i = 0; i < 5000; i++) {
    try {
      const { rows } = await list(doh('_api._tcp.lb.test', { resolver: 'https://dns.example/q', fetch }));
      read += rows.length;
    } catch (error) {
      assert.equal(error.name, 'SourceError', `${error.stack} ${bytes.toString('hex')}`);
    }
  }
  assert.ok(read > 500, `${read}`);
});

test('the JSON form', async (t) => {
  let body;
  const asked = [];
  const server = await serve(t, ({ url, headers }, response) => {
    asked.push(`${headers.accept} ${url}`);
    response.setHeader('age', '12');
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  const source = doh('_api._tcp.lb.test', { resolver: `${server.url}/resolve?key=1`, form: 'json' });
  const Answer = [
    { name: '_api._tcp.lb.test.', type: 5, TTL: 300, data: '_v2._tcp.LB.test.' },
    { name: '_v2._tcp.lb.test.', type: 33, TTL: 100, data: '1 60 8080 A.lb.test.' },
    { name: '_v2._tcp.lb.test.', type: 33, TTL: 100, data: '1 30 8080 b.lb.test.' },
    { name: '_v2._tcp.lb.test.', type: 46, TTL: 100, data: 'a signature' },
  ];
  body = { Status: 0, TC: false, Question: [{ name: '_api._tcp.lb.test.', type: 33 }], Answer };
  const { rows, ttlMs } = await list(source);
  assert.deepEqual(rows, ['https://a.lb.test:8080 1 60', 'https://b.lb.test:8080 1 30']);
  assert.ok(ttlMs >= 88_000 && ttlMs <= 97_000, `what a cache has kept is gone: ${ttlMs}`);
  assert.deepEqual(asked, ['application/dns-json /resolve?key=1&name=_api._tcp.lb.test&type=33']);

  const record = (data, type = 33) => ({ Status: 0, Answer: [{ name: '_api._tcp.lb.test', type, TTL: 1, data }] });
  const wrong = [
    '{', 'null', '[]', '7', {}, { Status: 'x' }, { Status: -1 }, { Status: 2 }, { Status: 0, TC: true }, { Status: 0, Answer: {} }, { Status: 0, Answer: [7] },
    { Status: 0, Question: [{ name: 'other.test', type: 33 }], Answer }, { Status: 0, Question: [{ name: '_api._tcp.lb.test', type: 1 }], Answer },
    record('1 2 3'), record('1 2 70000 a'), record('-1 2 80 a'), record('a b c d'), record(7), record('1 2 3 a/b'), record('300.1.1.1', 1), record('x', 28),
    { Status: 0, Answer: [{ name: 7, type: 33, TTL: 1, data: '0 0 80 a' }] }, { Status: 0, Answer: [{ name: 'a', type: 33, TTL: -1, data: '0 0 80 a' }] },
    `{"Status":0,"Answer":[${'0,'.repeat(600_000)}0]}`,
    { Status: 3, Authority: [{ name: 'lb.test', type: 6, TTL: 900, data: 'ns.lb.test. h.lb.test. 1 2 3 4 40' }] },
  ];
  for (body of wrong) await assert.rejects(list(source), { name: 'SourceError' }, JSON.stringify(body).slice(0, 200));
  await assert.rejects(list(source), { retryAfterMs: 28_000 });
});

test('addresses in the JSON form', async (t) => {
  const data = { A: '10.0.0.1', AAAA: '2001:db8::1' };
  const server = await serve(t, ({ url }, response) => {
    const type = Number(new URL(url, 'http://x').searchParams.get('type'));
    response.end(JSON.stringify({ Status: 0, Answer: [{ name: 'a.test', type, TTL: 60, data: type === 1 ? data.A : data.AAAA }] }));
  });
  const source = doh('a.test', { resolver: server.url, form: 'json', scheme: 'http', port: 80 });
  assert.deepEqual((await list(source)).rows, ['http://10.0.0.1:80 0 1', 'http://[2001:db8::1]:80 0 1']);
  data.AAAA = '::g';
  const { rows, error } = await list(source);
  assert.deepEqual(rows, ['http://10.0.0.1:80 0 1', 'http://[2001:db8::1]:80 0 1'], 'what was not answered stays');
  assert.match(error.message, /no answer to a\.test AAAA/);
});

test('servers that do not know are passed over, and what they ask for is heeded', async (t) => {
  const down = await serve(t, (_, response) => response.writeHead(503, { 'retry-after': '90' }).end());
  const refuses = await serve(t, ({ url }, response) => response.end(answer(new URL(url, 'http://x').searchParams.get('dns'), { flags: 0x8185 })));
  const knows = await serve(t, ({ url }, response) => response.end(answer(new URL(url, 'http://x').searchParams.get('dns'), one(srv(...label('a'), 0)))));
  const source = doh('_api._tcp.lb.test', { resolver: [`${down.url}/q{?dns}`, refuses.url, knows.url] });
  for (let i = 0; i < 3; i++) assert.deepEqual((await list(source)).rows, ['https://a:80 0 1']);
  assert.deepEqual([down.hits, refuses.hits, knows.hits], [1, 1, 3], 'the one that knows is asked first from then on');
  await knows.stop();
  await assert.rejects(list(source), (error) => {
    assert.equal(error.retryAfterMs, 90_000);
    for (const part of [/answered 503/, /REFUSED/, /fetch failed/]) assert.match(error.message, part);
    return !error.message.includes('dns=');
  });

  // The balancer waits for as long.
  let now = 0;
  const lb = createBalancer({ endpoints: doh('_api._tcp.lb.test', { resolver: down.url }), now: () => now });
  const before = down.hits;
  await assert.rejects(lb.call(({ url }) => url), { code: 'no_endpoints' });
  for (now = 1000; now < 89_000; now += 1000) await assert.rejects(lb.call(({ url }) => url), { code: 'no_endpoints' });
  assert.equal(down.hits, before + 1);
  now = 91_000;
  await assert.rejects(lb.call(({ url }) => url), { code: 'no_endpoints' });
  assert.equal(down.hits, before + 2);
});

test('a server that hangs is given up', async (t) => {
  const hangs = await serve(t, () => {});
  const body = await serve(t, (_, response) => response.write('x'));
  const source = doh('_api._tcp.lb.test', { resolver: [hangs.url, body.url], timeoutMs: 50 });
  await assert.rejects(list(source), /in 50 ms.*in 50 ms/);
  await settle();
});

test('wrong options are refused, with the value and the limit', () => {
  const good = { resolver: 'https://dns.example/q' };
  for (const [name, options, message] of [
    ['', good, /name must be a name of DNS/],
    ['a..b', good, /not "a\.\.b"/],
    ['a/b', good, /not "a\/b"/],
    [`${'a'.repeat(64)}.b`, good, /name of DNS/],
    [7, good, /name must be a string, not 7/],
    ['_a._tcp.b', undefined, /options must be an object/],
    ['_a._tcp.b', {}, /resolver must be an absolute URL/],
    ['_a._tcp.b', { resolver: [] }, /there is none/],
    ['_a._tcp.b', { resolver: 'dns.example' }, /not "dns\.example"/],
    ['_a._tcp.b', { ...good, resolvers: [] }, /did you mean resolver\?/],
    ['_a._tcp.b', { ...good, form: 'xml' }, /form must be "wire" or "json", not "xml"/],
    ['_a._tcp.b', { ...good, family: 5 }, /family must be 4 or 6, not 5/],
    ['_a._tcp.b', { ...good, scheme: 'a b' }, /scheme must be such as "https", not "a b"/],
    ['_a._tcp.b', { ...good, port: 65_536 }, /port must be an integer in 1\.\.=65535, not 65536/],
    ['_a._tcp.b', { ...good, srv: 1 }, /srv must be true or false, not 1/],
    ['_a._tcp.b', { ...good, timeoutMs: 0 }, /timeoutMs must be .* not 0/],
    ['a.b', good, /port must be an integer in 1\.\.=65535, not undefined/],
  ]) assert.throws(() => doh(name, options), message);
});
