/** What an answer's headers say of how long to leave its sender alone. What does not parse is absent. */

/** Milliseconds to wait, or nothing; `now` is the wall clock in milliseconds since 1970. */
export function retryAfter(headers: Headers, now: number): number | undefined {
  return (
    number(headers.get('retry-after-ms'), 1) ??
    number(headers.get('retry-after'), 1000) ??
    until(headers.get('retry-after'), date(headers.get('date')) ?? now) ??
    draft(headers.get('ratelimit')) ??
    // OpenAI's `x-ratelimit-reset-requests: 6m0s`.
    met(headers, ['requests', 'tokens'], (what, kind) => `x-ratelimit-${what}-${kind}`, goDuration) ??
    // Anthropic's `anthropic-ratelimit-tokens-reset`, a time.
    met(headers, ['requests', 'tokens', 'input-tokens', 'output-tokens'], (what, kind) => `anthropic-ratelimit-${kind}-${what}`, (text) => until(text, now)) ??
    // GitHub's `X-RateLimit-Reset`: seconds, or since 1970 where they are so many.
    met(headers, [''], (what) => `x-ratelimit-${what}`, (text) => {
      const millis = number(text, 1000);
      return millis === undefined || millis < 1e12 ? millis : Math.max(0, millis - now);
    })
  );
}

/** A number of so many milliseconds each; below 0 stands for not known. */
function number(text: string | null, unit: number): number | undefined {
  if (text === null || !/^\s*\d+(?:\.\d+)?\s*$/.test(text)) return undefined;
  const wait = Number(text) * unit;
  return Number.isFinite(wait) ? wait : undefined;
}

function until(text: string | null, now: number): number | undefined {
  const then = date(text);
  return then === undefined ? undefined : Math.max(0, then - now);
}

/** An HTTP date in any of its three forms (RFC 9110 §5.6.7), all of them in GMT, or one of RFC 3339. */
function date(text: string | null): number | undefined {
  if (text === null) return undefined;
  const known = HTTP_DATES.test(text) ? (/GMT$/.test(text) ? text : `${text} GMT`) : RFC_3339.test(text) ? text : undefined;
  const millis = known === undefined ? NaN : Date.parse(known);
  return Number.isNaN(millis) ? undefined : millis;
}

const HTTP_DATES = /^(?:[A-Z][a-z]{2,8}, (?:\d\d [A-Z][a-z]{2} \d{4}|\d\d-[A-Z][a-z]{2}-\d\d) [\d:]{8} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

/** IETF draft: `"name";r=0;t=30`, several divided by commas; the longest of those that are used up. */
function draft(text: string | null): number | undefined {
  return longest((text ?? '').split(',').map((limit) => {
    const rest = /;\s*r=(\d+)/.exec(limit)?.[1];
    return rest === undefined || Number(rest) === 0 ? number(/;\s*t=(\d+)/.exec(limit)?.[1] ?? null, 1000) : undefined;
  }));
}

/** The longest of several limits: of those of which nothing is left, as they were met. */
function met(headers: Headers, kinds: readonly string[], name: (what: string, kind: string) => string, parse: (text: string | null) => number | undefined): number | undefined {
  return longest(kinds.map((kind) => ((number(headers.get(name('remaining', kind)), 1) ?? 0) > 0 ? undefined : parse(headers.get(name('reset', kind))))));
}

/** Go's way to write a duration: `1h2m3.5s`, `12ms`. */
function goDuration(text: string | null): number | undefined {
  if (text === null || !/^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let millis = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) millis += Number(count) * UNITS[unit!]!;
  return millis;
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };

function longest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
