import * as check from './check.js';
import { Balancer as WasmBalancer, Why } from './glue.js';
import { Pick, type PickReason } from './pick.js';
import { run, type Attempt, type CallOptions } from './run.js';

export type PolicyName =
  | 'round_robin'
  | 'random'
  | 'weighted_round_robin'
  | 'weighted_random'
  | 'least_request'
  | 'peak_ewma'
  | 'rendezvous'
  | 'maglev'
  | 'ring_hash'
  | 'ketama'
  | 'pick_first';

/** A policy's name, perhaps with parameters in brackets: `least_request(full_scan)`, `maglev(size=251)`. */
export type Policy = PolicyName | `${PolicyName}(${string})`;

/**
 * What requests that belong together have in common. A text is hashed (XXH64, as everywhere in evenkeel); a number,
 * 0..=2^53-1, or a bigint, 0..=2^64-1, must be a hash already.
 */
export type Key = string | number | bigint;

/** An endpoint: its URL, or the URL with more. */
export type EndpointSpec =
  | string
  | URL
  | {
      readonly url: string | URL;
      /** Its share among endpoints of its priority, 0..=4294967295; 0 = drained. Default 1. */
      readonly weight?: number;
      /** Its level, 0..=65535: used only when no lower number has an endpoint to offer. Default 0. */
      readonly priority?: number;
      /** Where it is. Default: not known. */
      readonly zone?: string;
      /** Finishes what it has and gets nothing new. Default false. */
      readonly draining?: boolean;
    };

/** Who may be picked. */
export interface BalancerConfig {
  /**
   * How priorities share the requests: the first that has an endpoint to offer gets all (the default), or each gets what
   * it can take and leaves the rest to the next (Envoy's levels with overprovisioning and panic).
   */
  readonly levels?: 'first_available' | 'overprovisioned';
  /** The most endpoints of each priority that are used, 1..=4294967295; which ones follows from the seed. Default: all. */
  readonly subset?: number;
  /** The client's own zone, which is preferred as far as that keeps the load even. Default: zones do not matter. */
  readonly zone?: string;
  /** How long an endpoint that comes later gets less than its share, growing in tenths. Default: not at all. */
  readonly slowStartMs?: number;
}

export interface BalancerOptions {
  readonly endpoints?: Iterable<EndpointSpec>;
  /** Default `round_robin`. */
  readonly policy?: Policy;
  readonly config?: BalancerConfig;
  /** Makes picks reproducible; without it, the balancer seeds itself at its first request. */
  readonly seed?: number | bigint;
  /** The clock, in milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

/** How many endpoints came, went, and stayed with another weight or priority. */
export interface Changes {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

export interface PickOptions {
  /** For sticky policies: `rendezvous`, `maglev`, `ring_hash`, `ketama`. */
  readonly key?: Key;
  /** URLs to avoid as long as there are others; unknown ones are ignored. */
  readonly avoid?: Iterable<string | URL>;
  /** The time, in milliseconds of the balancer's clock. */
  readonly now?: number;
}

/** An endpoint and what was reported of it. */
export interface EndpointInfo {
  readonly url: string;
  readonly index: number;
  readonly weight: number;
  readonly priority: number;
  readonly zone: string | undefined;
  readonly draining: boolean;
  /** Whether it may be picked now. */
  readonly candidate: boolean;
  readonly successes: number;
  readonly failures: number;
  readonly canceled: number;
}

/** Balances requests over a set of endpoints. It starts no timer and does no I/O. */
export class Balancer {
  readonly #wasm: WasmBalancer;
  readonly #clock: () => number;
  #seeded: boolean;
  /** URLs by slot index. */
  #urls: string[] = [];
  #indices = new Map<string, number>();
  /** Names by number, from 1 on. */
  readonly #zones: (string | undefined)[] = [undefined];
  readonly #zoneNumbers = new Map<string, number>();

  constructor(options: BalancerOptions = {}) {
    const { endpoints = [], policy = 'round_robin', config = {}, seed, now = () => performance.now() } = options;
    if (typeof policy !== 'string') throw new TypeError(`policy must be a string, not ${check.show(policy)}`);
    if (typeof now !== 'function') throw new TypeError(`now must be a function, not ${check.show(now)}`);
    this.#clock = () => check.time(now());
    this.#wasm = this.#create(policy, config);
    this.#seeded = seed !== undefined;
    if (seed !== undefined) this.#wasm.seed(...check.seed(seed));
    this.update(endpoints);
  }

  /** Replaces the whole set, an empty one included. Endpoints that stay keep their counts and their turn. */
  update(endpoints: Iterable<EndpointSpec>, now?: number): Changes {
    const at = this.#time(now);
    this.#stage(endpoints);
    return this.#changed(this.#wasm.update(at));
  }

  /** Adds one endpoint, or changes the one of the same URL. */
  insert(endpoint: EndpointSpec, now?: number): Changes {
    const at = this.#time(now);
    this.#stage([endpoint]);
    return this.#changed(this.#wasm.insert(at));
  }

  /** Takes out the endpoint of this URL; whether it was there. */
  remove(url: string | URL, now?: number): boolean {
    const removed = this.#wasm.remove(this.#time(now), check.url('url', url));
    this.#index();
    return removed;
  }

