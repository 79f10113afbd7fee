import { ask, type AskOptions } from './ask.js';
import * as check from './check.js';
import type { EndpointSpec } from './picker.js';
import { known as spelledAsKnown } from './spelling.js';

/** A list of endpoints, perhaps with the time for which it holds, and with what could not be found out: that is asked again as after a failure. */
export type Listing =
  | Iterable<EndpointSpec>
  | { readonly endpoints: Iterable<EndpointSpec>; readonly ttlMs?: number; readonly error?: unknown };

/**
 * Where endpoints come from: a function that is asked again and again, or lists as they come. What it throws leaves the endpoints as they are, and
 * says by a number `retryAfterMs` when to ask again at the earliest.
 */
export type Source = (() => Listing | PromiseLike<Listing>) | AsyncIterable<Iterable<EndpointSpec>>;

export interface PollOptions extends AskOptions {
  /** How long a list holds whose answer has no `Cache-Control: max-age`, 1000..=86400000. Default 30000. */
  readonly ttlMs?: number;
  /** Makes a list of the answer. Default: its JSON is an array of URLs or of `{ url, weight, ... }`, or `{ endpoints: [...] }`. */
  readonly parse?: (response: Response) => Promise<Iterable<EndpointSpec>>;
}

/** A list at a URL. What has not changed is not sent again (`ETag`), and a list holds as long as its `Cache-Control` says. */
export function poll(url: string | URL, options: PollOptions = {}): Source {
  spelledAsKnown('options', check.object('options', options), ['fetch', 'headers', 'timeoutMs', 'ttlMs', 'parse']);
  const { headers, ttlMs = 30_000, parse = parseJson } = options;
  check.number('ttlMs', ttlMs, 1000, 86_400_000);
  if (options.timeoutMs !== undefined) check.positive('timeoutMs', options.timeoutMs);
  let etag: string | null = null;
  let known: Iterable<EndpointSpec> | undefined;
  return () => {
    const sent = new Headers(headers);
    if (etag !== null && known) sent.set('if-none-match', etag);
    return ask(url, { headers: sent }, options, known ? [304] : [], async (response) => {
      if (response.status !== 304 || !known) {
        known = [...(await parse(response))];
        etag = response.headers.get('etag');
      }
      const age = /max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '')?.[1];
      const holds = age === undefined ? ttlMs : Math.min(Math.max(Number(age) * 1000, 1000), 86_400_000);
      return { endpoints: known, ttlMs: holds };
    });
  };
}

async function parseJson(response: Response): Promise<Iterable<EndpointSpec>> {
  const json: unknown = await response.json();
  const list = Array.isArray(json) ? json : (json as { endpoints?: unknown } | null)?.endpoints;
  if (!Array.isArray(list)) throw new TypeError('the list must be a JSON array, or an object with endpoints');
  return list as EndpointSpec[];
}
