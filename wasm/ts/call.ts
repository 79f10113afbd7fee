import { budget as checkBudget, budgetHandle, type Budget } from './budget.js';
import * as check from './check.js';
import { ENDS, JITTERS, MOST_DETAILS, MOST_STEPS, OUTCOMES, STEPS, type EndName, type Jitter, type Outcome } from './generated.js';
import * as module from './glue.js';
import { freeWith, isFree, Once } from './handle.js';
import type { Pick } from './pick.js';
import type { Key, Picker } from './picker.js';
import { readNumbers } from './memory.js';
import { numbers, type Verdict } from './verdict.js';

export type { Jitter } from './generated.js';

/** What a call's attempts have in common, and its bounds. */
export interface RetryOptions {
  /** For sticky policies; a retry goes to the key's next choice. */
  readonly key?: Key;
  /** Most attempts, the first one included, 1..=4294967295. Default 3. */
  readonly attempts?: number;
  /** Bounds the whole call: all attempts and the waits between them. Default: no bound. */
  readonly timeoutMs?: number;
  /** Bounds each attempt; one that takes longer counts as failed. Default: no bound. */
  readonly attemptTimeoutMs?: number;
  /** The waits between attempts. Default `{ baseMs: 25, maxMs: 250 }`. */
  readonly backoff?: Backoff;
  /** The longest wait that the service may ask for; longer than that, the call ends. Default 300000. */
  readonly maxPushBackMs?: number;
  /** Whether waits that the service asks for are made up to half as long again, at random. Default false. */
  readonly pushBackJitter?: boolean;
  /**
   * Whether a call that finds no endpoint waits for one, up to its `timeoutMs`, rather than ends at once; where all are busy, it
   * ends all the same. Default false.
   */
  readonly waitForReady?: boolean;
  /** Bounds retries and hedges together with all calls that share it. Default: the balancer's. */
  readonly budget?: Budget;
  /** Sends other attempts beside one that takes long. Only for requests that may be done twice. Default: none. */
  readonly hedge?: Hedge;
}

/**
 * A constant wait in milliseconds, or waits from `baseMs` on, doubled with each failure, at most `maxMs`, and random: of a wait
 * of `e` milliseconds nothing is (`none`), `0..e` (`full`, the default), `e/2..e` (`equal`), or it is from `baseMs` to thrice
 * the wait before (`decorrelated`).
 */
export type Backoff = number | { readonly baseMs: number; readonly maxMs: number; readonly jitter?: Jitter };

/**
 * When another attempt goes beside those in flight: so long after the last one was sent, or after the percentile (`p50`, `p95`,
 * `p99.5`) of how long the balancer's requests took in the last half minute; as long as too few are known, none goes. At most
 * `max` in a call, 1..=4, default 1.
 */
export type Hedge =
  | { readonly afterMs: number; readonly max?: number }
  | { readonly after: `p${number}`; readonly max?: number };

/** What a call asks for. Times are in milliseconds of the balancer's clock, `Infinity` for never. */
export type Step =
  /** Pick an endpoint, and send if `started` says so; or say `noEndpoint`. Then poll again. */
  | { readonly type: 'send'; readonly attempt: number; readonly deadline: number; readonly hedge: boolean }
  /** Poll again then, or when an attempt under way ends; while it waits for an endpoint, also after `endpointsChanged`. */
  | { readonly type: 'wait'; readonly until: number }
  /** Give the attempt up, and report this of it: it took too long, or another one decided the call. */
  | { readonly type: 'cancel'; readonly attempt: number; readonly outcome: Outcome }
  /** The call is over. */
  | { readonly type: 'done'; readonly end: EndName };

/** What the time of a step is called. */
const TIMES: { readonly [Type in Step['type']]?: string } = { send: 'deadline', wait: 'until' };

type Without<S, Time extends string> = S extends Step ? Omit<S, Time> : never;
/** A step without its time. */
export type Untimed = Without<Step, 'deadline' | 'until'>;

/**
 * One logical request over as many attempts as it takes, as a machine without I/O; `Balancer.call` is the loop around it.
 * Poll it until it is done.
 */
export class Call {
  readonly #handle: number;
  readonly #balancer: Picker;
  readonly #key: string | check.Bits | undefined;
  /** It lives as long as this. */
  readonly #budget: Budget | undefined;
  /** Frees a call of the loop: the loop at its end, or the net under a pick of it that is dropped. */
  readonly #owned: Once | undefined;

