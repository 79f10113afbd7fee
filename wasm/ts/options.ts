import { RetryBudget, type Budget, type RetryBudgetOptions } from './budget.js';
import { hedging, waits, type Backoff, type Hedge, type RetryOptions } from './call.js';
import * as check from './check.js';
import { IDEMPOTENT_METHODS, type Settings } from './generated.js';
import type { LbEvent } from './notices.js';
import type { EndpointSpec, Key } from './picker.js';
import type { Policy } from './policy.js';
import type { Body } from './request.js';
import type { BalancerConfig } from './settings.js';
import type { Source } from './source.js';
import { known } from './spelling.js';
import { started } from './start.js';
import type { Acceptance, Verdict } from './verdict.js';

/** What may be tried again, and how often. */
export interface Retry {
  /** The most attempts after the first, 0..=100. Default 2. */
  readonly limit?: number;
  /** The methods that may be sent again after anything that another attempt may better. Default: GET, HEAD, OPTIONS, TRACE, PUT, DELETE. */
  readonly methods?: readonly string[];
  /** The statuses that are tried again. Default: 408, 425, 429 and 5xx but for those that no other endpoint would better. */
  readonly statusCodes?: readonly number[];
  /** The waits between attempts. Default `{ baseMs: 25, maxMs: 250 }`; elsewhere at once after a refusal. */
  readonly backoff?: Backoff;
  /** Bounds the retries and hedges of all that share it. Default: the balancer's; `false` for no bound. */
  readonly budget?: Budget | false;
}

/** The same for all requests. */
export interface SharedRetry extends Omit<Retry, 'budget'> {
  /** Bounds the retries and hedges of all requests together. Default: 20 % of the last successes, and 10 a second; `false` for no bound. */
  readonly budget?: Budget | RetryBudgetOptions | false;
}

/** What a request may say that the balancer says for all. */
export interface RequestDefaults {
  /** `false` for one attempt. */
  readonly retry?: Retry | false;
  /**
   * When another attempt goes beside one that takes long. `fetch` has it for GET, HEAD, OPTIONS and TRACE, with an `Idempotency-Key`, or where
   * `idempotent` says that it may be done twice, and only those does it ask for again where a body breaks unread: beside the first, a second DELETE
   * would find nothing (404), and a PUT with `If-Match` another version (412). Default of `fetch` `{ afterMs: 1000, max: 1 }` where there may be another attempt: who hangs costs a
   * second, not the request. Default of `call`: never, as only its caller knows what it costs. `false` for never.
   */
  readonly hedge?: Hedge | false;
  /** Bounds a request with its retries, and the reading of the answer. Default: no bound, as with fetch. */
  readonly timeoutMs?: number;
  /** Bounds the time to each attempt's head. Default: no bound. */
  readonly attemptTimeoutMs?: number;
  /** Ends bodies of which nothing comes for so long while somebody reads them. Default: never. */
  readonly bodyIdleTimeoutMs?: number;
  /** What an error means. Default, and for `undefined`: the network's are worth another attempt, faults of the caller's code reject at once. */
  readonly classify?: (error: unknown) => Exclude<Verdict, 'success'> | undefined;
}

export interface LbOptions extends Omit<RequestDefaults, 'retry'>, Omit<Settings, 'levels' | 'outlierDetection'> {
  /** `false` for one attempt. */
  readonly retry?: SharedRetry | false;
  /** A list, a function that gives one, an async iterable of lists, or a source such as `poll(url)`. */
  readonly endpoints: Iterable<EndpointSpec> | Source;
  /**
   * How long an endpoint that the source does not name any more is kept, draining: it gets no requests as soon as another one can serve, and if it
   * comes back in that time it is the same, with all that was learned of it. The time does not pass while the source fails, and it ends with the first
   * list after it. Default 0.
   */
  readonly removalGraceMs?: number;
  /** Who is picked among those that do well. Default `peak_ewma`: of two at random the one that answers sooner. */
  readonly policy?: Policy;
  /** When endpoints that fail are left out: see `OutlierDetection`; `false` for never. */
  readonly eject?: BalancerConfig['outlierDetection'];
  readonly levels?: BalancerConfig['levels'];
  /** What an answer of `fetch` means. Default, and for `undefined`: what its status means. */
  readonly accept?: (response: Response) => Acceptance | undefined;
  /**
   * Tells each endpoint in this header how long its attempt of `fetch` may still take, so that it does not go on for nobody: in whole milliseconds, or
   * as gRPC says it where it is `grpc-timeout` (`250m`). Without a time limit there is none, and what the request says itself stays. Browsers ask
   * other origins first whether they take it. Default: no header.
   */
  readonly deadlineHeader?: string;
  /** What sends requests. Default: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
  /** The clock, in milliseconds. Default `performance.now`. */
  readonly now?: () => number;
  /** Makes picks reproducible; without it, the balancer seeds itself at its first request. */
  readonly seed?: number | bigint;
  /** Is told of everything that `on` tells. */
  readonly onEvent?: (event: LbEvent) => void;
}

