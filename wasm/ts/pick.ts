import { duration, time } from './check.js';
import { OUTCOMES, type Outcome, type PickReason } from './generated.js';
import type { Balancer as WasmBalancer } from './glue.js';
import { numbers, type Verdict } from './verdict.js';

export type { PickReason } from './generated.js';

/**
 * A picked endpoint. Report how its request ended exactly once; later reports are ignored.
 *
 * `using pick = balancer.pick()` reports it as canceled if nothing else was.
 */
export class Pick {
  #balancer: WasmBalancer | undefined;
  readonly #ticket: number;
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
  success(now?: number): void {
    this.report('success', NaN, now);
  }

  /** It did not: an error, or no answer in time. */
  failure(now?: number): void {
    this.report('failure', NaN, now);
  }

  /** It refused for now, perhaps saying for how many milliseconds (`Retry-After`). */
  overloaded(retryAfterMs?: number, now?: number): void {
    this.report('overloaded', retryAfterMs === undefined ? NaN : duration('retryAfterMs', retryAfterMs), now);
  }

  /** The caller lost interest; says nothing of the endpoint's health. */
  cancel(now?: number): void {
    this.report('canceled', NaN, now);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** @internal */
  report(outcome: Outcome, retryAfterMs: number, now?: number): void {
    const at = this.#time(now);
    this.#redeem()?.report(at, this.#ticket, OUTCOMES.indexOf(outcome), retryAfterMs);
  }

  /** @internal Reports what a verdict on the attempt says of the endpoint. */
  conclude(verdict: Verdict, now: number): void {
    this.#redeem()?.conclude(now, this.#ticket, ...numbers(verdict));
  }

  /** @internal Reports a request that was given up, which took as long as until now at least. */
  timeOut(now: number): void {
    this.#redeem()?.time_out(now, this.#ticket);
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
    return balancer;
  }
}
