import { duration, time } from './check.js';
import { OUTCOMES, OUTCOME_OF_VERDICT, type Outcome, type PickReason } from './generated.js';
import { answered, report, withdraw } from './glue.js';
import { freeWith, isFree, type Once } from './handle.js';
import { numbered, numbers, type Verdict } from './verdict.js';

export type { PickReason } from './generated.js';

/**
 * A picked endpoint. Report how its request ended exactly once; later reports are ignored.
 *
 * `using pick = balancer.pick()` reports it as abandoned if nothing else was.
 */
export class Pick {
  #owner: PickOwner | undefined;
  readonly #ticket: number;
  #netted = false;
  /** @internal Is told once it has been reported. */
  reported: (() => void) | undefined;

  /** @internal */
  constructor(
    owner: PickOwner,
    ticket: number,
    /** The endpoint's slot: a small number that it keeps while it is in the set. */
    readonly index: number,
    /** The endpoint's URL, as it was given. */
    readonly url: string,
    /**
     * Why this one: by the policy among all candidates, or among those not to be avoided (`retry`), of the next level or, where
     * all have been tried, of the ejected; because it was ejected and this request decides whether it comes back (`probe`); among
     * endpoints of which some would be left out if there were enough others (`panic`); or although all were to be avoided
     * (`last_resort`).
     */
    readonly why: PickReason,
    /** @internal The call that it is for, which ends with it if both are dropped. */
    readonly call: Once | undefined,
  ) {
    this.#owner = owner;
    this.#ticket = ticket;
  }

  /** The endpoint did its work. */
  ok(now?: number): void {
    this.#report(OUTCOME.success, NaN, now);
  }

  /** It did not: it answered with an error. */
  fail(now?: number): void {
    this.#report(OUTCOME.failure, NaN, now);
  }

  /** It refused for now, perhaps saying for how many milliseconds (`Retry-After`). */
  overloaded(retryAfterMs?: number, now?: number): void {
    this.#report(OUTCOME.overloaded, retryAfterMs === undefined ? NaN : duration('retryAfterMs', retryAfterMs), now);
  }

  /** It did not answer in time. */
  timedOut(now?: number): void {
    this.#report(OUTCOME.timed_out, NaN, now);
  }

  /** It could not be reached: nothing was sent. */
  neverSent(now?: number): void {
    this.#report(OUTCOME.never_sent, NaN, now);
  }

  /** It answered, and the request is at fault (such as a 404): nothing for or against it. */
  ignorable(now?: number): void {
    this.#report(OUTCOME.ignorable, NaN, now);
  }

  /** It answered, and asked the whole call to wait (such as a 429): it is well. */
  pushedBack(now?: number): void {
    this.#report(OUTCOME.pushed_back, NaN, now);
  }

  /** The caller gave up before an answer. */
  cancel(now?: number): void {
    this.#report(OUTCOME.abandoned, NaN, now);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** @internal */
  report(outcome: Outcome, now?: number): void {
    this.#report(OUTCOME[outcome], NaN, now);
  }

  /** @internal Reports it as abandoned should it be dropped before it is reported, and ends the call that it is for. */
  net(): void {
    const owner = this.#owner;
    if (!owner || this.#netted) return;
    this.#netted = true;
    freeWith(this, dropped(owner, this.#ticket, this.call));
  }

  /** @internal Reports by the core's number. */
  tell(outcome: number, waitMs: number, now: number): void {
    const owner = this.#owner;
    if (!owner) return;
    this.forget();
    report(owner.handle, now, this.#ticket, outcome, waitMs);
  }

  /** @internal Reports the head of an answer, by the core's number; the body counts as in flight until `tell` or `withdraw`. */
  answered(outcome: number, waitMs: number, now: number): void {
    const owner = this.#owner;
    if (owner && !answered(owner.handle, now, this.#ticket, outcome, waitMs)) this.forget();
  }

  /** @internal Makes it as if it had never been picked. */
  withdraw(now: number): void {
    const owner = this.#owner;
    this.forget();
    if (owner) withdraw(owner.handle, now, this.#ticket);
  }

  /** @internal Reports what a verdict on the attempt says of the endpoint. */
  conclude(verdict: Verdict, now?: number): void {
    const [number, waitMs] = numbers(verdict);
    this.#report(OUTCOME_OF_VERDICT[number]!, waitMs, now);
  }

  /** @internal It was put back: there is nothing to report. */
  forget(): void {
    this.#owner = undefined;
    if (this.#netted) {
      this.#netted = false;
      isFree(this);
    }
  }

  /** @internal The number that stands for this pick, until it is reported. */
  get ticket(): number | undefined {
    return this.#owner && this.#ticket;
  }

  #report(outcome: number, waitMs: number, now: number | undefined): void {
    if (now !== undefined) time(now);
    if (!this.#owner) return;
    this.tell(outcome, waitMs, now ?? this.#owner.clock());
    this.reported?.();
  }
}

/** The balancer that a pick is of. */
export interface PickOwner {
  /** It is freed no earlier than the balancer is collected. */
  readonly handle: number;
  /** Picks that were dropped. */
  dropped: number;
  clock(): number;
}

/** The core's number of each outcome. */
export const OUTCOME = numbered(OUTCOMES);

let warned = false;

/** A net for a pick that nobody reports. */
function dropped(owner: PickOwner, ticket: number, call: Once | undefined): () => void {
  return () => {
    call?.free();
    owner.dropped++;
    if (!warned) console.warn('evenkeel: a pick was dropped without a report, and counts as abandoned: say `using pick`');
    warned = true;
    report(owner.handle, owner.clock(), ticket, OUTCOME.abandoned, NaN);
  };
}
