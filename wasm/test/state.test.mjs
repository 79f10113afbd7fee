// What a balancer has learned outlives it, as when an edge isolate is replaced.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer } from 'evenkeel';

const [A, B, C] = ['a', 'b', 'c'].map((host) => `https://${host}.example`);

function start(endpoints, now = 1e8, options = {}) {
  const clock = { now };
  return { clock, balancer: new Balancer({ endpoints, seed: 1, now: () => clock.now, ...options }) };
}

/** One that has ejected B, for some five seconds. */
function learned() {
  const { clock, balancer } = start([A, B, C], 50, { policy: 'peak_ewma' });
  for (let i = 0; i < 5; i++) balancer.pick({ avoid: [A, C] }).fail();
  const pick = balancer.pick({ avoid: [B, C] });
  clock.now += 30;
  pick.ok();
  return { clock, balancer, left: balancer.endpoints()[1].until - clock.now };
}

test('ejections and answer times go on, by another clock', () => {
  const { balancer: old, left } = learned();
  const text = old.exportState();
  assert.match(text, /^[\w-]+$/);
  const { balancer, clock } = start([A, B, 'https://d.example'], undefined, { policy: 'peak_ewma' });
  const known = old.endpoints().filter(({ latencyMs }) => latencyMs !== undefined).length;
  assert.deepEqual(balancer.importState(text, { ageMs: 500 }), { endpoints: known, kept: 0, unknown: 0 });
  const [a, b, d] = balancer.endpoints();
  assert.deepEqual([b.health, b.reason, b.until], ['ejected', 'consecutive_failures', clock.now + left - 500]);
  assert.equal(a.latencyMs, old.endpoints()[0].latencyMs);
  assert.equal(d.latencyMs, undefined);
});

test('what was reported here is newer', () => {
  const { balancer } = start([A, B]);
  for (let i = 0; i < 5; i++) balancer.pick({ avoid: [A] }).fail();
  assert.equal(balancer.importState(learned().balancer.exportState()).kept, 1);
});

test('a state that cannot be used is refused, and changes nothing', () => {
  const text = learned().balancer.exportState();
  const refused = (endpoints, text, options, message) => {
    const { balancer } = start(endpoints);
    const before = balancer.endpoints();
    assert.throws(() => balancer.importState(text, options), (error) => {
      assert.equal(error.constructor, RangeError);
      assert.ok(error.message.includes(message), error.message);
      return true;
    });
    assert.deepEqual(balancer.endpoints(), before);
  };
  const middle = text.length >> 1;
  const damaged = text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1);
  refused([A, B, C], damaged, {}, '');
  refused([A, B, C], text.slice(0, -4), {}, 'not what a balancer of this version exports');
  refused([A, B, C], '', {}, 'not what a balancer of this version exports');
  refused([A, B, C], '{"version":1}', {}, 'the text is not what a balancer exports');
  refused([A, B, C], text, { ageMs: 3_600_001 }, 'the state is 3600001000000 ns old; the most is 3600000000000');
  refused(['https://x.example'], text, {}, "addresses is among the set's 1");
  refused([], text, {}, 'update it first');
  refused([A, B, C], text, { ageMs: -1 }, 'ageMs must be a finite number of milliseconds, 0 or more, not -1');
  assert.throws(() => start([A]).balancer.importState(7), TypeError);
});

test('no byte can be changed unnoticed', () => {
  const text = learned().balancer.exportState();
  for (let place = 0; place < text.length - 1; place++) {
    const changed = text.slice(0, place) + (text[place] === 'x' ? 'y' : 'x') + text.slice(place + 1);
    assert.throws(() => start([A, B, C]).balancer.importState(changed), RangeError, `place ${place}`);
  }
});
