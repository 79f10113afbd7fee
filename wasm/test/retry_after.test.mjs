// What an answer's headers say of how long to leave its sender alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';

const NOW = Date.UTC(2026, 10, 29, 12, 0, 0);

const CASES = [
  // RFC 9110 §10.2.3: seconds, or a date in any of three forms, by the answer's own clock.
  [{ 'retry-after': '120' }, 120_000],
  [{ 'retry-after': ' 5 ' }, 5000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after': 'Sun, 29 Nov 2026 12:01:00 GMT' }, 60_000],
  [{ 'retry-after': 'Sunday, 29-Nov-26 12:01:00 GMT' }, 60_000],
  [{ 'retry-after': 'Sun Nov 29 12:01:00 2026' }, 60_000],
  [{ 'retry-after': 'Sun, 29 Nov 2026 12:01:00 GMT', date: 'Sun, 29 Nov 2026 12:00:50 GMT' }, 10_000],
  [{ 'retry-after': 'Sun, 29 Nov 2026 12:01:00 GMT', date: 'yesterday' }, 60_000],
  // OpenAI, which is more exact with its own header.
  [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1500],
  [{ 'x-ratelimit-reset-requests': '6m0s' }, 360_000],
  [{ 'x-ratelimit-reset-tokens': '12ms' }, 12],
  [{ 'x-ratelimit-reset-tokens': '1h2m3.5s' }, 3_723_500],
  [{ 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-reset-tokens': '20s' }, 20_000],
  [{ 'x-ratelimit-remaining-requests': '9', 'x-ratelimit-reset-requests': '50s', 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '2s' }, 2000],
  // Anthropic.
  [{ 'anthropic-ratelimit-tokens-remaining': '0', 'anthropic-ratelimit-tokens-reset': '2026-11-29T12:00:30Z' }, 30_000],
  [{ 'anthropic-ratelimit-requests-reset': '2026-11-29T13:00:05+01:00' }, 5000],
  // The IETF's draft.
  [{ ratelimit: '"default";r=0;t=30' }, 30_000],
  [{ ratelimit: '"a";r=5;t=600, "b";r=0;t=7' }, 7000],
  // GitHub: since 1970, or seconds.
  [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 90) }, 90_000],
  [{ 'x-ratelimit-reset': '45' }, 45_000],
  // Not known, or nonsense: as if it were not there.
  ...['-1', '', 'soon', 'NaN', '1e3', '0x10', '5, 6', '9'.repeat(400), '29 Nov 2026', 'Sun, 29 Nov 2026 12:01:00 CET'].map((value) => [{ 'retry-after': value }, 1000]),
  [{ 'retry-after': 'soon', 'x-ratelimit-reset': '3' }, 3000],
  [{ 'x-ratelimit-reset-tokens': '5 parsecs' }, 1000],
  [{ 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '45' }, 1000],
  [{ 'anthropic-ratelimit-tokens-reset': 'tomorrow' }, 1000],
  [{ ratelimit: '"a";r=5;t=600' }, 1000],
  [{}, 1000],
];

for (const status of [429, 503]) {
  test(`${status} and what its headers say`, async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW });
    for (const [headers, expected] of CASES) {
      const lb = createBalancer({ endpoints: ['https://a.example'], now: () => 0, seed: 1, retry: false, maxRetryAfterMs: 86_400_000 });
      await lb.call(() => new Response(null, { status, headers }));
      const [{ health, until }] = lb.endpoints();
      assert.equal(health, 'overloaded', JSON.stringify(headers));
      // Lengthened by up to half, never shortened.
      const most = expected * 1.5;
      assert.ok(until >= expected && until <= most, `${JSON.stringify(headers)}: ${until}, not ${expected}`);
    }
  });
}

test('a date that is over, and 0 seconds: it may be asked again at once, and has failed', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: NOW });
  for (const value of ['0', 'Sun, 29 Nov 2026 11:00:00 GMT']) {
    const lb = createBalancer({ endpoints: ['https://a.example'], now: () => 0, retry: false });
    await lb.call(() => new Response(null, { status: 503, headers: { 'retry-after': value } }));
    const [{ health, failures }] = lb.endpoints();
    assert.deepEqual([health, failures], ['healthy', 1]);
  }
});

test('no longer than maxRetryAfterMs', async () => {
  const lb = createBalancer({ endpoints: ['https://a.example'], now: () => 0, retry: false, maxRetryAfterMs: 5000 });
  await lb.call(() => new Response(null, { status: 503, headers: { 'retry-after': '86400' } }));
  assert.equal(lb.endpoints()[0].until, 5000);
});
