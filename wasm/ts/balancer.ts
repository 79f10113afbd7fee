import { Picker } from './picker.js';
import { run, type Attempt, type CallOptions } from './run.js';

/** Balances requests over a set of endpoints. It does no I/O, and starts timers only within `call`. */
export class Balancer extends Picker {
  /**
   * Calls `send` with one endpoint after another until it gives a good answer, and resolves with that; without one, with the last
   * answer that `accept` refused.
   *
   * @throws {LbError} when no attempt was answered, and the retry options allow no other.
   */
  call<T>(send: (attempt: Attempt) => T | PromiseLike<T>, options: CallOptions<T> = {}): Promise<T> {
    return run(this, send, options);
  }
}
