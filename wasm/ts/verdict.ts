import { duration, must, object } from './check.js';
import { VERDICTS, type VerdictName } from './generated.js';

/** The verdicts that say nothing more than their name. */
type Plain = Exclude<VerdictName, 'push_back'>;

/**
 * What to make of an attempt's result. The endpoint has failed after `retryable_failure`, `non_retryable_failure` (the request must
 * not be repeated), `timed_out` and `never_sent` (nothing left the client). After `ignorable` the request itself is at fault.
 * `overloaded` asks for another endpoint, and to be left alone for `waitMs`; `push_back` asks the whole call to wait.
 */
export type Verdict =
  | Plain
  | { readonly verdict: 'overloaded'; readonly waitMs: number }
  | { readonly verdict: 'push_back'; readonly waitMs: number };

/** What `accept` says of an answer: whether it is good (`false` is `retryable_failure`), or the verdict. */
export type Acceptance = boolean | Verdict;

export function ofAnswer(said: Acceptance): Verdict {
  if (typeof said !== 'boolean') return said;
  return said ? 'success' : 'retryable_failure';
}

/** An error is no success, whatever `classify` says. */
export function ofError(said: Verdict): Verdict {
  if (said === 'success') throw new TypeError('classify must not say success of an error');
  return said;
}

/** The core's number of a verdict, and the milliseconds that go with it, or NaN. */
export function numbers(verdict: Verdict): [verdict: number, waitMs: number] {
  if (typeof verdict === 'object' && verdict !== null) {
    const { verdict: name, waitMs } = object('verdict', verdict);
    must(name === 'overloaded' || name === 'push_back', 'a verdict with waitMs', 'overloaded or push_back', name);
    return [VERDICTS.indexOf(name), duration('waitMs', waitMs)];
  }
  const plain = VERDICTS.filter((name) => name !== 'push_back');
  if (!plain.includes(verdict)) must(false, 'a verdict', `one of ${plain.join(', ')} or { verdict, waitMs }`, verdict);
  return [VERDICTS.indexOf(verdict), NaN];
}

/** The core's number of each name. */
export function numbered<Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, number) => [name, number])) as Record<Name, number>;
}
