import type { Attempt } from './attempt.js';
import type { RetryOptions } from './call.js';
import { callable, object } from './check.js';
import { accepted, ofResponse, ofThrown, SUCCESS } from './judge.js';
import { loop } from './loop.js';
import { Picker } from './picker.js';
import type { Acceptance, Verdict } from './verdict.js';

export interface CallOptions<T = unknown> extends RetryOptions {
  /** Ends the call and its attempts; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What an answer means: whether it is good, or a verdict. By default, and for `undefined`, every one is good. A call that ends without a
   * good answer resolves with the last one all the same, if there was any; those that are not returned are aborted through their `signal`.
   */
  readonly accept?: (value: T) => Acceptance | undefined;
  /**
   * What an attempt's error means. By default, and for `undefined`, it is worth another attempt; what programs throw that are wrong
   * (a `TypeError` that is not the network's) ends the call, and says nothing of the endpoint.
   */
  readonly classify?: (error: unknown) => Exclude<Verdict, 'success'> | undefined;
}

/** Balances requests over a set of endpoints. It does no I/O, and starts timers only within `call`. */
export class Balancer extends Picker {
  /**
   * Calls `send` with one endpoint after another until it gives a good answer, and resolves with that; without one, with the last
   * answer that `accept` refused.
   *
   * @throws {LbError} when no attempt was answered, and the retry options allow no other.
   */
  async call<T>(send: (attempt: Attempt) => T | PromiseLike<T>, options: CallOptions<T> = {}): Promise<T> {
    const { signal, accept, classify } = object('options', options);
    for (const [name, value] of Object.entries({ send, accept, classify })) {
      if (value !== undefined) callable(name, value);
    }
    return loop(this, {
      send,
      ofAnswer: (value) => accepted(accept, value, () => SUCCESS),
      ofError: (error, url) => ofThrown(classify, error, (answer) => ofResponse(answer, undefined, (waitMs) => waitMs), true, url),
      repeat: 'idempotent',
      signal,
      options,
    });
  }
}
