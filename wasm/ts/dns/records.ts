import { A, AAAA, CNAME, SOA, SRV, TYPES, isHost, type DnsRecord, type Message } from './message.js';

/** The records that were asked for, and how long they hold. */
export interface Found {
  readonly records: readonly DnsRecord[];
  /** Seconds; of an empty answer, how long nothing will be there. Not said: 0. */
  readonly ttl: number;
  readonly additionals: readonly DnsRecord[];
}

/** A server among others. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/**
 * What an answer says to a question. Aliases are followed within it; no such name, and no records of that type, are both an empty answer.
 *
 * @throws {Error} if it says neither.
 */
export function found(message: Message, name: string, type: number): Found {
  const { status, truncated, answers, authorities, additionals } = message;
  if (truncated) throw new Error('the answer is truncated');
  if (status !== 0 && status !== 3) throw new Error(CODES[status] ?? `status ${status}`);
  let owner = name;
  let ttl = Infinity;
  for (let aliases = 0; aliases <= answers.length; aliases++) {
    const records = answers.filter((record) => record.name === owner && record.type === type);
    if (records.length > 0) return { records, ttl: records.reduce((least, record) => Math.min(least, record.ttl), ttl), additionals };
    const alias = answers.find((record) => record.name === owner && record.type === CNAME);
    if (!alias) break;
    owner = alias.text;
    ttl = Math.min(ttl, alias.ttl);
  }
  // RFC 2308 §5: nothing is there for as long as the zone says.
  const zone = authorities.find((record) => record.type === SOA);
  return { records: [], ttl: zone ? Math.min(ttl, zone.ttl, zone.numbers[0]!) : 0, additionals: [] };
}

const CODES: Readonly<Record<number, string>> = { 1: 'FORMERR', 2: 'SERVFAIL', 4: 'NOTIMP', 5: 'REFUSED' };

/**
 * The servers that SRV records name; a record without a port, or whose target is no host, names none (RFC 2782).
 *
 * Weights are the core's: within a priority with `z` zero weights, `w` becomes `w * z` and 0 becomes 1; equal ones become 1.
 */
export function places(records: readonly DnsRecord[]): Place[] {
  const usable = records.filter(({ type, text, numbers }) => type === SRV && isHost(text) && numbers[2]! > 0);
  return usable.map(({ text, numbers: [priority, weight, port] }) => {
    const level = usable.filter(({ numbers }) => numbers[0] === priority).map(({ numbers }) => numbers[1]!);
    const zeros = level.filter((other) => other === 0).length;
    const equal = level.every((other) => other === weight);
    return { host: text, port: port!, priority: priority!, weight: equal ? 1 : weight! * Math.max(zeros, 1) || 1 };
  });
}

/** The addresses of a host among additional records, by type. */
export function glue(additionals: readonly DnsRecord[], host: string, type: typeof A | typeof AAAA): string[] {
  return additionals.filter((record) => record.name === host && record.type === type).map(({ text }) => text);
}

/** Each server by its addresses, which share its weight; those of a priority grow together so that shares are whole. */
export function split(places: readonly Place[], addresses: (host: string) => readonly string[]): Place[] {
  const counts = places.map((place) => ({ place, hosts: addresses(place.host) }));
  const factors = new Map<number, number>();
  for (const { place, hosts } of counts) {
    if (hosts.length === 0) continue;
    const factor = factors.get(place.priority) ?? 1;
    const needed = hosts.length / gcd(hosts.length, place.weight);
    const common = (factor / gcd(factor, needed)) * needed;
    // Beyond it, shares are rounded.
    factors.set(place.priority, common <= 65_536 ? common : factor);
  }
  return counts.flatMap(({ place, hosts }) => {
    const share = Math.round((place.weight * factors.get(place.priority)!) / hosts.length);
    const weight = Math.min(Math.max(share, 1), 2 ** 32 - 1);
    return hosts.map((host) => ({ ...place, host, weight }));
  });
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** What was asked, for messages. */
export function asked(name: string, type: number): string {
  return `${name} ${TYPES[type]}`;
}
