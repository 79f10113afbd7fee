import { time, duration } from './check.js';
import { Outcome, type Balancer as WasmBalancer } from './glue.js';

/**
 * Why an endpoint was picked: by the policy among all candidates, or among those not to be avoided; because it was ejected and
 * this request decides whether it comes back (`probe`); among endpoints of which some would be left out if there were enough
 * others (`panic`); or although all were to be avoided.
 */
export type PickReason = 'policy' | 'retry' | 'probe' | 'panic' | 'last_resort';

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
    readonly why: PickReason,
  ) {
    this.#balancer = balancer;
    this.#ticket = ticket;
    this.#clock = clock;
  }

  /** The endpoint did its work. */
  success(now?: number): void {
    this.report(Outcome.Success, now);
  }

  /** It did not: an error, or no answer in time. */
  failure(now?: number): void {
    this.report(Outcome.Failure, now);
  }

  /** It refused for now, perhaps saying for how many milliseconds (`Retry-After`). */
  overloaded(retryAfterMs?: number, now?: number): void {
    if (retryAfterMs !== undefined) duration('retryAfterMs', retryAfterMs);
    const at = this.#time(now);
    this.#redeem()?.overloaded(at, this.#ticket, retryAfterMs);
  }

  /** The caller lost interest; says nothing of the endpoint's health. */
  cancel(now?: number): void {
    this.report(Outcome.Canceled, now);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** @internal */
  report(outcome: Outcome, now?: number): void {
    const at = this.#time(now);
    this.#redeem()?.report(at, this.#ticket, outcome);
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
