import type { Attempted } from './attempt.js';
import type { EndName } from './generated.js';

/** Why a call failed. */
export type LbErrorCode = Exclude<EndName, 'success'>;

/** A call failed: every attempt did, or none could be sent. `cause` is the last attempt's error. */
export class LbError extends Error {
  override readonly name = 'LbError';

  constructor(
    /** Why the call stopped. */
    readonly code: LbErrorCode,
    /** Every attempt, in the order in which they ended. */
    readonly attempts: readonly Attempted[],
  ) {
    const last = attempts.at(-1);
    super(message(code, attempts), last && { cause: last.error });
  }
}

function message(code: LbErrorCode, attempts: readonly Attempted[]): string {
  const count = attempts.length === 1 ? '1 failed attempt' : `${attempts.length} failed attempts`;
  const last = attempts.at(-1);
  const detail = last ? `; last at ${last.url}: ${String(last.error)}` : '';
  return `${WHY[code]} (${count}${detail})`;
}

const WHY: Record<LbErrorCode, string> = {
  attempts: 'all attempts failed',
  deadline: 'the deadline passed, or would before another attempt',
  no_endpoints: 'there is no endpoint to send to',
  non_retryable_failure: 'an attempt failed, and must not be repeated',
  ignorable: 'the request is at fault',
  budget: 'the retry budget is used up',
  push_back: 'the service asked for too long a wait',
  canceled: 'the call was canceled',
};

/** Something took too long. */
export function timeoutError(text: string): DOMException {
  return new DOMException(text, 'TimeoutError');
}
