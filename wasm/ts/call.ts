import type { Balancer, Key } from './balancer.js';
import * as check from './check.js';
import type { LbErrorCode } from './error.js';
import { Call as WasmCall, End, Outcome, StepKind, Verdict as WasmVerdict } from './glue.js';
import type { Pick } from './pick.js';

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
}

/** A constant wait in milliseconds, or random waits up to `baseMs`, doubled with each failure, at most `maxMs`. */
export type Backoff = number | { readonly baseMs: number; readonly maxMs: number };

/** What a call asks for. Times are in milliseconds of the balancer's clock, `Infinity` for never. */
export type Step =
  /** Pick an endpoint, say `started` and send; or say `noEndpoint`. */
  | { readonly type: 'send'; readonly attempt: number; readonly deadline: number }
  /** Poll again then, or when the attempt under way ends. */
  | { readonly type: 'wait'; readonly until: number }
  /** Give the attempt up, and report this of it. */
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
  readonly #balancer: Balancer;
  readonly #key: string | check.Bits | undefined;

  constructor(balancer: Balancer, options: RetryOptions = {}, now?: number) {
    const { key, attempts, timeoutMs, attemptTimeoutMs, backoff } = options;
    if (attempts !== undefined) check.integer('attempts', attempts, 1, 0xffff_ffff);
    if (timeoutMs !== undefined) check.positive('timeoutMs', timeoutMs);
    if (attemptTimeoutMs !== undefined) check.positive('attemptTimeoutMs', attemptTimeoutMs);
    const [base, cap] = waits(backoff);
    this.#balancer = balancer;
    this.#key = key === undefined ? undefined : check.key(key);
    this.#wasm = new WasmCall(attempts, timeoutMs, attemptTimeoutMs, base, cap, this.#time(now));
  }

  /** What to do now. */
  poll(now?: number): Step {
    const wasm = this.#wasm;
    switch (wasm.poll(this.#time(now), this.#balancer.wasm)) {
      case StepKind.Send:
        return { type: 'send', attempt: wasm.attempt, deadline: wasm.time };
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

  /** There is no endpoint for the attempt: the call ends. */
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

function waits(backoff: Backoff | undefined): [base?: number, cap?: number] {
  if (backoff === undefined) return [];
  if (typeof backoff !== 'object' || backoff === null) return [check.duration('backoff', backoff)];
  const base = check.duration('backoff.baseMs', backoff.baseMs);
  const cap = check.duration('backoff.maxMs', backoff.maxMs);
  if (cap < base) throw new RangeError(`backoff.maxMs must be at least baseMs (${base}), not ${cap}`);
  return [base, cap];
}

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
};
