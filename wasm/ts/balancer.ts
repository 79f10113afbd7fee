import * as check from './check.js';
import { Balancer as WasmBalancer } from './glue.js';
import { Pick } from './pick.js';
import { run, type Attempt, type CallOptions } from './run.js';

export type PolicyName = 'round_robin' | 'random';

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
    };

export interface BalancerOptions {
  readonly endpoints?: Iterable<EndpointSpec>;
  /** Default `round_robin`. */
  readonly policy?: PolicyName;
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

  constructor({ endpoints = [], policy = 'round_robin', seed, now = () => performance.now() }: BalancerOptions = {}) {
    const policies = Array.from(policyNames());
    if (!policies.includes(policy)) {
      throw new RangeError(`unknown policy ${check.show(policy)}; known are: ${policies.join(', ')}`);
    }
    if (typeof now !== 'function') throw new TypeError(`now must be a function, not ${check.show(now)}`);
    this.#clock = () => check.time(now());
    this.#wasm = new WasmBalancer(policy);
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
  pick({ avoid, now }: PickOptions = {}): Pick | null {
    const at = this.#time(now);
    const wasm = this.wasm;
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
      const [index = 0, weight = 0, priority = 0, candidate = 0, successes = 0, failures = 0, canceled = 0] = row;
      return { url, index, weight, priority, candidate: candidate === 1, successes, failures, canceled };
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
    }
    return this.#wasm;
  }

  /** @internal */
  clock(): number {
    return this.#clock();
  }

  /** @internal */
  toPick(ticket: number): Pick | null {
    if (ticket === NO_TICKET) return null;
    const index = this.#wasm.slot(ticket);
    return new Pick(this.#wasm, ticket, this.#clock, index, this.url(index));
  }

  /** @internal */
  url(index: number): string {
    return this.#urls[index] ?? '';
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
      return { url, weight, priority };
    });
    for (const { url, weight, priority } of checked) this.#wasm.stage(url, weight, priority);
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

function* policyNames(): Iterable<string> {
  for (let place = 0, name; (name = WasmBalancer.policy_name(place)) !== undefined; place++) yield name;
}

const NO_TICKET = 0xffff_ffff;
const COLUMNS = 7;