  /** Picks the endpoint for a request; `null` if there is none. */
  pick({ key, avoid, now }: PickOptions = {}): Pick | null {
    const at = this.#time(now);
    const wasm = this.wasm;
    if (key !== undefined) this.stageKey(check.key(key));
    if (avoid !== undefined) {
      for (const url of typeof avoid === 'string' ? [avoid] : [...avoid]) {
        const index = this.#indices.get(String(url));
        if (index !== undefined) wasm.avoid(index);
      }
    }
    return this.toPick(wasm.pick(at));
  }

  /** Every endpoint, in the order of URLs. */
  endpoints(): EndpointInfo[] {
    const rows = this.#wasm.rows();
    return this.#wasm.urls().map((url, place) => {
      const row = rows.subarray(place * COLUMNS, (place + 1) * COLUMNS);
      const [index = 0, weight = 0, priority = 0, zone = 0, draining, candidate, ...counts] = row;
      const [successes = 0, failures = 0, canceled = 0] = counts;
      const about = { zone: this.#zones[zone], draining: draining === 1, candidate: candidate === 1 };
      return { url, index, weight, priority, ...about, successes, failures, canceled };
    });
  }

  /** How many endpoints there are. */
  get size(): number {
    return this.#indices.size;
  }

  /**
   * Calls `send` with one endpoint after another until it succeeds, and gives its result.
   *
   * @throws {LbError} when the retry options allow no other attempt.
   */
  call<T>(send: (attempt: Attempt) => T | PromiseLike<T>, options: CallOptions = {}): Promise<T> {
    return run(this, send, options);
  }

  /** @internal The wasm side, seeded: only a request may ask for random numbers in Workers. */
  get wasm(): WasmBalancer {
    if (!this.#seeded) {
      const [hi = 0, lo = 0] = crypto.getRandomValues(new Uint32Array(2));
      this.#wasm.seed(hi, lo);
      this.#seeded = true;
      this.#index();
    }
    return this.#wasm;
  }

  /** @internal */
  clock(): number {
    return this.#clock();
  }

  /** @internal The key of the next pick. */
  stageKey(key: string | check.Bits): void {
    if (typeof key === 'string') this.#wasm.key_of(key);
    else this.#wasm.key(...key);
  }

  /** @internal */
  toPick(ticket: number): Pick | null {
    if (ticket === NO_TICKET) return null;
    const index = this.#wasm.slot(ticket);
    return new Pick(this.#wasm, ticket, this.#clock, index, this.url(index), REASONS[this.#wasm.why(ticket)]);
  }

  /** @internal */
  url(index: number): string {
    return this.#urls[index] ?? '';
  }

  #create(policy: string, config: BalancerConfig): WasmBalancer {
    const { levels = 'first_available', subset, zone, slowStartMs } = config;
    if (levels !== 'first_available' && levels !== 'overprovisioned') {
      throw new RangeError(`levels must be "first_available" or "overprovisioned", not ${check.show(levels)}`);
    }
    if (subset !== undefined) check.integer('subset', subset, 1, 0xffff_ffff);
    if (slowStartMs !== undefined) check.positive('slowStartMs', slowStartMs);
    const own = zone === undefined ? undefined : this.#zone(check.text('zone', zone));
    return new WasmBalancer(policy, levels === 'overprovisioned', subset, own, slowStartMs);
  }

  /** The number of a zone; the core knows them by that. */
  #zone(name: string): number {
    const number = this.#zoneNumbers.get(name) ?? this.#zones.push(name) - 1;
    this.#zoneNumbers.set(name, number);
    return number;
  }

  /** Checks every endpoint before the first one is taken over: bad input changes nothing. */
  #stage(endpoints: Iterable<EndpointSpec>): void {
    if (typeof endpoints === 'string' || typeof endpoints?.[Symbol.iterator] !== 'function') {
      throw new TypeError(`endpoints must be an iterable of URLs, not ${check.show(endpoints)}`);
    }
    const checked = Array.from(endpoints, (endpoint, place) => {
      const name = `endpoint ${place}`;
      const spec = typeof endpoint === 'object' && endpoint !== null && 'url' in endpoint ? endpoint : { url: endpoint };
      const url = check.url(name, spec.url);
      const weight = check.integer(`${name} (${url}): weight`, spec.weight ?? 1, 0, 0xffff_ffff);
      const priority = check.integer(`${name} (${url}): priority`, spec.priority ?? 0, 0, 0xffff);
      const zone = spec.zone === undefined ? undefined : check.text(`${name} (${url}): zone`, spec.zone);
      const draining = check.flag(`${name} (${url}): draining`, spec.draining ?? false);
      return { url, weight, priority, zone, draining };
    });
    for (const { url, weight, priority, zone, draining } of checked) {
      this.#wasm.stage(url, weight, priority, zone === undefined ? 0 : this.#zone(zone), draining);
    }
  }

  #changed([added = 0, removed = 0, changed = 0]: Uint32Array): Changes {
    this.#index();
    return { added, removed, changed };
  }

  #index(): void {
    this.#urls = [];
    this.#indices.clear();
    for (const { url, index } of this.endpoints()) {
      this.#urls[index] = url;
      this.#indices.set(url, index);
    }
  }

  #time(now: number | undefined): number {
    return now === undefined ? this.#clock() : check.time(now);
  }
}

const REASONS: Record<Why, PickReason> = {
  [Why.Policy]: 'policy',
  [Why.Retry]: 'retry',
  [Why.Panic]: 'panic',
  [Why.LastResort]: 'last_resort',
};

const NO_TICKET = 0xffff_ffff;
const COLUMNS = 9;
