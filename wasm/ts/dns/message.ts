/** What a DNS answer says, whatever form it came in. */
export interface Message {
  /** 0 if the question was answered, 3 if there is no such name (RFC 1035 §4.1.1). */
  readonly status: number;
  /** It did not fit, and is not whole. */
  readonly truncated: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** A record of a type that matters here; names are in lower case, without the trailing dot, and the root is ''. */
export interface DnsRecord {
  readonly name: string;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  /** The address as URLs have it, the alias, the target of SRV; '' for SOA. */
  readonly text: string;
  /** Priority, weight and port of SRV; of SOA, how long its holder says that nothing is there, in seconds. */
  readonly numbers: readonly number[];
}

export const [A, CNAME, SOA, AAAA, SRV] = [1, 5, 6, 28, 33] as const;

/** What types are called. */
export const TYPES: Readonly<Record<number, string>> = { [A]: 'A', [AAAA]: 'AAAA', [SRV]: 'SRV' };

/** A host's name: what may stand in a URL, and in a question. Underscores are in names of services. */
export function isHost(name: string): boolean {
  return name.length <= 253 && /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/.test(name);
}

/** A time to live: 31 bits, and whoever says more says 0 (RFC 2181 §8). */
export function seconds(ttl: number): number {
  return ttl < 2 ** 31 ? ttl : 0;
}