  /** @internal The last parameter is for the loop, whose options are shared by many calls. */
  constructor(balancer: Picker, options: RetryOptions, now: number, key: Key | undefined);
  constructor(balancer: Picker, options?: RetryOptions, now?: number);
  constructor(balancer: Picker, options: RetryOptions = {}, now?: number, key?: Key) {
    check.must(typeof balancer?.seeded === 'function', 'balancer', 'a Balancer', balancer);
    const { timeoutMs, hedge, budget } = check.object('options', options);
    if (timeoutMs !== undefined) check.positive('timeoutMs', timeoutMs);
    const at = now === undefined ? balancer.clock() : check.time(now);
    const [delay, hedges] = (hedge === undefined ? undefined : hedging(hedge, balancer, at)) ?? [NaN, 0];
    const itsKey = key === undefined ? options.key : key;
    this.#budget = budget === undefined ? balancer.budget : checkBudget(budget);
    this.#balancer = balancer;
    this.#key = itsKey === undefined ? undefined : check.key(itsKey);
    // Options that nobody can change have one for all calls.
    const kept = policies.get(options);
    const policy = kept ?? retryPolicy(options);
    const handle = (this.#handle = module.begin_call(policy, at, timeoutMs ?? NaN, delay, hedges));
    if (kept === undefined) keep(options, policy);
    const end = (): void => module.end_call(handle);
    if (arguments.length < 4) freeWith(this, end);
    else this.#owned = new Once(end);
  }

  /** What to do now. */
  poll(now?: number): Step {
    const step = this.next(this.#time(now));
    const time = TIMES[step.type];
    return (time === undefined ? step : { ...step, [time]: this.until }) as Step;
  }

  /** @internal What to do now, without the time that it is about. */
  next(now: number): Untimed {
    const packed = module.poll(this.#handle, now, this.#balancer.seeded(), budgetHandle(this.#budget));
    const type = STEPS[packed & (MOST_STEPS - 1)]!;
    const detail = (packed / MOST_STEPS) & (MOST_DETAILS - 1);
    const attempt = Math.floor(packed / (MOST_STEPS * MOST_DETAILS));
    switch (type) {
      case 'send':
        return { type, attempt, hedge: detail === 1 };
      case 'wait':
        return { type };
      case 'cancel':
        return { type, attempt, outcome: OUTCOMES[detail]! };
      case 'done':
        return { type, end: ENDS[detail]! };
    }
  }

  /** @internal The time that the last step was about. */
  get until(): number {
    return module.step_until(this.#handle);
  }

  /** Picks an endpoint, if possible one that the call has not tried; after two failures, of the next priority that has one. */
  pick(now?: number): Pick | null {
    const at = this.#time(now);
    const balancer = this.#balancer;
    const handle = balancer.seeded();
    if (this.#key !== undefined) balancer.stageKey(this.#key);
    return balancer.toPick(module.pick_for(handle, at, this.#handle), this.#owned);
  }

  /**
   * Whether the attempt goes to the picked endpoint; later attempts avoid it. If not, nothing is to be sent, and the pick is put
   * back: a hedge, and what is sent again because it never left, only go to an endpoint that the call has not tried; what follows
   * `overloaded` only to one that does not rest. Only then is the budget asked for them.
   */
  started(attempt: number, pick: Pick, now?: number): boolean {
    const at = this.#time(now);
    const { ticket } = check.object('pick', pick);
    if (ticket === undefined) return false;
    const starts = module.started(this.#handle, at, attempt, this.#balancer.handle, ticket, budgetHandle(this.#budget)) !== 0;
    if (!starts) pick.forget();
    return starts;
  }

  /** There is no endpoint for the attempt sent last: the call ends, waits, or goes on with those in flight and without hedges. */
  noEndpoint(now?: number): void {
    module.no_endpoint(this.#handle, this.#time(now), this.#balancer.noPick?.reason === 'busy');
  }

  /** Whether it waits until there is an endpoint (`waitForReady`). */
  get waitsForEndpoint(): boolean {
    return module.waits_for_endpoint(this.#handle) !== 0;
  }

  /** There may be an endpoint now, for a call that waits for one. */
  endpointsChanged(): void {
    module.endpoints_changed(this.#handle);
  }

  /** The attempt ended. That of an attempt which is not under way changes nothing. */
  onOutcome(attempt: number, verdict: Verdict, now?: number): void {
    this.tell(check.integer('attempt', attempt, 0, 2 ** 32 - 1), ...numbers(verdict), this.#time(now));
  }

  /** @internal The attempt ended, by the core's number of its verdict. */
  tell(attempt: number, verdict: number, waitMs: number, now: number): void {
    module.on_outcome(this.#handle, now, attempt, verdict, waitMs);
  }

  /** The URLs tried last, at most 8, oldest first. */
  tried(): string[] {
    return Array.from(readNumbers(module.tried(this.#handle)), (index) => this.#balancer.url(index));
  }

  /** Ends it: it stands for nothing from here on. Without that, it ends when it is collected. */
  [Symbol.dispose](): void {
    isFree(this);
    module.end_call(this.#handle);
  }

  /** @internal Of calls of the loop, which nobody else holds. */
  end(): void {
    this.#owned?.free();
  }

  #time(now: number | undefined): number {
    return now === undefined ? this.#balancer.clock() : check.time(now);
  }
}

/** What many calls have in common, in the module. */
function retryPolicy({ attempts, attemptTimeoutMs, backoff, maxPushBackMs, pushBackJitter, waitForReady }: RetryOptions): number {
  if (attempts !== undefined) check.integer('attempts', attempts, 1, 0xffff_ffff);
  if (attemptTimeoutMs !== undefined) check.positive('attemptTimeoutMs', attemptTimeoutMs);
  if (maxPushBackMs !== undefined) check.duration('maxPushBackMs', maxPushBackMs);
  if (pushBackJitter !== undefined) check.flag('pushBackJitter', pushBackJitter);
  if (waitForReady !== undefined) check.flag('waitForReady', waitForReady);
  const { base, cap, jitter } = waits(backoff, 'backoff');
  return module.retry_policy(
    attempts ?? 3,
    attemptTimeoutMs ?? NaN,
    base,
    cap,
    jitter,
    maxPushBackMs ?? NaN,
    Number(pushBackJitter ?? false) + 2 * Number(waitForReady ?? false),
  );
}

/** Keeps the policy of options that nobody can change; of others, it went with its call. */
function keep(options: RetryOptions, policy: number): void {
  if (!Object.isFrozen(options) || !Object.isFrozen(options.backoff)) return module.free_retry_policy(policy);
  policies.set(options, policy);
  freeWith(options, () => module.free_retry_policy(policy));
}

const policies = new WeakMap<RetryOptions, number>();

/** NaN stands for what is left out. */
export function waits(backoff: Backoff | undefined, name: string): { base: number; cap: number; jitter: number } {
  if (backoff === undefined) return { base: NaN, cap: NaN, jitter: NaN };
  if (typeof backoff !== 'object' || backoff === null) return { base: check.duration(name, backoff), cap: NaN, jitter: NaN };
  const { baseMs, maxMs, jitter: how = 'full' } = backoff;
  const base = check.duration(`${name}.baseMs`, baseMs);
  const cap = check.duration(`${name}.maxMs`, maxMs);
  if (cap < base) throw new RangeError(`${name}.maxMs must be at least baseMs (${base}), not ${cap}`);
  const jitter = JITTERS.indexOf(how);
  if (jitter >= 0) return { base, cap, jitter };
  throw new RangeError(`${name}.jitter must be one of ${JITTERS.join(', ')}, not ${check.show(how)}`);
}

/** The delay, and how many; nothing as long as no percentile is known, or where none is asked for. */
export function hedging(hedge: Hedge, balancer?: Picker, now = 0): [delay: number, max: number] | undefined {
  const { afterMs, after, max = 1 }: { afterMs?: number; after?: string; max?: number } = check.object('hedge', hedge);
  check.integer('hedge.max', max, 1, 4);
  if (after === undefined) return [check.duration('hedge.afterMs', afterMs), max];
  const percent = /^p(\d\d?(?:\.\d)?)$/.exec(check.text('hedge.after', after))?.[1];
  const perMille = Math.round(Number(percent) * 10);
  if (!(perMille > 0)) throw new RangeError(`hedge.after must be a percentile in p0.1..=p99.9, not ${check.show(after)}`);
  const delay = balancer ? module.percentile(balancer.seeded(), now, perMille) : NaN;
  return Number.isNaN(delay) ? undefined : [delay, max];
}
