import type { Attempt, Attempted, Sent } from './attempt.js';
import { isOwn } from './body.js';
import { RetryBudget } from './budget.js';
import type { RetryOptions } from './call.js';
import * as check from './check.js';
import { Discovery } from './discovery.js';
import { LbError, LONGEST_TIMER } from './error.js';
import type { EventCounts } from './event.js';
import { follow, send, type FetchRules, type Owner } from './fetch.js';
import { Grace, type Spelled } from './grace.js';
import { accepted, isResponse, ofResponse, ofThrown, SUCCESS, type Answered, type Judgement } from './judge.js';
import { onAbort } from './listeners.js';
import { isRequest } from './request.js';
import { loop, type Answer, type Job, type Rest } from './loop.js';
import { Notices, type LbEvents } from './notices.js';
import { CALL, FETCH, REQUEST, checked, config, resolve, type LbCallOptions, type LbFetchOptions, type LbOptions, type Resolved } from './options.js';
import type { Pick } from './pick.js';
import { Picker, type BalancerOptions, type Changes, type EndpointSpec, type PickOptions } from './picker.js';
import type { Source } from './source.js';
import { known, unmistaken } from './spelling.js';
import type { EndpointInfo } from './status.js';
import { PLACE, spelled } from './url.js';

/** What `fetch` takes, and what evenkeel takes besides. */
export type LbRequestInit = Omit<RequestInit, 'body'> & LbFetchOptions;

/** Sends requests to a service's endpoints: which one gets the next, and whether a failed one is tried again elsewhere. */
export interface LoadBalancer {
  /**
   * A drop-in for `fetch`: the path and query of the request are appended to an endpoint's URL, and an origin it names is a placeholder.
   * Resolves with the first good answer; without one, with the last.
   *
   * @throws {LbError} when no attempt was answered; the signal's reason when that aborts.
   */
  readonly fetch: (input: RequestInfo | URL, init?: LbRequestInit) => Promise<Response>;
  /**
   * Calls `send` with one endpoint after another until it gives a good answer; without one, resolves with the last. A `Response` is in flight
   * until it is read: who does not want its body cancels that.
   */
  call<T>(send: (attempt: Attempt) => T | PromiseLike<T>, options?: LbCallOptions<T>): Promise<T>;
  /** Picks an endpoint for a request of your own, to be told how that ended; `null` if there is none. */
  pick(options?: PickOptions): Pick | null;
  /** Calls back at events; returns how to end that. */
  on<Name extends keyof LbEvents>(name: Name, listener: (event: LbEvents[Name]) => void): () => void;
  /** Every endpoint, and what is known of it, in the order of URLs. */
  endpoints(): EndpointInfo[];
  /** How often each thing happened to endpoints: ejections by reason, those that were held back by the rule that did, undos, probes. */
  eventCounts(): EventCounts;
  /** What it took to get an answer of `fetch`: every attempt that ended, the answer's own last. */
  attempts(response: Response): readonly Attempted[];
  /** Replaces the whole set of endpoints. Those that stay keep what was learned of them. */
  update(endpoints: Iterable<EndpointSpec>): Changes;
  /** Asks the source now; without one, does nothing. */
  refresh(): Promise<void>;
  /** What was learned, as a text for `restore`: kept in a store, it spares the next isolate or page to learn it anew. */
  state(): string;
  /**
   * Goes on with what another balancer knew; how many endpoints were known. A text that is too old or damaged changes nothing: 0. Before the
   * first list of a source, the text is kept for that: 0.
   */
  restore(state: string): number;
  /** Ends its source. Requests under way go on, others are refused. */
  [Symbol.dispose](): void;
}

/** A list is not doubted again so soon: with news of endpoints that fail, and as long as requests fail. */
const [NEWS_MS, OUTAGE_MS] = [5000, 30_000];

export function createBalancer(options: LbOptions): LoadBalancer {
  return new Lb(checked(options));
}

