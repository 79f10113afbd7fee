import { budget as checkBudget, type Budget } from './budget.js';
import * as check from './check.js';
import type { LbErrorCode } from './error.js';
import { BackoffJitter, Call as WasmCall, End, Outcome, StepKind, Verdict as WasmVerdict } from './glue.js';
import type { Pick } from './pick.js';
import type { Key, Picker } from './picker.js';

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
  /** The longest wait that a server may ask for; longer than that, the call ends. Default 300000. */
  readonly maxRetryAfterMs?: number;
  /** Whether waits that servers ask for are made up to half as long again, at random. Default false. */
  readonly retryAfterJitter?: boolean;
  /** Bounds retries and hedges together with all calls that share it. Default: the balancer's. */
  readonly budget?: Budget;
  /** Sends other attempts beside one that takes long. Only for requests that may be done twice. Default: none. */
  readonly hedge?: Hedge;
}

/** A constant wait in milliseconds, or waits from `baseMs` on, doubled with each failure, at most `maxMs`, and random. */
export type Backoff = number | { readonly baseMs: number; readonly maxMs: number; readonly jitter?: Jitter };

/**
 * What is random about a wait of `e` milliseconds: nothing, `0..e` (the default), `e/2..e`, or from `baseMs` to thrice the
 * wait before.
 */
export type Jitter = 'none' | 'full' | 'equal' | 'decorrelated';

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
  /** Pick an endpoint, say `started` and send; or say `noEndpoint`. */
  | { readonly type: 'send'; readonly attempt: number; readonly deadline: number; readonly hedge: boolean }
  /** Poll again then, or when an attempt under way ends. */
  | { readonly type: 'wait'; readonly until: number }
  /** Give the attempt up, and report this of it: it took too long, or another one decided the call. */
  | { readonly type: 'cancel'; readonly attempt: number; readonly outcome: 'failure' | 'canceled' }
  /** The call is over. */
  | { readonly type: 'done'; readonly end: 'success' | LbErrorCode };

/** What to make of an attempt's result. `never_sent` is tried again at once without counting. */
export type Verdict = 'success' | 'retry' | 'not_retryable' | 'never_sent' | { readonly retryAfterMs: number };

/**
 * One logical request over as many attempts as it takes, as a machine without I/O; `Balancer.call` is the loop around it.
 * Poll it until it is done.
 */
export class Call {
  readonly #wasm: WasmCall;
  readonly #balancer: Picker;
  readonly #key: string | check.Bits | undefined;
  readonly #budget: Budget | undefined;

  constructor(balancer: Picker, options: RetryOptions = {}, now?: number) {
    const { key, attempts, timeoutMs, attemptTimeoutMs, backoff, maxRetryAfterMs, retryAfterJitter, budget, hedge } = options;
    if (attempts !== undefined) check.integer('attempts', attempts, 1, 0xffff_ffff);
    if (timeoutMs !== undefined) check.positive('timeoutMs', timeoutMs);
    if (attemptTimeoutMs !== undefined) check.positive('attemptTimeoutMs', attemptTimeoutMs);
    if (maxRetryAfterMs !== undefined) check.duration('maxRetryAfterMs', maxRetryAfterMs);
    if (retryAfterJitter !== undefined) check.flag('retryAfterJitter', retryAfterJitter);
    const { base, cap, jitter } = waits(backoff);
    const at = now === undefined ? balancer.clock() : check.time(now);
    const hedges = hedge === undefined ? undefined : hedging(balancer, hedge, at);
    this.#budget = budget === undefined ? balancer.budget : checkBudget(budget);
    this.#balancer = balancer;
    this.#key = key === undefined ? undefined : check.key(key);
    this.#wasm = new WasmCall(attempts, timeoutMs, attemptTimeoutMs, base, cap, jitter, at);
    if (maxRetryAfterMs !== undefined || retryAfterJitter) this.#wasm.retry_after(at, maxRetryAfterMs, retryAfterJitter ?? false);
    if (hedges !== undefined) this.#wasm.hedge(at, ...hedges);
  }

