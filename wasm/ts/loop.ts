import { Sent, type Attempt, type Attempted } from './attempt.js';
import { Call, type RetryOptions, type Step } from './call.js';
import { LbError, type LbErrorCode } from './error.js';
import { MAY_REPEAT, VERDICTS, type Repeat } from './generated.js';
import { forCall, type Judgement } from './judge.js';
import { onAbort } from './listeners.js';
import type { Picker } from './picker.js';

/** What a call is about. */
export interface Job<T> {
  send(attempt: Attempt): T | PromiseLike<T>;
  ofAnswer(value: T): Judgement;
  /** Nothing for a fault of the caller's code. */
  ofError(error: unknown): Judgement | undefined;
  readonly repeat: Repeat;
  readonly signal: AbortSignal | undefined;
  readonly options: RetryOptions;
  /** Is told of each attempt that is sent. */
  sent?(attempt: Sent): void;
  /** Takes over the answer that the call resolves with: its attempt, if that has not been reported, and when all must be over. */
  hand?(value: T, sent: Sent, judgement: Judgement, told: boolean, deadline: number, attempts: readonly Attempted[]): T;
}

/** An answer to return: a good one, or until there is, the last. */
interface Answer<T> {
  readonly value: T;
  readonly sent: Sent;
  readonly judgement: Judgement;
  /** Its endpoint has been told. */
  readonly told: boolean;
}

type Settled<T> = { readonly sent: Sent } & ({ readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown });

const [SUCCESS, IGNORABLE, TIMED_OUT] = (['success', 'ignorable', 'timed_out'] as const).map((name) => VERDICTS.indexOf(name));

/** The loop around a `Call`: sends its attempts, keeps its timers. */
export async function loop<T>(balancer: Picker, job: Job<T>): Promise<T> {
  const { signal, repeat } = job;
  signal?.throwIfAborted();
  const begun = balancer.clock();
  const call = new Call(balancer, job.options, begun);
  const inFlight = new Map<number, Sent>();
  const settled: Settled<T>[] = [];
  const attempts: Attempted[] = [];
  const controllers = new Set<Sent>();
  let answer: Answer<T> | undefined;
  let last: number = begun;
  let wake = (): void => {};

  const start = ({ attempt, hedge }: Step & { type: 'send' }, now: number): void => {
    const pick = call.pick(now);
    if (!pick) return call.noEndpoint(now);
    if (!call.started(attempt, pick, now)) return;
    const sent = new Sent(pick, attempt, hedge, now);
    inFlight.set(attempt, sent);
    controllers.add(sent);
    job.sent?.(sent);
    // An async function, so that a `send` that throws at once is a failed attempt, too.
    (async () => job.send(sent))().then(
      (value) => {
        settled.push({ sent, ok: true, value });
        wake();
      },
      (error: unknown) => {
        settled.push({ sent, ok: false, error });
        wake();
      },
    );
  };

  const finish = (end: Settled<T>, now: number): void => {
    const { sent } = end;
    if (!inFlight.delete(sent.attempt)) return; // given up before
    let judgement;
    try {
      judgement = end.ok ? job.ofAnswer(end.value) : job.ofError(end.error);
    } catch (error) {
      // A fault of the caller's own says nothing of the endpoint, and ends the call.
      sent.pick.withdraw(now);
      throw error;
    }
    if (!judgement) {
      sent.pick.withdraw(now);
      throw (end as { error: unknown }).error;
    }
    const { hedge, url } = sent;
    const elapsedMs = now - sent.startedAt;
    const verdict = forCall(judgement, repeat);
    call.tell(sent.attempt, verdict, judgement.waitMs, now);
    if (!end.ok) {
      attempts.push({ url, hedge, error: end.error, elapsedMs });
      sent.pick.tell(judgement.outcome, judgement.waitMs, now);
      return drop(sent, end.error);
    }
    const status = (end.value as { status?: unknown } | null | undefined)?.status;
    attempts.push(typeof status === 'number' ? { url, hedge, status, elapsedMs } : { url, hedge, elapsedMs });
    const good = verdict === SUCCESS;
    // What is good, or at fault itself, is what the call resolves with.
    const told = !(good || verdict === IGNORABLE) || job.hand === undefined || answer?.judgement.verdict === SUCCESS;
    if (told) sent.pick.tell(judgement.outcome, judgement.waitMs, now);
    if (answer?.judgement.verdict === SUCCESS) return drop(sent, LATE);
    if (answer) drop(answer.sent, LATE);
    answer = { value: end.value, sent, judgement, told };
  };

  const giveUp = ({ attempt, outcome }: Step & { type: 'cancel' }, now: number): boolean => {
    const sent = inFlight.get(attempt);
    if (!sent) return false;
    inFlight.delete(attempt);
    sent.pick.report(outcome, NaN, now);
    if (outcome !== 'timed_out') {
      drop(sent, LATE);
      return false;
    }
    const elapsedMs = now - sent.startedAt;
    const error = new DOMException(`no answer from ${sent.url} in ${Math.round(elapsedMs)} ms`, 'TimeoutError');
    attempts.push({ url: sent.url, hedge: sent.hedge, error, elapsedMs });
    drop(sent, error);
    // It may have been done, and what may not be repeated ends here.
    return !MAY_REPEAT[repeat].includes(TIMED_OUT!);
  };

  const drop = (sent: Sent, reason: unknown): void => {
    controllers.delete(sent);
    sent.abort(reason);
  };

  const wait = async (until: number, now: number): Promise<void> => {
    if (settled.length > 0) return;
    let timer;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (until < Infinity) timer = setTimeout(resolve, Math.min(Math.max(Math.ceil(until - now), 0), LONGEST_TIMER));
    });
    clearTimeout(timer);
  };

  const unlisten = signal && onAbort(signal, () => {
    for (const sent of controllers) sent.abort(signal.reason);
    wake();
  });
  let unwatch: (() => void) | undefined;
  try {
    for (;;) {
      signal?.throwIfAborted();
      last = balancer.clock();
      if (settled.length > 0) for (const end of settled.splice(0)) finish(end, last);
      const step = call.poll(last);
      if (step.type === 'send') start(step, last);
      else if (step.type === 'cancel') {
        if (giveUp(step, last)) throw new LbError('non_retryable_failure', attempts);
      } else if (step.type === 'wait') {
        const waits = call.waitsForEndpoint;
        if (waits) unwatch ??= balancer.watch(() => wake());
        await wait(waits ? Math.min(step.until, balancer.due()) : step.until, last);
        if (waits) call.endpointsChanged();
      } else if (answer) {
        const { value, sent, judgement, told } = answer;
        if (job.hand) {
          const deadline = job.options.timeoutMs === undefined ? Infinity : begun + job.options.timeoutMs;
          const handed = job.hand(value, sent, judgement, told, deadline, attempts);
          // Its controller is the taker's from here on.
          controllers.delete(sent);
          return handed;
        }
        controllers.delete(sent);
        return value;
      } else throw new LbError(step.end as LbErrorCode, attempts);
    }
  } catch (error) {
    if (answer && !answer.told) answer.sent.pick.tell(answer.judgement.outcome, answer.judgement.waitMs, last);
    for (const sent of controllers) sent.abort(error);
    throw error;
  } finally {
    unlisten?.();
    unwatch?.();
    const outcome = answer ? 'lost_race' : 'abandoned';
    for (const sent of inFlight.values()) {
      sent.pick.report(outcome, NaN, last);
      sent.abort(LATE);
    }
    call.free();
  }
}

const LATE = new DOMException('another attempt answered before', 'AbortError');

/** Beyond it, timers fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
