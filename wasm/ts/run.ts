import { show } from './check.js';
import { Call, type RetryOptions, type Step } from './call.js';
import { LbError, type FailedAttempt } from './error.js';
import type { Pick } from './pick.js';
import type { Picker } from './picker.js';
import type { Verdict } from './verdict.js';

/** What `send` gets for one attempt. */
export interface Attempt {
  readonly url: string;
  /** Aborts when the attempt is given up, another one has answered, or the caller's own signal aborts; undefined if neither can happen. */
  readonly signal: AbortSignal | undefined;
  /** 1 for the first. */
  readonly attempt: number;
}

export interface CallOptions extends RetryOptions {
  /** Ends the call and its attempts; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** What an attempt's error means. By default, every error is worth another attempt. */
  readonly classify?: (error: unknown) => Exclude<Verdict, 'success'>;
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
  options: CallOptions,
): Promise<T> {
  if (typeof send !== 'function') throw new TypeError(`send must be a function, not ${show(send)}`);
  const { signal, classify = () => 'retryable_failure' } = options;
  if (typeof classify !== 'function') throw new TypeError(`classify must be a function, not ${show(classify)}`);
  signal?.throwIfAborted();
  const call = new Call(balancer, options);
  const inFlight = new Map<number, InFlight>();
  const settled: Settled<T>[] = [];
  const failed: FailedAttempt[] = [];
  let result: { readonly value: T } | undefined;
  let wake = (): void => {};

  const start = ({ attempt, deadline }: Step & { type: 'send' }): void => {
    const startedAt = balancer.clock();
    const pick = call.pick(startedAt);
    if (!pick) return call.noEndpoint(startedAt);
    if (!call.started(attempt, pick, startedAt)) return;
    // Controllers cost microseconds, so only attempts that may be given up get one.
    const controller = deadline < Infinity || options.hedge ? new AbortController() : undefined;
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
    const { pick, startedAt, controller } = ended;
    if (settled.ok && result) controller?.abort(new DOMException('another attempt answered before', 'AbortError'));
    else if (settled.ok) result = settled;
    else failed.push({ url: pick.url, error: settled.error, elapsedMs: settled.at - startedAt });
    // Should `classify` throw, the attempt is still in flight and gets canceled with the call.
    const verdict = settled.ok ? 'success' : classify(settled.error);
    call.onOutcome(settled.attempt, verdict, settled.at);
    pick.conclude(verdict, settled.at);
    inFlight.delete(settled.attempt);
  };

  const giveUp = ({ attempt, outcome }: Step & { type: 'cancel' }): void => {
    const ended = inFlight.get(attempt);
    if (!ended) return;
    inFlight.delete(attempt);
    const now = balancer.clock();
    if (outcome !== 'timed_out') {
      ended.pick.report(outcome, NaN, now);
      ended.controller?.abort(new DOMException('another attempt answered before', 'AbortError'));
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
      else if (step.end === 'success') return result!.value;
      else throw new LbError(step.end, failed);
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    unwatch();
    for (const { pick, controller } of inFlight.values()) {
      pick.abandon();
      controller?.abort();
    }
    call.free();
  }
}

/** Beyond it, timers fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
