/**
 * Endpoints from DNS over HTTPS: the source for browsers and workers, which cannot ask a name server themselves.
 *
 * It reads DNS itself, in a few kilobytes beside the module instead of in it: whoever does not import it does not download it.
 */
import { SourceError, type AskOptions } from './ask.js';
import * as check from './check.js';
import { A, AAAA, SRV, isHost, type DnsRecord } from './dns/message.js';
import { asked, glue, places, split, type Found, type Place } from './dns/records.js';
import { Resolver } from './dns/resolver.js';
import type { Source } from './source.js';
import { known } from './spelling.js';

export { SourceError } from './ask.js';
export type { AskOptions } from './ask.js';

export interface DohOptions extends AskOptions {
  /**
   * Whom to ask: a URL such as `https://dns.example/dns-query`, or several, of which the next is asked where one does not know. There is no
   * default, as whoever is asked learns what for.
   */
  readonly resolver: string | URL | readonly (string | URL)[];
  /** How to ask: RFC 8484's messages, or the JSON that some servers have besides. Default `wire`. */
  readonly form?: 'wire' | 'json';
  /** Whether the name is a service's, with SRV records. Default: if it begins with an underscore, as in `_api._tcp.example.com`. */
  readonly srv?: boolean;
  /** What the endpoints' URLs begin with. Default `https`. */
  readonly scheme?: string;
  /** The endpoints' port, 1..=65535. Needed without SRV records, which have their own otherwise. */
  readonly port?: number;
  /**
   * Whether targets of SRV records become an endpoint for each of their addresses, which share the weight. Default false: the target's name is in the
   * URL, as certificates want it. Without SRV records, endpoints are addresses in any case.
   */
  readonly addresses?: boolean;
  /** Which addresses: 4 or 6. Default both. */
  readonly family?: 4 | 6;
}

const OPTIONS = ['resolver', 'form', 'srv', 'scheme', 'port', 'addresses', 'family', 'fetch', 'headers', 'timeoutMs'];

/** The bounds of how long an answer holds, and how long one holds that does not say, in seconds: as the core has them. */
const [LEAST, MOST, DEFAULT] = [5, 300, 30];

/** The most questions for addresses at once, and in all. */
const [AT_ONCE, QUESTIONS] = [16, 256];

/**
 * The endpoints of a name, asked for anew when their time to live is over.
 *
 * An answer without endpoints and one that is no answer leave the endpoints as they are: it is asked again after a while, or when the zone says.
 *
 * @throws {TypeError | RangeError} if an option is wrong.
 * @example
 * createBalancer({ endpoints: doh('_api._tcp.example.com', { resolver: 'https://dns.example/dns-query' }) })
 */
export function doh(name: string, options: DohOptions): Source {
  const { form = 'wire', scheme = 'https', port, addresses = false, family } = known('options', check.object('options', options), OPTIONS);
  const host = check.text('name', name).toLowerCase().replace(/\.$/, '');
  if (!isHost(host)) throw new TypeError(`name must be a name of DNS such as "_api._tcp.example.com", not ${check.show(name)}`);
  const srv = check.flag('srv', options.srv ?? host.startsWith('_'));
  check.flag('addresses', addresses);
  if (form !== 'wire' && form !== 'json') throw new TypeError(`form must be "wire" or "json", not ${check.show(form)}`);
  if (family !== undefined && family !== 4 && family !== 6) throw new TypeError(`family must be 4 or 6, not ${check.show(family)}`);
  if (!/^[a-z][a-z0-9+.-]*$/i.test(check.text('scheme', scheme))) throw new TypeError(`scheme must be such as "https", not ${check.show(scheme)}`);
  if (port !== undefined || !srv) check.integer('port', port, 1, 65_535);
  if (options.timeoutMs !== undefined) check.positive('timeoutMs', options.timeoutMs);
  const resolver = new Resolver(servers(options.resolver), form === 'json', options);
  const types = family === 4 ? [A] as const : family === 6 ? [AAAA] as const : [A, AAAA] as const;
  const hosts = new Hosts(resolver, types);
  return async () => {
    const { list, ttl, error } = srv
      ? await service(resolver, host, addresses ? hosts : undefined)
      : await plain(hosts, { host, port: port!, priority: 0, weight: 1 });
    const endpoints = list.map(({ host, priority, weight, port: own }) => ({ url: `${scheme}://${host}:${port ?? own}`, priority, weight }));
    return { endpoints, ttlMs: life(ttl), ...(error === undefined ? {} : { error }) };
  };
}

