import * as check from './check.js';

/** An endpoint's URL, taken apart once: requests are appended to it. */
export interface Base {
  /** Up to its path, which does not end in a slash. */
  readonly prefix: string;
  /** Its query with the `?`, which goes before the request's. */
  readonly search: string;
}

/** The one spelling of an endpoint's URL: `http://a`, `http://a/` and `HTTP://A:80` are the same. */
export function spelled(name: string, value: unknown): string {
  const text = check.url(name, value);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`${name} must have no user and no password: fetch refuses them; send ${url.host} an Authorization header`);
  }
  if (url.hash !== '') throw new TypeError(`${name} must have no fragment, and ${check.show(text)} has ${check.show(url.hash)}`);
  // The parser's notation of what it understands as scheme, host and port.
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}${url.search}`;
}

/** Takes apart what `spelled` gave. */
export function base(endpoint: string): Base {
  const prefix = endpoint.split('?', 1)[0]!;
  return { prefix, search: endpoint.slice(prefix.length) };
}

/** The URL of a request at an endpoint, with exactly one slash between their paths. */
export function join({ prefix, search }: Base, path: string): string {
  if (search === '') return prefix + path;
  const query = path.indexOf('?');
  return query < 0 ? prefix + path + search : `${prefix}${path.slice(0, query)}${search}&${path.slice(query + 1)}`;
}

/**
 * Path and query of a request, from the slash on. Where it names an origin, that is a placeholder, as the service's name is: an endpoint
 * stands in for it. Dots are resolved, so that no request leaves its endpoint's prefix.
 */
export function path(input: string | URL): string {
  if (typeof input === 'string' && PLAIN.test(input)) return input;
  let url!: URL;
  try {
    url = new URL(input, PLACE);
  } catch {
    check.must(false, 'the request', 'a path or a URL', input);
  }
  // Of "x:.b.example" the path has no slash: appended to "https://a", it would name another host.
  check.must(/^(\/|$)/.test(url.pathname), 'the request', 'a path or a URL', input);
  // "?x=1" alone is about the endpoint's own path.
  if (typeof input === 'string' && input.startsWith('?')) return url.search;
  return url.pathname + url.search;
}

/** What a path alone is taken to be at. */
export const PLACE = 'http://service.invalid/';

/** A path that `new URL` would leave as it is. */
const PLAIN = /^\/(?:[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@/-]*(?<!\/\/))?(?:\?[\w~!$&()*+,;=:@/?.%-]*)?$/;
