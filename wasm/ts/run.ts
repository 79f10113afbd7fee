import { show } from './check.js';
import { Call, type RetryOptions, type Step } from './call.js';
import { LbError, type FailedAttempt } from './error.js';
import type { Pick } from './pick.js';
import type { Picker } from './picker.js';
import { ofAnswer, ofError, type Acceptance, type Verdict } from './verdict.js';

/** What `send` gets for one attempt. */
export interface Attempt {
  readonly url: string;
  /**
   * Aborts when the attempt is given up, its answer is not taken, another one has answered, or the caller's own signal aborts;
   * undefined if none of that can happen.
   */
  readonly signal: AbortSignal | undefined;
  /** 1 for the first. */
  readonly attempt: number;
}

export interface CallOptions<T = unknown> extends RetryOptions {
  /** Ends the call and its attempts; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What an answer means: whether it is good, or a verdict. By default, every one is good. A call that ends without a good answer
   * resolves with the last one all the same, if there was any; those that are not returned are aborted through their `signal`.
   */
  readonly accept?: (value: T) => Acceptance;
  /** What an attempt's error means. By default, every error is worth another attempt. */
  readonly classify?: (error: unknown) => Exclude<Verdict, 'success'>;
}

/** The answer to return: a good one, or until there is, the last. */
interface Answer<T> {
  readonly value: T;
  readonly good: boolean;
  readonly controller: AbortController | undefined;
}

interface InFlight {
  readonly pick: Pick;
  readonly startedAt: number;
  readonly controller: AbortController | undefined;
}

type Settled<T> = { attempt: number; at: number } & ({ ok: true; value: T } | { ok: false; error: unknown });

/** The loop around a `Call`: sends its attempts, keeps its timers. One listener on the caller's signal, removed at the end. */
export async function run<T>(
  balancer: Picker,
  send: (attempt: Attempt) => T | PromiseLike<T>,
  options: CallOptions<T>,
): Promise<T> {
  if (typeof send !== 'function') throw new TypeError(`send must be a function, not ${show(send)}`);
  const { signal, accept = () => true, classify = () => 'retryable_failure' } = options;
  if (typeof accept !== 'function') throw new TypeError(`accept must be a function, not ${show(accept)}`);
  if (typeof classify !== 'function') throw new TypeError(`classify must be a function, not ${show(classify)}`);
  signal?.throwIfAborted();
  const call = new Call(balancer, options);
  const inFlight = new Map<number, InFlight>();
  const settled: Settled<T>[] = [];
  const failed: FailedAttempt[] = [];
  let answer: Answer<T> | undefined;
  let wake = (): void => {};

  const start = ({ attempt, deadline }: Step & { type: 'send' }): void => {
    const startedAt = balancer.clock();
    const pick = call.pick(startedAt);
    if (!pick) return call.noEndpoint(startedAt);
    if (!call.started(attempt, pick, startedAt)) return;
    // Controllers cost microseconds, so only attempts that may be given up get one.
    const controller = deadline < Infinity || options.hedge || options.accept ? new AbortController() : undefined;
    inFlight.set(attempt, { pick, startedAt, controller });
    const end = (end: { ok: true; value: T } | { ok: false; error: unknown }): void => {
      settled.push({ attempt, at: balancer.clock(), ...end });
      wake();
    };
    // An async function, so that a `send` that throws at once is a failed attempt, too.
    (async () => send({ url: pick.url, signal: controller?.signal ?? signal, attempt }))().then(
      (value) => end({ ok: true, value }),
      (error: unknown) => end({ ok: false, error }),
    );
  };

  const finish = (settled: Settled<T>): void => {
    const ended = inFlight.get(settled.attempt);
    if (!ended) return; // given up before
    inFlight.delete(settled.attempt);
    const { pick, startedAt, controller } = ended;
    let verdict: Verdict;
    try {
      verdict = settled.ok ? ofAnswer(accept(settled.value)) : ofError(classify(settled.error));
      call.onOutcome(settled.attempt, verdict, settled.at);
    } catch (error) {
      // A fault of the caller's own is none of the endpoint's: it answered, or nobody knows. It ends the call before the others.
      pick.report(settled.ok ? 'ignorable' : 'abandoned', NaN, settled.at);
      controller?.abort(error);
      for (const { pick } of inFlight.values()) pick.report('lost_race', NaN, settled.at);
      throw error;
    }
    pick.conclude(verdict, settled.at);
    if (!settled.ok) failed.push({ url: pick.url, error: settled.error, elapsedMs: settled.at - startedAt });
    else if (answer?.good) abandon(controller);
    else {
      abandon(answer?.controller);
      answer = { value: settled.value, good: verdict === 'success', controller };
    }
  };

  const giveUp = ({ attempt, outcome }: Step & { type: 'cancel' }): void => {
    const ended = inFlight.get(attempt);
    if (!ended) return;
    inFlight.delete(attempt);
    const now = balancer.clock();
    if (outcome !== 'timed_out') {
      ended.pick.report(outcome, NaN, now);
      abandon(ended.controller);
      return;
    }
    const elapsedMs = now - ended.startedAt;
    const error = new DOMException(`no answer from ${ended.pick.url} in ${Math.round(elapsedMs)} ms`, 'TimeoutError');
    failed.push({ url: ended.pick.url, error, elapsedMs });
    ended.pick.timedOut(now);
    ended.controller?.abort(error);
  };

  const wait = async (until: number): Promise<void> => {
    let timer;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (until < Infinity) timer = setTimeout(resolve, Math.min(Math.ceil(until - balancer.clock()), LONGEST_TIMER));
    });
    clearTimeout(timer);
  };

  const onAbort = (): void => {
    for (const { controller } of inFlight.values()) controller?.abort(signal?.reason);
    wake();
  };
  signal?.addEventListener('abort', onAbort);
  const unwatch = balancer.watch(() => wake());
  try {
    for (;;) {
      signal?.throwIfAborted();
      settled.splice(0).forEach(finish);
      const step = call.poll();
      if (step.type === 'send') start(step);
      else if (step.type === 'cancel') giveUp(step);
      else if (step.type === 'wait') {
        const waits = call.waitsForEndpoint;
        await wait(waits ? Math.min(step.until, balancer.due()) : step.until);
        if (waits) call.endpointsChanged();
      }
      else if (answer || step.end === 'success') {
        const { value } = answer!;
        answer = undefined;
        return value;
      } else throw new LbError(step.end, failed);
    }
  } finally {
    answer?.controller?.abort();
    signal?.removeEventListener('abort', onAbort);
    unwatch();
    for (const { pick, controller } of inFlight.values()) {
      pick.abandon();
      controller?.abort();
    }
    call.free();
  }
}

function abandon(controller: AbortController | undefined): void {
  controller?.abort(new DOMException('another attempt answered before', 'AbortError'));
}

/** Beyond it, timers fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