/** What a request of `call` says. */
export interface LbCallOptions<T = unknown> extends RequestDefaults {
  /** What requests have in common that belong together, for sticky policies. */
  readonly key?: Key;
  /** Whether it may be done twice. Default true: where not, say false, and only what was not done for sure is sent again. */
  readonly idempotent?: boolean;
  /** Ends the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** What a value means. Default, and for `undefined`: a `Response` what its status means, all else is good. */
  readonly accept?: (value: T) => Acceptance | undefined;
}

/** What a request of `fetch` says beside fetch's own. */
export interface LbFetchOptions extends RequestDefaults {
  /** As fetch's, or a function that makes it anew for each attempt: for streams. */
  readonly body?: Body | undefined;
  readonly key?: Key;
  /** Whether it may be done twice, also at the same time. Default: with an `Idempotency-Key`, and by its method (see `retry.methods` and `hedge`). */
  readonly idempotent?: boolean;
  readonly accept?: (response: Response) => Acceptance | undefined;
}

export const REQUEST = ['retry', 'hedge', 'timeoutMs', 'attemptTimeoutMs', 'bodyIdleTimeoutMs', 'classify', 'accept'] as const;
const OWN = ['endpoints', 'policy', 'fetch', 'deadlineHeader', 'removalGraceMs', 'now', 'seed', 'onEvent', ...REQUEST];
export const FETCH = ['key', 'idempotent', ...REQUEST];
export const CALL = [...FETCH, 'signal'];
const RETRY = ['limit', 'methods', 'statusCodes', 'backoff', 'budget'];

/** What is needed of the balancer's and a request's options together. */
export interface Resolved {
  readonly retry: RetryOptions;
  /** The same with the hedges of `fetch`, if nothing else is said of them. */
  readonly fetched: RetryOptions;
  /** The same without hedges, for what may not be done twice. */
  readonly unhedged: RetryOptions;
  /** What is said of hedges. */
  readonly hedge: Hedge | false | undefined;
  readonly methods: readonly string[];
  readonly statusCodes: readonly number[] | undefined;
  readonly idleMs: number | undefined;
  readonly classify: RequestDefaults['classify'];
  readonly accept: ((value: never) => Acceptance | undefined) | undefined;
}

export function checked(options: LbOptions): LbOptions {
  const { complete, options: settings } = started();
  known(complete ? 'options' : 'options of evenkeel/lite (all are in "evenkeel")', check.object('options', options), [...OWN, ...settings]);
  const { fetch, now, onEvent, removalGraceMs, deadlineHeader } = options;
  for (const [name, value] of Object.entries({ fetch, now, onEvent })) if (value !== undefined) check.callable(name, value);
  if (removalGraceMs !== undefined) check.number('removalGraceMs', removalGraceMs, 0, 86_400_000);
  // It says whether that is a name.
  if (deadlineHeader !== undefined) new Headers([[check.text('deadlineHeader', deadlineHeader), '']]);
  return options;
}

/** The settings of the core among the options. */
export function config(options: LbOptions): BalancerConfig {
  const { options: names, checkGroup } = started();
  const { eject, ...settings } = Object.fromEntries(names.map((name) => [name, options[name as 'levels' | 'eject']]));
  // Options within groups are named by their settings.
  for (const [group, value] of Object.entries({ ...settings, eject })) checkGroup(group, value);
  return { ...settings, ...(eject === undefined ? {} : { outlierDetection: eject as NonNullable<LbOptions['eject']> }) };
}