class Lb implements LoadBalancer, Owner {
  readonly #picker: Picker;
  readonly #defaults: Resolved;
  readonly #notices: Notices;
  readonly #attempts = new WeakMap<Response, readonly Attempted[]>();
  readonly #discovery: Discovery | undefined;
  readonly #grace: Grace;
  readonly #lengthen: (waitMs: number) => number;
  /** What is to be restored with the first list of the source. */
  #restored: string | undefined;
  #disposed = false;

  constructor(readonly options: LbOptions) {
    const { endpoints, policy, seed, now, onEvent, removalGraceMs = 0 } = options;
    const defaults = resolve(options);
    const budget = defaults.retry.budget ?? new RetryBudget();
    const sharing = (options: RetryOptions): RetryOptions => Object.freeze({ ...options, budget });
    this.#defaults = { ...defaults, retry: sharing(defaults.retry), fetched: sharing(defaults.fetched), unhedged: sharing(defaults.unhedged) };
    this.#picker = new Picker({ config: config(options), policy, seed, now } as BalancerOptions);
    this.#notices = new Notices(this.#picker, onEvent);
    const random = seed === undefined ? Math.random : generator(Number(BigInt.asUintN(32, BigInt(seed))));
    // So that those who were told the same do not come back at once.
    this.#lengthen = (waitMs) => waitMs * (1 + random() / 2);
    const grace = (this.#grace = new Grace(removalGraceMs));
    if (isSource(endpoints)) {
      this.#discovery = new Discovery(endpoints, {
        update: (list) => {
          const changes = this.#update(grace.add(normal(list), this.clock()));
          this.#notices.tell('source', { ok: true, changes });
        },
        failed: (error) => {
          grace.restart();
          this.#notices.tell('source', { ok: false, error });
        },
        clock: () => this.clock(),
      });
    } else this.update(endpoints);
  }

  // Its own, so that it can be handed on: `ky.create({ fetch: lb.fetch })`.
  readonly fetch = async (input: RequestInfo | URL, init: LbRequestInit = {}): Promise<Response> => {
    // As in Workers: `fetch(url, request)`.
    if (isRequest(init)) [input, init] = [new Request(new URL(isRequest(input) ? input.url : input, PLACE), init), {}];
    const given = check.object('init', init ?? {});
    const { key, idempotent, retry, hedge, timeoutMs, attemptTimeoutMs, bodyIdleTimeoutMs, classify, accept, ...rest } = given;
    const resolved = this.#resolve(given);
    if (idempotent !== undefined) check.flag('idempotent', idempotent);
    unmistaken('init', rest, FETCH);
    const fetch = this.options.fetch ?? globalThis.fetch;
    let job = send(fetch, input, rest as Record<string, unknown>, idempotent, resolved, this);
    let left: number | undefined;
    if (job instanceof Promise) {
      // The body of a `Request` is read first.
      const signal = rest.signal === undefined ? (input as Request).signal : rest.signal;
      [job, { timeoutMs: left }] = await this.#within(job, resolved.unhedged, signal);
    }
    const options = job.anytime ? resolved.fetched : resolved.unhedged;
    return this.#run(job, resolved, left === undefined ? options : { ...options, timeoutMs: left }, key, false);
  };

  call<T>(send: (attempt: Attempt) => T | PromiseLike<T>, options: LbCallOptions<T> = {}): Promise<T> {
    try {
      check.callable('send', send);
      const { key, idempotent = true, signal } = known('options', check.object('options', options), CALL);
      check.flag('idempotent', idempotent);
      const resolved = this.#resolve(options);
      const job: Omit<Job<T>, 'options' | 'ofError' | 'owner'> = {
        send,
        // The balancer's own `accept` is for answers of `fetch`.
        ofAnswer: (value) => accepted(options.accept, value, () => (isResponse(value) ? this.usual(value, resolved) : SUCCESS)),
        repeat: idempotent ? 'idempotent' : 'sequential',
        signal,
        // Where a value is a `Response`, signal and time reach its body.
        hand: (answer, rest) => follow(answer as Answer<never>, rest as Rest<never>, false, signal, this, resolved.idleMs, isOwn) as T,
      };
      return this.#run(job, resolved, resolved.retry, key, true);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Runs a job; `own` says that the caller sends himself. */
  #run<T>(
    job: Omit<Job<T>, 'options' | 'ofError' | 'owner'>,
    resolved: Resolved,
    hedged: RetryOptions,
    key: PickOptions['key'],
    own: boolean,
  ): Promise<T> {
    this.#refuseDisposed();
    const ofError = (error: unknown, url: string) => ofThrown(resolved.classify, error, (answer) => this.usual(answer, resolved), own, url);
    const { send, ofAnswer, repeat, signal, hand } = job;
    const run = (options: RetryOptions): Promise<T> => {
      this.#refuseDisposed();
      // Named one by one: an object that is spread costs much more.
      return loop(this.#picker, { send, ofAnswer, ofError, repeat, signal, options, key, owner: this, hand });
    };
    const options = repeat === 'idempotent' ? hedged : resolved.unhedged;
    const discovery = this.#discovery;
    const begun = discovery ? this.clock() : 0;
    const first = discovery?.touch(begun);
    return first ? this.#within(first, options, signal, begun).then(([, options]) => run(options)) : run(options);
  }

  clock(): number {
    return this.#picker.clock();
  }

  get sourceFailure(): unknown {
    return this.#discovery?.failure;
  }

  usual(answer: Answered, { statusCodes }: FetchRules): Judgement {
    return ofResponse(answer, statusCodes, this.#lengthen);
  }

  handed(response: Response, attempts: readonly Attempted[]): void {
    this.#attempts.set(response, attempts);
  }

  tellEnded(troubled: boolean): void {
    // An endpoint that fails on and on, and is kept, tells nothing new.
    if (troubled) this.#discovery?.doubt(this.clock(), OUTAGE_MS);
    this.#hear();
  }

  /** Tells listeners what became of endpoints, and has the source asked where some fail. */
  #hear(): void {
    if ((this.#discovery || this.#notices.heard) && this.#notices.take() > 0) this.#discovery?.doubt(this.clock(), NEWS_MS);
  }

  /** Waits for what a request needs before it is sent, as long as that may take; its value, and the options with the time that is left. */
  async #within<T>(
    first: Promise<T>,
    options: RetryOptions,
    signal: AbortSignal | null | undefined,
    begun?: number,
  ): Promise<[T, RetryOptions]> {
    // What throws before it is waited for leaves nobody to hear how it fails.
    first.catch(() => undefined);
    const { timeoutMs } = options;
    begun ??= this.clock();
    const late = (): LbError => new LbError('deadline', [], this.sourceFailure);
    let timer;
    let unlisten: (() => void) | undefined;
    const bounds = new Promise<never>((_, reject) => {
      if (timeoutMs !== undefined) timer = setTimeout(() => reject(late()), Math.min(timeoutMs, LONGEST_TIMER));
      unlisten = onAbort(signal, reject);
    });
    try {
      const value = await Promise.race([first, bounds]);
      if (timeoutMs === undefined) return [value, options];
      const left = timeoutMs - (this.clock() - begun);
      if (left > 0) return [value, { ...options, timeoutMs: left }];
      throw late();
    } finally {
      clearTimeout(timer);
      unlisten?.();
    }
  }

  #refuseDisposed(): void {
    if (this.#disposed) throw new Error('the balancer has been disposed of');
  }

  tellSent({ attempt, hedge, url }: Sent): void {
    if (hedge) this.#notices.tell('hedge', { url, attempt });
    else if (attempt > 1) this.#notices.tell('retry', { url, attempt });
  }

  #resolve(options: LbFetchOptions | LbCallOptions<never>): Resolved {
    const own = REQUEST.some((name) => options[name] !== undefined);
    return own ? resolve(options, this.#defaults) : this.#defaults;
  }

  pick(options?: PickOptions): Pick | null {
    this.#refuseDisposed();
    if (options !== undefined) known('options', check.object('options', options), ['key', 'avoid', 'now']);
    if (this.#notices.heard) this.#notices.take();
    this.#discovery?.touch(this.clock())?.catch(() => undefined);
    const avoid = options?.avoid;
    const pick = this.#picker.pick(avoid === undefined ? options : { ...options, avoid: avoided(avoid) });
    if (pick && (this.#discovery || this.#notices.heard)) pick.reported = () => this.#hear();
    return pick;
  }

  on<Name extends keyof LbEvents>(name: Name, listener: (event: LbEvents[Name]) => void): () => void {
    return this.#notices.on(name, listener);
  }

  endpoints(): EndpointInfo[] {
    return this.#picker.endpoints();
  }

  eventCounts(): EventCounts {
    return this.#picker.eventCounts();
  }

  attempts(response: Response): readonly Attempted[] {
    return this.#attempts.get(response) ?? [];
  }

  update(endpoints: Iterable<EndpointSpec>): Changes {
    this.#grace.forget();
    return this.#update(isList(endpoints) ? normal(endpoints) : endpoints);
  }

  #update(endpoints: Iterable<EndpointSpec>): Changes {
    const changes = this.#picker.update(endpoints);
    const state = this.#restored;
    if (state !== undefined && this.#picker.size > 0) {
      this.#restored = undefined;
      this.restore(state);
    }
    if (changes.added + changes.removed + changes.changed > 0) this.#notices.tell('update', changes);
    return changes;
  }

  async refresh(): Promise<void> {
    await this.#discovery?.asked(this.clock());
  }

  state(): string {
    return `${Date.now()} ${this.#picker.exportState()}`;
  }

  restore(state: string): number {
    const [, at, text] = /^(\d{1,16}) (.*)$/s.exec(check.text('state', state)) ?? [];
    if (text === undefined) return 0;
    if (this.#discovery && this.#picker.size === 0) {
      this.#restored = state;
      return 0;
    }
    try {
      return this.#picker.importState(text, { ageMs: Math.max(0, Date.now() - Number(at)) }).endpoints;
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#discovery?.close();
  }
}

function isSource(endpoints: LbOptions['endpoints']): endpoints is Source {
  return typeof endpoints === 'function' || (typeof endpoints === 'object' && endpoints !== null && Symbol.asyncIterator in endpoints);
}

/** Whether it is one; what is none is complained about by who takes it. */
function isList(endpoints: Iterable<EndpointSpec>): boolean {
  return typeof endpoints !== 'string' && typeof endpoints?.[Symbol.iterator] === 'function';
}

/** What a pick is to avoid, in the spelling of endpoints. What is no URL of one is as unknown as others. */
function avoided(avoid: NonNullable<PickOptions['avoid']>): string[] {
  return [...check.iterable('avoid', typeof avoid === 'string' ? [avoid] : avoid)].flatMap((url) => {
    try {
      return spelled('avoid', url);
    } catch {
      return [];
    }
  });
}

/** One spelling for each endpoint. */
function normal(endpoints: Iterable<EndpointSpec>): Spelled[] {
  return Array.from(endpoints, (spec, place) => {
    const name = `endpoint ${place}`;
    if (typeof spec !== 'object' || spec === null || spec instanceof URL) return spelled(name, spec);
    known(name, spec, ['url', 'weight', 'priority', 'zone', 'draining']);
    return { ...spec, url: spelled(name, spec.url) };
  });
}

/** Random numbers that follow from a seed (Mulberry32): how much longer waits become, no more. */
function generator(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