  /** What to do now. */
  poll(now?: number): Step {
    const wasm = this.#wasm;
    const [at, balancer, budget] = [this.#time(now), this.#balancer.wasm, this.#budget];
    switch (budget === undefined ? wasm.poll(at, balancer) : wasm.poll_within(at, balancer, budget.wasm)) {
      case StepKind.Send:
        return { type: 'send', attempt: wasm.attempt, deadline: wasm.time, hedge: wasm.hedged };
      case StepKind.Wait:
        return { type: 'wait', until: wasm.time };
      case StepKind.Cancel:
        return { type: 'cancel', attempt: wasm.attempt, outcome: wasm.outcome === Outcome.Canceled ? 'canceled' : 'failure' };
      case StepKind.Done:
        return { type: 'done', end: ENDS[wasm.end] };
    }
  }

  /** Picks an endpoint, if possible one that the call has not tried. */
  pick(now?: number): Pick | null {
    const at = this.#time(now);
    const wasm = this.#balancer.wasm;
    if (this.#key !== undefined) this.#balancer.stageKey(this.#key);
    return this.#balancer.toPick(wasm.pick_for(at, this.#wasm));
  }

  /** The attempt goes to the picked endpoint; later attempts avoid it. */
  started(attempt: number, pick: Pick): void {
    if (pick.ticket !== undefined) this.#wasm.started(attempt, this.#balancer.wasm, pick.ticket);
  }

  /** There is no endpoint for the attempt sent last: the call ends, or goes on with those in flight and without hedges. */
  noEndpoint(now?: number): void {
    this.#wasm.no_endpoint(this.#time(now));
  }

  /** The attempt ended. That of an attempt which is not under way changes nothing. */
  onOutcome(attempt: number, verdict: Verdict, now?: number): void {
    const at = this.#time(now);
    if (typeof verdict === 'object' && verdict !== null) {
      this.#wasm.on_retry_after(at, attempt, check.duration('retryAfterMs', verdict.retryAfterMs));
    } else if (Object.hasOwn(VERDICTS, verdict)) {
      this.#wasm.on_outcome(at, attempt, VERDICTS[verdict]);
    } else {
      const known = Object.keys(VERDICTS).join(', ');
      throw new TypeError(`a verdict must be one of ${known} or { retryAfterMs }, not ${check.show(verdict)}`);
    }
  }

  /** The URLs tried last, at most 8, oldest first. */
  tried(): string[] {
    return Array.from(this.#wasm.tried(), (index) => this.#balancer.url(index));
  }

  /** @internal Frees the wasm side at once, rather than when the garbage collector comes round to it. */
  free(): void {
    this.#wasm.free();
  }

  #time(now: number | undefined): number {
    return now === undefined ? this.#balancer.clock() : check.time(now);
  }
}

function waits(backoff: Backoff | undefined): { base?: number; cap?: number; jitter: BackoffJitter } {
  if (backoff === undefined) return { jitter: BackoffJitter.Full };
  if (typeof backoff !== 'object' || backoff === null) return { base: check.duration('backoff', backoff), jitter: BackoffJitter.None };
  const base = check.duration('backoff.baseMs', backoff.baseMs);
  const cap = check.duration('backoff.maxMs', backoff.maxMs);
  if (cap < base) throw new RangeError(`backoff.maxMs must be at least baseMs (${base}), not ${cap}`);
  const jitter = backoff.jitter ?? 'full';
  if (Object.hasOwn(JITTERS, jitter)) return { base, cap, jitter: JITTERS[jitter] };
  throw new RangeError(`backoff.jitter must be one of ${Object.keys(JITTERS).join(', ')}, not ${check.show(jitter)}`);
}

/** The delay, and how many; nothing as long as no percentile is known. */
function hedging(balancer: Picker, hedge: Hedge, now: number): [delay: number, max: number] | undefined {
  const { afterMs, after, max = 1 }: { afterMs?: number; after?: string; max?: number } = check.object('hedge', hedge);
  check.integer('hedge.max', max, 1, 4);
  if (after === undefined) return [check.duration('hedge.afterMs', afterMs), max];
  const percent = /^p(\d\d?(?:\.\d)?)$/.exec(check.text('hedge.after', after))?.[1];
  const perMille = Math.round(Number(percent) * 10);
  if (!(perMille > 0)) throw new RangeError(`hedge.after must be a percentile in p0.1..=p99.9, not ${check.show(after)}`);
  const delay = balancer.wasm.percentile(now, perMille);
  return delay === undefined ? undefined : [delay, max];
}

const JITTERS = {
  none: BackoffJitter.None,
  full: BackoffJitter.Full,
  equal: BackoffJitter.Equal,
  decorrelated: BackoffJitter.Decorrelated,
} as const;

const VERDICTS = {
  success: WasmVerdict.Success,
  retry: WasmVerdict.Retry,
  not_retryable: WasmVerdict.Fatal,
  never_sent: WasmVerdict.NeverSent,
} as const;

const ENDS: Record<End, 'success' | LbErrorCode> = {
  [End.Success]: 'success',
  [End.Attempts]: 'attempts',
  [End.Deadline]: 'deadline',
  [End.NoEndpoints]: 'no_endpoints',
  [End.Fatal]: 'not_retryable',
  [End.Budget]: 'budget',
  [End.RetryAfter]: 'retry_after',
};
