import { budget as checkBudget, type Budget } from './budget.js';
import * as check from './check.js';
import { EventLog, events, type BalancerEvent, type EventCounts } from './event.js';
import { MOST_SLOTS, MOST_WHYS, REFUSALS, UNWEIGHTED, WHYS, type Refusal } from './generated.js';
import * as module from './glue.js';
import { freeWith, type Once } from './handle.js';
import { readNumbers, writeText } from './memory.js';
import { Pick } from './pick.js';
import type { Imported, Parts } from './parts.js';
import type { Policy } from './policy.js';
import type { BalancerConfig } from './settings.js';
import { started } from './start.js';
import { endpoints, type EndpointInfo } from './status.js';
import { Texts } from './texts.js';

export type { PolicyName } from './generated.js';
export type { Imported } from './parts.js';
export type { Policy } from './policy.js';

/**
 * What requests that belong together have in common. It is hashed (XXH64, as everywhere in evenkeel), numbers as their decimal text; who has
 * a hash already, 0..=2^64-1, gives `{ hash }`.
 */
export type Key = string | number | bigint | { readonly hash: number | bigint };

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

export interface BalancerOptions {
  readonly endpoints?: Iterable<EndpointSpec>;
  /** Default `peak_ewma`. */
  readonly policy?: Policy;
  readonly config?: BalancerConfig;
  /** Bounds the retries and hedges of calls; may be shared with other balancers that have the same clock. Default: none. */
  readonly budget?: Budget;
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

/**
 * Why there is no endpoint to pick: there are none; all drain or have weight 0; all are ejected, overloaded or down; all have as
 * many requests in flight as they may have (`busy`), perhaps until another one comes back; or the policy wants none of them.
 */
export interface NoPick {
  readonly reason: Refusal;
  /** When another endpoint comes back into service at the latest. */
  readonly until: number | undefined;
}

/** Everything of a balancer but the loop of a call: a set of endpoints to pick from. It starts no timer and does no I/O. */
export class Picker {
  /** @internal Of calls that have none of their own. */
  readonly budget: Budget | undefined;
  /** @internal The balancer in the module. */
  readonly handle: number;
  /** @internal */
  dropped = 0;
  /** Picks that are not watched yet, by their tickets, and how many there were since that was looked at. */
  #few: Pick[] = [];
  #unseen = 0;
  readonly #parts: Parts;
  readonly #now: () => number;
  #seeded: boolean;
  /** Whether the policy ignores weights, until that has been said. */
  #unweighted: boolean;
  #noPick: NoPick | undefined;
  /** Taken from the module, but not yet by the user. */
  readonly #events = new EventLog();
  readonly #texts = new Texts();
  /** URLs by slot index, of those that left until another one has their slot. */
  readonly #urls: string[] = [];
  readonly #indices = new Map<string, number>();
  readonly #watchers = new Set<() => void>();
  /** Names by number, from 1 on. */
  readonly #zones: (string | undefined)[] = [undefined];
  readonly #zoneNumbers = new Map<string, number>();

