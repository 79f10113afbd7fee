import { Picker } from './picker.js';
import { run, type Attempt, type CallOptions } from './run.js';

/** Balances requests over a set of endpoints. It does no I/O, and starts timers only within `call`. */
export class Balancer extends Picker {
  /**
   * Calls `send` with one endpoint after another until it succeeds, and gives its result.
   *
   * @throws {LbError} when the retry options allow no other attempt.
   */
  call<T>(send: (attempt: Attempt) => T | PromiseLike<T>, options: CallOptions = {}): Promise<T> {
    return run(this, send, options);
  }
}
