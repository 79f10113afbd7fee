import { duration, time } from './check.js';
import { OUTCOMES, OUTCOME_OF_VERDICT, type Outcome, type PickReason } from './generated.js';
import type { Balancer as WasmBalancer } from './glue.js';
import { numbers, type Verdict } from './verdict.js';

export type { PickReason } from './generated.js';

/**
 * A picked endpoint. Report how its request ended exactly once; later reports are ignored.
 *
 * `using pick = balancer.pick()` reports it as abandoned if nothing else was.
 */
export class Pick {
  #balancer: WasmBalancer | undefined;
  readonly #ticket: number;
  #netted = false;
  readonly #clock: () => number;

  constructor(
    balancer: WasmBalancer,
    ticket: number,
    clock: () => number,
    /** The endpoint's slot: a small number that it keeps while it is in the set. */
    readonly index: number,
    /** The endpoint's URL, as it was given. */
    readonly url: string,
    /**
     * Why this one: by the policy among all candidates, or among those not to be avoided (`retry`); because it was ejected and
     * this request decides whether it comes back (`probe`); among endpoints of which some would be left out if there were
     * enough others (`panic`); or although all were to be avoided (`last_resort`).
     */
    readonly why: PickReason,
  ) {
    this.#balancer = balancer;
    this.#ticket = ticket;
    this.#clock = clock;
  }

  /** The endpoint did its work. */
  ok(now?: number): void {
    this.report('success', NaN, now);
  }

  /** It did not: it answered with an error. */
  fail(now?: number): void {
    this.report('failure', NaN, now);
  }

  /** It refused for now, perhaps saying for how many milliseconds (`Retry-After`). */
  overloaded(retryAfterMs?: number, now?: number): void {
    this.report('overloaded', retryAfterMs === undefined ? NaN : duration('retryAfterMs', retryAfterMs), now);
  }

  /** It did not answer in time. */
  timedOut(now?: number): void {
    this.report('timed_out', NaN, now);
  }

  /** It could not be reached: nothing was sent. */
  neverSent(now?: number): void {
    this.report('never_sent', NaN, now);
  }

  /** It answered, and the request is at fault (such as a 404): nothing for or against it. */
  ignorable(now?: number): void {
    this.report('ignorable', NaN, now);
  }

  /** It answered, and asked the whole call to wait (such as a 429): it is well. */
  pushedBack(now?: number): void {
    this.report('pushed_back', NaN, now);
  }

  /** The caller gave up before an answer. */
  cancel(now?: number): void {
    this.report('abandoned', NaN, now);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** @internal */
  report(outcome: Outcome, retryAfterMs: number, now?: number): void {
    const at = this.#time(now);
    this.#redeem()?.report(at, this.#ticket, OUTCOMES.indexOf(outcome), retryAfterMs);
  }

  /** @internal Reports it as abandoned should it be dropped. */
  net(): this {
    this.#netted = dropped !== undefined;
    dropped?.register(this, { balancer: this.#balancer!, ticket: this.#ticket, clock: this.#clock }, this);
    return this;
  }

  /** @internal Reports by the core's number. */
  tell(outcome: number, waitMs: number, now: number): void {
    this.#redeem()?.report(now, this.#ticket, outcome, waitMs);
  }

  /** @internal Reports the head of an answer, by the core's number; the body counts as in flight until `tell` or `withdraw`. */
  answered(outcome: number, waitMs: number, now: number): void {
    if (this.#balancer?.answered(now, this.#ticket, outcome, waitMs) === false) this.#redeem();
  }

  /** @internal Makes it as if it had never been picked. */
  withdraw(now: number): void {
    this.#redeem()?.withdraw(now, this.#ticket);
  }

  /** @internal Reports what a verdict on the attempt says of the endpoint. */
  conclude(verdict: Verdict, now?: number): void {
    const at = this.#time(now);
    const [number, waitMs] = numbers(verdict);
    this.#redeem()?.report(at, this.#ticket, OUTCOME_OF_VERDICT[number]!, waitMs);
  }

  /** @internal It was put back: there is nothing to report. */
  forget(): void {
    this.#redeem();
  }

  /** @internal The number that stands for this pick, until it is reported. */
  get ticket(): number | undefined {
    return this.#balancer && this.#ticket;
  }

  #time(now: number | undefined): number {
    return now === undefined ? this.#clock() : time(now);
  }

  #redeem(): WasmBalancer | undefined {
    const balancer = this.#balancer;
    this.#balancer = undefined;
    if (this.#netted) {
      this.#netted = false;
      dropped!.unregister(this);
    }
    return balancer;
  }
}

interface Lost {
  readonly balancer: WasmBalancer;
  readonly ticket: number;
  readonly clock: () => number;
}

let warned = false;

/** A net for picks that nobody reports. */
const dropped =
  typeof FinalizationRegistry === 'function'
    ? new FinalizationRegistry<Lost>(({ balancer, ticket, clock }) => {
        try {
          balancer.report(clock(), ticket, OUTCOMES.indexOf('abandoned'), NaN);
        } catch {
          // A clock that throws: the endpoint stays busy.
        }
        if (!warned) console.warn('evenkeel: a pick was dropped without a report, and counts as abandoned; say pick.ok(), fail() or cancel(), or `using pick`');
        warned = true;
      })
    : undefined;