  constructor(options: BalancerOptions = {}) {
    const parts = (this.#parts = started());
    const { endpoints = [], policy = 'peak_ewma', config = {}, budget, seed, now = () => performance.now() } = check.object('options', options);
    check.text('policy', policy);
    check.callable('now', now);
    this.#now = now;
    this.budget = budget === undefined ? undefined : checkBudget(budget);
    const [handle, texts] = [(this.handle = module.new_balancer()), this.#texts];
    freeWith(this, freed(handle, texts));
    const [index, first, second] = parts.policy(policy);
    const given = Number(first !== undefined) + 2 * Number(second !== undefined);
    module.set_policy(handle, index, given, ...check.halves(first ?? 0n), ...check.halves(second ?? 0n));
    parts.throwFault(handle, 'parameter');
    for (const [setting, number] of parts.settings(config, (name) => this.#zone(name))) module.set(handle, setting, number);
    this.#unweighted = UNWEIGHTED.includes(policy);
    this.#seeded = seed !== undefined;
    module.seed(handle, ...check.seed(seed === undefined ? 0 : seed));
    parts.throwFault(handle, 'setting');
    this.update(endpoints);
  }

  /** Replaces the whole set, an empty one included. Endpoints that stay keep their counts and their turn. */
  update(endpoints: Iterable<EndpointSpec>, now?: number): Changes {
    const at = this.#time(now);
    this.#stage(endpoints);
    module.update(this.handle, at);
    return this.#changed();
  }

  /** Adds one endpoint, or changes the one of the same URL. */
  insert(endpoint: EndpointSpec, now?: number): Changes {
    const at = this.#time(now);
    this.#stage([endpoint]);
    module.insert(this.handle, at);
    return this.#changed();
  }

  /** Takes out the endpoint of this URL; whether it was there. */
  remove(url: string | URL, now?: number): boolean {
    const at = this.#time(now);
    const text = this.#texts.get(check.url('url', url));
    const removed = text !== undefined && module.remove(this.handle, at, text) !== 0;
    this.#index();
    return removed;
  }

  /** Picks the endpoint for a request; `null` if there is none. */
  pick(options?: PickOptions): Pick | null {
    if (options === undefined) return this.toPick(module.pick(this.seeded(), this.clock()));
    const { key, avoid, now } = check.object('options', options);
    const at = this.#time(now);
    const handle = this.seeded();
    const checked = key === undefined ? undefined : check.key(key);
    const slots = avoid === undefined ? [] : this.#slots(avoid);
    // Nothing is laid ready before all is checked: a pick that throws leaves nothing to the next one.
    if (checked !== undefined) this.stageKey(checked);
    for (const index of slots) module.avoid(handle, index);
    return this.toPick(module.pick(handle, at));
  }

  /** Why the last pick found nothing, if it did. */
  get noPick(): NoPick | undefined {
    return this.#noPick;
  }

  /** Every endpoint, in the order of URLs. */
  endpoints(): EndpointInfo[] {
    return endpoints((index) => this.url(index), readNumbers(module.endpoints(this.handle)), (number) => this.#zones[number]);
  }

  /** What changed since it was asked last, oldest first, for logs and metrics: the last 256 events. */
  events(): BalancerEvent[] {
    this.#takeEvents();
    return this.#events.take();
  }

  /**
   * Counts all events since the balancer began, for metrics. Of those since it or `events` was asked last, the last 256 are told apart, and
   * the others are `lost`: ask now and then. What is counted still waits in `events`.
   */
  eventCounts(): EventCounts {
    this.#takeEvents();
    return { ...this.#events.counts(), dropped: this.dropped };
  }

  /** Takes over what your own checks find of an endpoint: one that is down gets no requests. Whether it is in the set. */
  setDown(url: string | URL, down: boolean, now?: number): boolean {
    const at = this.#time(now);
    check.flag('down', down);
    const handle = this.seeded();
    const index = this.#indices.get(check.url('url', url));
    if (index !== undefined) module.set_down(handle, at, index, down);
    this.#tell();
    return index !== undefined;
  }

  /**
   * What was learned of the endpoints, as a text for `importState`: ejections, failures that count towards the next, answer times,
   * whose turn is next. Keep the date beside it. A text is for the same version of this package.
   */
  exportState(now?: number): string {
    return this.#parts.exportState(this.handle, this.#time(now));
  }

  /**
   * Goes on with what another balancer knew `ageMs` ago, at most an hour; of endpoints that are in the set, unless something was
   * reported of them here.
   *
   * @throws {RangeError} if the text is damaged, too old, of another version or about other endpoints; then nothing changes.
   */
  importState(text: string, options: { readonly ageMs?: number; readonly now?: number } = {}): Imported {
    const { ageMs = 0, now } = check.object('options', options);
    check.text('text', text);
    check.duration('ageMs', ageMs);
    const at = this.#time(now);
    return this.#parts.importState(this.seeded(), at, text, ageMs);
  }

  /** How many endpoints there are. */
  get size(): number {
    return this.#indices.size;
  }

  /** @internal The balancer in the module, seeded: only a request may ask for random numbers in Workers. */
  seeded(): number {
    if (!this.#seeded) {
      const [hi = 0, lo = 0] = crypto.getRandomValues(new Uint32Array(2));
      this.#takeEvents();
      module.seed(this.handle, hi, lo);
      this.#seeded = true;
      this.#index();
    }
    return this.handle;
  }

  /** @internal When an endpoint may come back. */
  due(): number {
    return module.due(this.handle);
  }

  /** @internal Calls back whenever there may be an endpoint that there was not before; returns how to end that. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  /** @internal */
  clock(): number {
    const now = this.#now;
    return check.time(now());
  }

  /** @internal The key of the next pick. */
  stageKey(key: string | check.Bits): void {
    // The few policies have no use for one.
    if (!this.#parts.complete) return;
    if (typeof key !== 'string') return module.key(this.handle, ...key);
    writeText(key);
    module.key_of_text(this.handle);
  }

  /** @internal */
  toPick(packed: number, call?: Once): Pick | null {
    if (packed < 0) {
      const until = module.until(this.handle);
      this.#noPick = { reason: REFUSALS[-1 - packed]!, until: until < Infinity ? until : undefined };
      // Some may be busy with what was dropped.
      this.#netFew();
      return null;
    }
    this.#noPick = undefined;
    // The lowest 32 bits hold slot and reason, and some of the ticket.
    const index = (packed >>> WHY_BITS) & (MOST_SLOTS - 1);
    const ticket = Math.floor(packed / (MOST_WHYS * MOST_SLOTS));
    const pick = new Pick(this, ticket, index, this.url(index), WHYS[packed & (MOST_WHYS - 1)]!, call);
    if (ticket < FEW) this.#few[ticket] = pick;
    else pick.net();
    if (++this.#unseen >= SEEN) this.#netFew();
    return pick;
  }

  /** Has those watched for being dropped that are still under way. */
  #netFew(): void {
    for (const pick of this.#few) pick?.net();
    this.#few = [];
    this.#unseen = 0;
  }

  /** @internal */
  url(index: number): string {
    return this.#urls[index] ?? '';
  }

  /** The number of a zone; the core knows them by that. */
  #zone(name: string): number {
    const number = this.#zoneNumbers.get(name) ?? this.#zones.push(name) - 1;
    this.#zoneNumbers.set(name, number);
    return number;
  }

  /** The slots of those of these URLs that are in the set. */
  #slots(urls: Iterable<string | URL>): number[] {
    const texts = typeof urls === 'string' ? [urls] : Array.from(check.iterable('avoid', urls), String);
    return texts.map((url) => this.#indices.get(url)).filter((index) => index !== undefined);
  }

  /** Checks every endpoint before the first one is taken over: bad input changes nothing. */
  #stage(endpoints: Iterable<EndpointSpec>): void {
    const checked = Array.from(check.iterable('endpoints', endpoints), (endpoint, place) => {
      const name = `endpoint ${place}`;
      const spec = typeof endpoint === 'object' && endpoint !== null && 'url' in endpoint ? endpoint : { url: endpoint };
      const url = check.url(name, spec.url);
      const weight = check.integer(`${name} (${url}): weight`, spec.weight ?? 1, 0, 0xffff_ffff);
      const priority = check.integer(`${name} (${url}): priority`, spec.priority ?? 0, 0, 0xffff);
      const zone = spec.zone === undefined ? undefined : check.text(`${name} (${url}): zone`, spec.zone);
      const draining = check.flag(`${name} (${url}): draining`, spec.draining ?? false);
      return { url, weight, priority, zone, draining };
    });
    // Of those that are meant to serve.
    if (this.#unweighted && new Set(checked.flatMap(({ weight, draining }) => (draining ? [] : weight || []))).size > 1) {
      this.#unweighted = false;
      console.warn('evenkeel: the policy ignores that weights differ; peak_ewma does not');
    }
    for (const { url, weight, priority, zone, draining } of checked) {
      module.stage(this.handle, this.#texts.keep(url), weight, priority, zone === undefined ? 0 : this.#zone(zone), draining);
    }
  }

  #changed(): Changes {
    const [added = 0, removed = 0, changed = 0] = readNumbers(3);
    this.#index();
    this.#tell();
    return { added, removed, changed };
  }

  #index(): void {
    this.#indices.clear();
    const slots = readNumbers(module.slots(this.handle));
    for (let at = 0; at < slots.length; at += 2) {
      const [index, url] = [slots[at]!, this.#texts.of(slots[at + 1]!)];
      this.#urls[index] = url;
      this.#indices.set(url, index);
    }
    this.#texts.retain(this.#urls);
  }

  #tell(): void {
    for (const changed of this.#watchers) changed();
  }

  #takeEvents(): void {
    const length = module.events(this.handle);
    if (length > 0) this.#events.push(events(readNumbers(length), (index) => this.url(index)));
  }

  #time(now: number | undefined): number {
    return now === undefined ? this.clock() : check.time(now);
  }
}

/** Frees a balancer's part of the module. Made here, as functions made in the constructor hold all that any of them holds: the balancer itself. */
function freed(handle: number, texts: Texts): () => void {
  return () => {
    module.free_balancer(handle);
    texts.free();
  };
}

/**
 * So many picks are not watched for being dropped at once, as that costs as much as a pick: those with the lowest tickets, which are used again. They
 * are when so many others have been picked, or when there is nothing to pick.
 */
const [FEW, SEEN] = [64, 1024];

const WHY_BITS = Math.log2(MOST_WHYS);
