/**
 * Endpoints from a content steering manifest: a server says in which order a player's networks are to be used
 * (HLS: RFC 8216bis §7; DASH: ETSI TS 103 998).
 */
import { ask, json, SourceError, where, type AskOptions } from './ask.js';
import * as check from './check.js';
import type { Listing, Source } from './source.js';
import { known } from './spelling.js';

export { SourceError } from './ask.js';
export type { AskOptions } from './ask.js';

export interface SteeringOptions extends AskOptions {
  /** The pathways by their ids (DASH: the service locations), and their URLs. In this order they serve until there is a manifest. */
  readonly pathways: Readonly<Record<string, string | URL>>;
  /** Whose parameters tell the server where the player is. Default `hls`. */
  readonly protocol?: 'hls' | 'dash';
  /** The pathway in use and its throughput in bits a second, which the server is told. */
  readonly current?: () => { readonly pathway?: string; readonly throughput?: number };
}

const OPTIONS = ['pathways', 'protocol', 'current', 'fetch', 'headers', 'timeoutMs'];

/** The longest manifest in bytes, how long one holds that does not say in seconds, and the most pathways with their clones. */
const [MOST, TTL, CLONES] = [2 ** 20, 300, 256];

const DAY = 86_400;

/**
 * The pathways as a server wants them used: the first of its list has the priority 0, and one that it leaves out is not used. Clones become endpoints
 * of their own.
 *
 * Until there is a manifest, and where none can be had, the pathways serve in the order in which they are given. One that cannot be
 * loaded is asked for again when the last one's time is over, and one that is gone (410) is not.
 *
 * @throws {TypeError | RangeError} if an option is wrong.
 * @example
 * createBalancer({ endpoints: steering('https://steering.example/v1', { pathways: { a: 'https://a.example', b: 'https://b.example' } }) })
 */
export function steering(url: string | URL, options: SteeringOptions): Source {
  const { pathways, protocol = 'hls', current } = known('options', check.object('options', options), OPTIONS);
  const all = new Map(Object.entries(check.object('pathways', pathways)).map(([id, url]) => [id, check.url(`pathways.${id}`, url)]));
  if (all.size === 0) throw new RangeError('pathways must have one pathway at least, not 0');
  if (protocol !== 'hls' && protocol !== 'dash') throw new TypeError(`protocol must be "hls" or "dash", not ${check.show(protocol)}`);
  if (current !== undefined && typeof current !== 'function') throw new TypeError(`current must be a function, not ${check.show(current)}`);
  if (options.timeoutMs !== undefined) check.positive('timeoutMs', options.timeoutMs);
  let next = check.url('url', url);
  let ttl = TTL;
  let list: { readonly endpoints: readonly Pathway[]; readonly ttlMs: number } | undefined;
  let gone = false;
  return async () => {
    const last = (): Listing => ({ endpoints: list ? list.endpoints : inOrder(all), ttlMs: DAY * 1000 });
    if (gone) return last();
    const sent = new URL(next);
    for (const [name, value] of parameters(protocol, current?.() ?? {})) sent.searchParams.set(name, value);
    try {
      const { body, at } = await ask(sent, {}, { ...options }, [410], async (response) =>
        response.status === 410 ? { body: undefined, at: next } : { body: await json(response, MOST), at: response.url || next },
      );
      if (body === undefined) {
        gone = true;
        return last();
      }
      const manifest = read(body, at, all);
      for (const [id, url] of manifest.clones) all.set(id, url);
      [next, ttl] = [manifest.reload ?? next, manifest.ttl];
      return (list = { endpoints: manifest.endpoints, ttlMs: ttl * 1000 });
    } catch (cause) {
      const { retryAfterMs = ttl * 1000, message } = cause as SourceError;
      const error = new SourceError(`no steering manifest: ${message}`, retryAfterMs, { cause });
      if (list) throw error;
      return { endpoints: inOrder(all), error };
    }
  };
}

interface Pathway {
  readonly url: string;
  readonly priority: number;
}

function inOrder(pathways: ReadonlyMap<string, string>): Pathway[] {
  return Array.from(pathways.values(), (url, priority) => ({ url, priority }));
}