interface List {
  readonly list: readonly Place[];
  readonly ttl: number;
  /** What could not be asked. */
  readonly error?: unknown;
}

async function service(resolver: Resolver, name: string, hosts: Hosts | undefined): Promise<List> {
  const answer = await resolver.resolve(name, SRV);
  const found = places(answer.records);
  if (found.length === 0) throw nothing(name, SRV, answer);
  if (!hosts) return { list: found, ttl: answer.ttl };
  const names = [...new Set(found.map(({ host }) => host))];
  const { ttl, error } = await hosts.ask(names, answer.additionals);
  const list = split(found, (host) => hosts.of(host));
  if (list.length === 0) throw error ?? new SourceError(`no target of ${asked(name, SRV)} has an address`);
  return { list, ttl: Math.min(answer.ttl, ttl), error };
}

async function plain(hosts: Hosts, place: Place): Promise<List> {
  const { ttl, error, empty } = await hosts.ask([place.host], []);
  const list = split([place], (host) => hosts.of(host));
  if (list.length === 0) throw error ?? nothing(place.host, A, empty);
  return { list, ttl, error };
}

/** The addresses of hosts. Those that could not be asked for stay as they were. */
class Hosts {
  readonly #known = new Map<string, readonly string[]>();

  constructor(
    readonly resolver: Resolver,
    readonly types: readonly (typeof A | typeof AAAA)[],
  ) {}

  of(host: string): readonly string[] {
    return [...new Set(this.types.flatMap((type) => this.#known.get(asked(host, type)) ?? []))];
  }

  /** Asks for what does not come along with other records; how long all of it holds, and what could not be asked. */
  async ask(names: readonly string[], additionals: readonly DnsRecord[]): Promise<{ ttl: number; error?: unknown; empty?: Found }> {
    const all = names.flatMap((host) => this.types.map((type) => ({ host, type, key: asked(host, type) })));
    const wanted = new Set(all.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#known.delete(key);
    const left = all.filter(({ host, type, key }) => {
      const here = glue(additionals, host, type);
      if (here.length > 0) this.#known.set(key, here);
      return here.length === 0;
    });
    if (left.length > QUESTIONS) {
      throw new SourceError(`the addresses of all targets are ${left.length} questions, and the most are ${QUESTIONS}: leave addresses off`);
    }
    const ttls = additionals.filter(({ name, type }) => wanted.has(asked(name, type))).map(({ ttl }) => ttl);
    let error: unknown;
    let empty: Found | undefined;
    const worker = async (): Promise<void> => {
      for (let next = left.pop(); next; next = left.pop()) {
        try {
          const { host, type, key } = next;
          const answer = await this.resolver.resolve(host, type);
          this.#known.set(key, answer.records.map(({ text }) => text));
          if (answer.records.length > 0) ttls.push(answer.ttl);
          else empty = answer;
        } catch (failure) {
          error ??= failure;
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return { ttl: Math.min(...ttls), error, ...(empty ? { empty } : {}) };
  }
}

/** Why there are no endpoints, which is no reason to forget those that are known. */
function nothing(name: string, type: number, answer: Found | undefined): SourceError {
  const ttl = answer?.ttl ?? 0;
  const what = answer?.records.length ? 'none of the records names a server' : 'there are no records';
  return new SourceError(`${what}: ${asked(name, type)}`, ttl > 0 ? Math.min(Math.max(ttl, LEAST), 60) * 1000 : undefined);
}

/** How long a list holds, in milliseconds: a little longer for each, so that not all ask at once, and never less, as only a cache would answer. */
function life(ttl: number): number {
  const bound = Math.min(Math.max(ttl > 0 && ttl < Infinity ? ttl : DEFAULT, LEAST), MOST);
  return bound * 1000 * (1 + Math.random() / 10);
}

function servers(resolver: DohOptions['resolver']): string[] {
  const all = Array.isArray(resolver) ? (resolver as readonly (string | URL)[]) : [resolver as string | URL];
  if (all.length === 0) throw new TypeError('resolver must be a URL, or several: there is none');
  // The template of RFC 8484 §4.1 is filled in anyway.
  return all.map((server) => check.url('resolver', typeof server === 'string' ? server.replace(/\{\?dns\}$/, '') : server));
}
