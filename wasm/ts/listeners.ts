import * as check from './check.js';

/** One listener on an abort signal, however many requests share it: a signal that lives long would else collect them. */

const listeners = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

/** Calls back when the signal, if there is one, aborts, and throws its reason where it has; returns how to end that. */
export function onAbort(signal: AbortSignal | null | undefined, abort: (reason: unknown) => void): (() => void) | undefined {
  if (signal === undefined || signal === null) return undefined;
  check.signal('signal', signal);
  refuseAborted(signal);
  let waiting = listeners.get(signal);
  if (!waiting) {
    const all = new Set<(reason: unknown) => void>();
    const listener = (): void => {
      signal.removeEventListener('abort', listener);
      listeners.delete(signal);
      for (const abort of all) abort(reasonOf(signal));
    };
    waiting = Object.assign(all, { end: () => signal.removeEventListener('abort', listener) });
    listeners.set(signal, waiting);
    signal.addEventListener('abort', listener);
  }
  waiting.add(abort);
  return () => {
    const waiting = listeners.get(signal);
    if (!waiting?.delete(abort) || waiting.size > 0) return;
    listeners.delete(signal);
    (waiting as unknown as { end(): void }).end();
  };
}

/** Throws the reason of a signal that has aborted: those of polyfills do not throw it themselves. */
export function refuseAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted) throw reasonOf(signal);
}

/** Why it aborted; old ones do not say. */
function reasonOf({ reason = new DOMException('the request was aborted', 'AbortError') }: AbortSignal): unknown {
  return reason;
}