/** What the server is told. */
function parameters(protocol: 'hls' | 'dash', now: { readonly pathway?: string; readonly throughput?: number }): [string, string][] {
  const { pathway, throughput } = now;
  const told: [string, string][] = [];
  const prefix = `_${protocol.toUpperCase()}_`;
  if (pathway !== undefined) told.push([`${prefix}pathway`, protocol === 'dash' ? `"${pathway}"` : pathway]);
  if (throughput !== undefined && throughput >= 0 && throughput < Infinity) told.push([`${prefix}throughput`, String(Math.round(throughput))]);
  return told;
}

interface Manifest {
  readonly endpoints: readonly Pathway[];
  readonly clones: ReadonlyMap<string, string>;
  readonly ttl: number;
  readonly reload: string | undefined;
}

/** Reads a manifest from this URL, to which its own are relative. Nothing of one is taken that is wrong anywhere. */
function read(body: unknown, at: string, pathways: ReadonlyMap<string, string>): Manifest {
  const manifest = fields('the manifest', body);
  if (manifest['VERSION'] !== 1) throw new Error(`VERSION must be 1, not ${JSON.stringify(manifest['VERSION'])}`);
  const { TTL: ttl = TTL, 'RELOAD-URI': reload } = manifest;
  if (typeof ttl !== 'number' || !(ttl >= 0)) throw new Error(`TTL must be a number of seconds, not ${JSON.stringify(ttl)}`);
  const clones = cloned(manifest['PATHWAY-CLONES'] ?? [], pathways);
  const order = manifest['PATHWAY-PRIORITY'] ?? manifest['SERVICE-LOCATION-PRIORITY'];
  if (!Array.isArray(order)) throw new Error(`PATHWAY-PRIORITY must be an array of ids, not ${JSON.stringify(order)}`);
  const named = [...new Set(order as string[])].map((id) => pathways.get(id) ?? clones.get(id));
  const urls = named.filter((url) => url !== undefined);
  if (urls.length === 0) throw new Error(`PATHWAY-PRIORITY names none of the pathways: ${JSON.stringify(order)}`);
  return {
    endpoints: urls.map((url, priority) => ({ url, priority })),
    clones,
    ttl: Math.min(Math.max(ttl, 1), DAY),
    reload: reload === undefined ? undefined : resolved(string('RELOAD-URI', reload), at),
  };
}

/** The clones that are new. A clone may be one of a clone before it; those of pathways that are not known are left out. */
function cloned(list: unknown, pathways: ReadonlyMap<string, string>): Map<string, string> {
  if (!Array.isArray(list)) throw new Error(`PATHWAY-CLONES must be an array, not ${JSON.stringify(list)}`);
  const clones = new Map<string, string>();
  for (const item of list as unknown[]) {
    const clone = fields('a clone', item);
    const [id, base] = [string('ID', clone['ID']), string('BASE-ID', clone['BASE-ID'])];
    const { HOST, PARAMS = {} } = fields('URI-REPLACEMENT', clone['URI-REPLACEMENT']);
    const from = pathways.get(base) ?? clones.get(base);
    if (from === undefined || pathways.has(id) || clones.has(id)) continue;
    const url = new URL(from);
    if (HOST !== undefined) {
      // A host that is none would be ignored without a word.
      if (!/^[\w.-]+(:\d+)?$/.test(string('HOST', HOST))) throw new Error(`HOST must be a host, not ${JSON.stringify(HOST)}`);
      url.host = HOST as string;
    }
    for (const [name, value] of Object.entries(fields('PARAMS', PARAMS))) url.searchParams.set(name, string(`PARAMS.${name}`, value));
    clones.set(id, url.href);
  }
  const count = clones.size + pathways.size;
  if (count > CLONES) throw new Error(`there are ${count} pathways and clones, and the most are ${CLONES}`);
  return clones;
}

function resolved(uri: string, at: string): string {
  const url = new URL(uri, at);
  if (!/^https?:$/.test(url.protocol)) throw new Error(`RELOAD-URI must be a URL of http or https, not ${JSON.stringify(where(uri))}`);
  return url.href;
}

function fields(what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${what} must be an object, not ${JSON.stringify(value)}`);
}

function string(what: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(`${what} must be a string, not ${JSON.stringify(value)}`);
}
