/** What an attempt's end means: the verdict for its call, and the outcome for its endpoint, by the core's numbers. */
import { COOL_DOWN_MS, MAY_REPEAT, OUTCOME_OF_VERDICT, STATUSES, VERDICTS, type Repeat } from './generated.js';
import { isElsewhere, ofNetworkError } from './network_error.js';
import { retryAfter } from './retry_after.js';
import { numbered, numbers, ofAnswer, ofError, type Acceptance, type Verdict } from './verdict.js';

/** What of an answer counts. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
}

export interface Judgement {
  readonly verdict: number;
  readonly waitMs: number;
  readonly outcome: number;
}

const OF_VERDICT: readonly Judgement[] = OUTCOME_OF_VERDICT.map((outcome, verdict) => ({ verdict, waitMs: NaN, outcome }));
export const VERDICT = numbered(VERDICTS);
export const SUCCESS = OF_VERDICT[VERDICT.success]!;

/** By status, so that most answers cost one look. */
const OF_STATUS: readonly Judgement[] = Array.from({ length: 1000 }, (_, status) => {
  const [, verdict, outcome] = STATUSES.filter(([from]) => from <= status).at(-1)!;
  return { verdict, waitMs: verdict === VERDICT.overloaded ? COOL_DOWN_MS : NaN, outcome };
});

export function judge(said: Verdict): Judgement {
  const [verdict, waitMs] = numbers(said);
  return Number.isNaN(waitMs) ? OF_VERDICT[verdict]! : { verdict, waitMs, outcome: OUTCOME_OF_VERDICT[verdict]! };
}

/** What an HTTP answer means, by its status and headers. `statuses` are those to try again, if the caller says. */
export function ofResponse(response: Answered, statuses: readonly number[] | undefined, lengthen: (waitMs: number) => number): Judgement {
  const { status } = response;
  const usual = OF_STATUS[status] ?? SUCCESS;
  if (usual.verdict === VERDICT.overloaded) {
    const waitMs = retryAfter(asHeaders(response.headers), Date.now());
    if (waitMs !== undefined) return restricted({ ...usual, waitMs: lengthen(waitMs) }, status, statuses);
  }
  return restricted(usual, status, statuses);
}

function restricted(usual: Judgement, status: number, statuses: readonly number[] | undefined): Judgement {
  if (!statuses) return usual;
  if (statuses.includes(status)) return MAY_REPEAT.idempotent.includes(usual.verdict) ? usual : OF_VERDICT[VERDICT.retryable_failure]!;
  return MAY_REPEAT.idempotent.includes(usual.verdict) ? { ...usual, verdict: VERDICT.non_retryable_failure } : usual;
}

/** Whether it is a `Response`, of whichever class: clients have their own. */
export function isResponse(value: unknown): value is Response {
  const { status, text } = (value ?? {}) as { status?: unknown; text?: unknown };
  return typeof status === 'number' && typeof text === 'function';
}

/** Whether an error says that the request was given up by who sent it. */
export function isAbort(error: unknown): boolean {
  return (error as { name?: unknown } | null | undefined)?.name === 'AbortError';
}

/** What the caller's `accept` says of an answer, or else what is usual. */
export function accepted<T>(accept: ((value: T) => Acceptance | undefined) | undefined, value: T, usual: () => Judgement): Judgement {
  const said = accept?.(value);
  return said === undefined ? usual() : judge(ofAnswer(said));
}

/** How answers with a status are judged. */
export type ByStatus = (answer: Answered) => Judgement;

/**
 * What an error means, by the caller's `classify` or its kind; nothing for a fault of the caller's code, nor where he gives up what he sends
 * himself (`own`). Clients that throw at statuses (SDKs, ky, axios) say the status in the error.
 */
export function ofThrown(
  classify: ((error: unknown) => Verdict | undefined) | undefined,
  error: unknown,
  byStatus: ByStatus,
  own: boolean,
  url: string,
): Judgement | undefined {
  const said = classify?.(error);
  if (said !== undefined) return judge(ofError(said));
  const answered = answerOf(error);
  if (answered && answered.status >= 400) return byStatus(answered);
  const usual = own && isAbort(error) ? undefined : ofNetworkError(error);
  return usual && judge(usual === 'never_sent' && isElsewhere(error as object, url) ? 'retryable_failure' : usual);
}

/** The answer that an error is about, if it says so. */
function answerOf(error: unknown): Answered | undefined {
  if (!(error instanceof Error)) return undefined;
  const { response, status, statusCode, headers } = error as Error & Record<string, unknown>;
  const at = typeof response === 'object' && response !== null ? (response as Record<string, unknown>) : { status: status ?? statusCode, headers };
  const code = at['status'];
  return typeof code === 'number' && code >= 100 && code <= 999 ? { status: code, headers: asHeaders(at['headers']) } : undefined;
}

export function asHeaders(given: unknown): Headers {
  if (given instanceof Headers) return given;
  try {
    return new Headers((given ?? {}) as HeadersInit);
  } catch {
    return new Headers();
  }
}

/** The verdict for a call whose request must perhaps not be sent again. */
export function forCall({ verdict }: Judgement, repeat: Repeat): number {
  const again = MAY_REPEAT.idempotent.includes(verdict) && !MAY_REPEAT[repeat].includes(verdict);
  return again ? VERDICT.non_retryable_failure : verdict;
}