/** Adds a request's options to those of the balancer. */
export function resolve(given: Omit<RequestDefaults, 'retry'> & { retry?: SharedRetry | false; accept?: unknown }, base?: Resolved): Resolved {
  const { retry, hedge, timeoutMs, attemptTimeoutMs, bodyIdleTimeoutMs, classify, accept } = given;
  if (classify !== undefined) check.callable('classify', classify);
  if (accept !== undefined) check.callable('accept', accept);
  const rules = retry === undefined ? undefined : retries(retry, base !== undefined);
  const unhedged: { -readonly [Name in keyof RetryOptions]: RetryOptions[Name] } = { ...(base?.unhedged ?? DEFAULTS), ...rules?.retry };
  if (hedge !== undefined && hedge !== false) hedging(known('hedge', check.object('hedge', hedge), ['afterMs', 'after', 'max']));
  if (timeoutMs !== undefined) unhedged.timeoutMs = check.positive('timeoutMs', timeoutMs);
  if (attemptTimeoutMs !== undefined) unhedged.attemptTimeoutMs = check.positive('attemptTimeoutMs', attemptTimeoutMs);
  if (bodyIdleTimeoutMs !== undefined) check.positive('bodyIdleTimeoutMs', bodyIdleTimeoutMs);
  const said = hedge ?? base?.hedge;
  const retrying = said ? { ...unhedged, hedge: said } : unhedged;
  return {
    retry: retrying,
    // Who wants one attempt gets one.
    fetched: said === undefined && unhedged.attempts! > 1 ? { ...unhedged, hedge: HEDGE } : retrying,
    unhedged,
    hedge: said,
    methods: rules?.methods ?? base?.methods ?? IDEMPOTENT_METHODS,
    statusCodes: rules?.statusCodes ?? base?.statusCodes,
    idleMs: bodyIdleTimeoutMs ?? base?.idleMs,
    classify: classify ?? base?.classify,
    accept: (accept as Resolved['accept']) ?? base?.accept,
  };
}

const DEFAULTS: RetryOptions = { attempts: 3 };
const HEDGE: Hedge = { afterMs: 1000, max: 1 };

/** What is said of retries; what is not said stays as it is. */
function retries(retry: SharedRetry | false, ofOne: boolean): Partial<Resolved> {
  if (retry === false) return { retry: { attempts: 1 } };
  const { limit, methods, statusCodes, backoff, budget } = known('retry', check.object('retry', retry), RETRY);
  if (limit !== undefined) check.integer('retry.limit', limit, 0, 100);
  if (backoff !== undefined) waits(backoff, 'retry.backoff');
  const said: { -readonly [Name in keyof Resolved]?: Resolved[Name] } = {
    retry: { ...(limit === undefined ? {} : { attempts: limit + 1 }), ...(backoff === undefined ? {} : { backoff }), ...budgets(budget, ofOne) },
  };
  if (methods !== undefined) said.methods = check.list('retry.methods', methods).map((name) => check.text('a method', name).toUpperCase());
  if (statusCodes !== undefined) {
    said.statusCodes = check.list('retry.statusCodes', statusCodes).map((status) => check.integer('a status', status, 100, 599));
  }
  return said;
}

function budgets(budget: SharedRetry['budget'], ofOne: boolean): { budget?: Budget } {
  if (budget === undefined) return {};
  if (budget === false) return { budget: (unbounded ??= new RetryBudget({ ratio: 1000, minPerSec: 1_000_000 })) };
  if (budget instanceof RetryBudget || 'tokens' in check.object('retry.budget', budget)) return { budget: budget as Budget };
  // A new one would bound nothing.
  check.must(!ofOne, 'retry.budget of a request', 'a RetryBudget or a TokenThrottle', budget);
  const names = ['ratio', 'minPerSec', 'ttlMs', 'deposits'];
  return { budget: new RetryBudget(known('retry.budget', budget, names) as RetryBudgetOptions) };
}

/** More than any client sends. */
let unbounded: RetryBudget | undefined;
