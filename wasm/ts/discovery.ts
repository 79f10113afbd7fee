import * as check from './check.js';
import type { EndpointSpec } from './picker.js';
import type { Listing, Source } from './source.js';

/** What a source is driven for. */
export interface Follower {
  update(endpoints: Iterable<EndpointSpec>): void;
  failed(error: unknown): void;
  clock(): number;
}

/** How long a list holds that does not say, and the first and the longest wait after a failure, as in the core's poller; how long a function may take. */
const [TTL, FIRST, LONGEST, PATIENCE] = [30_000, 1000, 60_000, 30_000];

/**
 * Asks a source when requests come and its list is no longer good, so that no timer is needed: the request that finds it so does not wait.
 * Failures and empty lists leave the endpoints as they are, and the next question waits twice as long each time, give or take 20 %, or as long as
 * the failure asks for.
 */
export class Discovery {
  /** Whether there has been a list. */
  #known = false;
  #due = -Infinity;
  #asked = -Infinity;
  #failures = 0;
  /** Why its latest question failed, if it did. */
  failure: unknown;
  #question = 0;
  #answered = 0;
  #pending: Promise<void> | undefined;
  #closed = false;
  #feed: AsyncIterator<Iterable<EndpointSpec>> | undefined;
  /** Ends with the first list, whichever question brings it, and with the source. */
  #settle!: () => void;
  readonly #settled = new Promise<void>((resolve) => (this.#settle = resolve));

  constructor(
    readonly source: Source,
    readonly follower: Follower,
  ) {}

  /** Asks, if the list is no longer good. The result is waited for only where there is no list yet. */
  touch(now: number): Promise<void> | undefined {
    // A clock that went back must not postpone the next question.
    if (now < this.#asked) this.#due = now;
    if (this.#known) {
      if (now >= this.#due) void this.refresh(now);
      return undefined;
    }
    if (IN_WORKERS) return now >= this.#due ? this.#ask(now) : undefined;
    const pending = now >= this.#due ? this.refresh(now) : this.#pending;
    return pending && Promise.race([pending, this.#settled]);
  }

  /** Asks now, and waits for the answer; for lists that come by themselves, until there is one. */
  asked(now: number): Promise<void> {
    const asked = this.refresh(now);
    return typeof this.source === 'function' ? asked : Promise.race([asked, this.#settled]);
  }

  /** Endpoints fail: the list may be old. It is asked for again, unless it was so lately. */
  doubt(now: number, latelyMs: number): void {
    if (now - this.#asked >= latelyMs && this.#failures === 0) this.#due = Math.min(this.#due, now);
  }

  /** Asks now; those who come while a question is under way share it. */
  refresh(now: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    // What a request of a Worker began ends with that request, and no other may wait for it. A function that hangs is asked again;
    // lists come when they come.
    const patience = IN_WORKERS ? 1000 : typeof this.source === 'function' ? PATIENCE : Infinity;
    if (this.#pending && !(now - this.#asked >= patience)) return this.#pending;
    // What fails here is the clock: a request tells of that, too.
    const asked = this.#ask(now).catch(() => undefined).finally(() => {
      if (this.#pending === asked) this.#pending = undefined;
      // Lists that come by themselves are taken as they come.
      if (this.#feed && this.#failures === 0) void this.refresh(this.#due);
    });
    return (this.#pending = asked);
  }

  close(): void {
    this.#closed = true;
    this.#settle();
    // What ends it may throw, or give no promise.
    (async () => this.#feed?.return?.())().catch(() => undefined);
  }

  async #ask(now: number): Promise<void> {
    this.#asked = now;
    const question = ++this.#question;
    // What comes after the answer to a later question is old.
    const late = (): boolean => this.#closed || question < this.#answered;
    try {
      const { endpoints, ttlMs, error } = listing(await this.#next());
      if (late()) return;
      const list = [...check.iterable('the list', endpoints)];
      if (list.length === 0 && this.#known) throw new RangeError('the list is empty: the endpoints stay as they are');
      this.follower.update(list);
      this.#known = true;
      this.#settle();
      this.#answered = question;
      if (error !== undefined) throw error;
      this.#failures = 0;
      this.failure = undefined;
      this.#due = this.follower.clock() + ttlMs;
    } catch (error) {
      if (late()) return;
      const around = 0.8 + 0.4 * Math.random();
      const wait = Math.min(FIRST * 2 ** this.#failures++, LONGEST) * around;
      this.#due = this.follower.clock() + Math.max(wait, asked(error));
      this.failure = error;
      this.follower.failed(error);
    }
  }

  /** The next list. */
  async #next(): Promise<Listing> {
    if (typeof this.source === 'function') return this.source();
    this.#feed ??= this.source[Symbol.asyncIterator]();
    const feed = this.#feed;
    try {
      const { done, value } = await feed.next();
      if (done) return this.#ended();
      return { endpoints: value, ttlMs: 0 };
    } catch (error) {
      this.#feed = undefined;
      throw error;
    }
  }

  /** The last list holds for ever. */
  #ended(): never {
    this.close();
    throw (this.failure = new Error('the source has ended'));
  }
}

const IN_WORKERS = (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === 'Cloudflare-Workers';

function listing(answer: Listing): { readonly endpoints: Iterable<EndpointSpec>; readonly ttlMs: number; readonly error?: unknown } {
  check.object('the list', answer);
  if (Symbol.iterator in answer) return { endpoints: answer, ttlMs: TTL };
  const { endpoints, ttlMs = TTL, error } = answer;
  return { endpoints, ttlMs: check.duration('ttlMs', ttlMs), error };
}

/** How long a failure asks to wait, in milliseconds, within the hour that the core allows. */
function asked(error: unknown): number {
  const wait = (error as { readonly retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof wait === 'number' && wait > 0 ? Math.min(wait, 3_600_000) : 0;
}
