import { duration, show } from './check.js';
import { VERDICTS, type VerdictName } from './generated.js';

/** The verdicts that say nothing more than their name. */
type Plain = Exclude<VerdictName, 'retry_after'>;

/** What to make of an attempt's result. `never_sent` is tried again at once without counting. */
export type Verdict = Plain | { readonly retryAfterMs: number };

/** The core's number of a verdict, and the milliseconds that go with it, or NaN. */
export function numbers(verdict: Verdict): [verdict: number, retryAfterMs: number] {
  if (typeof verdict === 'object' && verdict !== null) {
    return [VERDICTS.indexOf('retry_after'), duration('retryAfterMs', verdict.retryAfterMs)];
  }
  const plain = VERDICTS.filter((name) => name !== 'retry_after');
  if (!plain.includes(verdict)) {
    throw new TypeError(`a verdict must be one of ${plain.join(', ')} or { retryAfterMs }, not ${show(verdict)}`);
  }
  return [VERDICTS.indexOf(verdict), NaN];
}
