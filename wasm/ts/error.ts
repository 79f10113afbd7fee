import type { Attempted } from './attempt.js';
import type { EndName } from './generated.js';

/** Why a call failed. */
export type LbErrorCode = Exclude<EndName, 'success'>;

/** A call failed: every attempt did, or none could be sent. `cause` is the last attempt's error; where there was none, that of the source. */
export class LbError extends Error {
  override readonly name = 'LbError';

  constructor(
    /** Why the call stopped. */
    readonly code: LbErrorCode,
    /** Every attempt, in the order in which they ended. */
    readonly attempts: readonly Attempted[],
    sourceFailure?: unknown,
  ) {
    const last = attempts.at(-1);
    const cause = last ? last.error : sourceFailure;
    const count = attempts.length === 1 ? '1 failed attempt' : `${attempts.length} failed attempts`;
    const detail = last ? `; last at ${last.url}: ${told(cause)}` : cause === undefined ? '' : `; the source failed: ${told(cause)}`;
    super(`${WHY[code]} (${count}${detail})`, detail ? { cause } : undefined);
  }
}

/** An error, and what is behind it: Node's fetch says "fetch failed" of all. */
function told(error: unknown): string {
  try {
    const behind = (error as { readonly cause?: { readonly message?: unknown; readonly code?: unknown } } | null | undefined)?.cause;
    // Where a host has several addresses, there is but a code.
    const why = behind?.message || behind?.code;
    return why ? `${String(error)}: ${String(why)}` : String(error);
  } catch {
    // Anything can be thrown, and some of it is no text.
    return typeof error;
  }
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

/** Beyond it, timers fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** Something took too long. */
export function timeoutError(text: string): DOMException {
  return new DOMException(text, 'TimeoutError');
}
