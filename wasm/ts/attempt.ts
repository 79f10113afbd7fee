import type { Pick } from './pick.js';

/** What `send` gets for one attempt. */
export interface Attempt {
  readonly url: string;
  /** Aborts when the attempt failed or is given up, when another one has answered, or when the caller's own signal aborts. */
  readonly signal: AbortSignal;
  /** 1 for the first. */
  readonly attempt: number;
}

/** How one attempt of a call went. */
export interface Attempted {
  /** The endpoint it was sent to. */
  readonly url: string;
  /** Whether it went beside another one that took long. */
  readonly hedge: boolean;
  /** The status of the answer, if there was one that has one. */
  readonly status?: number;
  /** What it failed with, if there was no answer; a `TimeoutError` if it was given up. */
  readonly error?: unknown;
  /** How long it took, in milliseconds. */
  readonly elapsedMs: number;
}

/** An attempt under way. Its controller is made when somebody asks for the signal: it costs microseconds. */
export class Sent implements Attempt {
  #controller: AbortController | undefined;
  #aborted = false;
  /** Why it was aborted, if it was. */
  reason: unknown;
  /** @internal Whether it ended with `value` as its answer, or as its error. */
  ok = false;
  /** @internal */
  value: unknown;
  /** @internal Nothing was sent, as the caller's code is at fault. */
  faulty = false;

  constructor(
    readonly pick: Pick,
    readonly attempt: number,
    readonly hedge: boolean,
    readonly startedAt: number,
    /** When it is given up. */
    readonly deadline: number,
  ) {}

  get url(): string {
    return this.pick.url;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.reason = reason;
    this.#controller?.abort(reason);
  }
}
