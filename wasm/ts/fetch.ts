import type { Attempted, Sent } from './attempt.js';
import { followed } from './body.js';
import { OUTCOMES } from './generated.js';
import { accepted, type Judgement } from './judge.js';
import { onAbort } from './listeners.js';
import type { Job } from './loop.js';
import { outgoing, type Outgoing, type Rules } from './request.js';
import { base, join, type Base } from './url.js';
import type { Acceptance } from './verdict.js';

/** What the balancer brings to a request. */
export interface Context {
  readonly accept: ((response: Response) => Acceptance | undefined) | undefined;
  usual(response: Response): Judgement;
  clock(): number;
  handed(response: Response, attempts: readonly Attempted[]): void;
  /** How often a body that breaks may be asked for again. */
  readonly retries: number;
  /** Sends the request once more: the body of its answer broke before the caller had anything of it. */
  again(job: FetchJob, deadline: number): Promise<Response>;
}

export type FetchJob = Omit<Job<Response>, 'options' | 'ofError'>;

/** The job of one request: it is sent to an endpoint's URL, and its answer is followed to the end of its body. */
export function send(
  fetch: typeof globalThis.fetch,
  input: RequestInfo | URL,
  init: Record<string, unknown>,
  rules: Rules,
  context: Context,
): FetchJob | Promise<FetchJob> {
  const request = outgoing(input, init, rules);
  return request instanceof Promise ? request.then((request) => jobOf(fetch, request, context)) : jobOf(fetch, request, context);
}

function jobOf(fetch: typeof globalThis.fetch, request: Outgoing, context: Context): FetchJob {
  const { signal } = request;
  const job = (left: number): FetchJob => ({
    send: (attempt) => fetch(join(known(attempt.url), request.path), { ...request.init(), signal: attempt.signal }),
    ofAnswer: (response) => accepted(context.accept, response, () => context.usual(response)),
    repeat: request.repeat,
    signal,
    hand(response, sent, judgement, told, deadline, attempts) {
      const again = left > 0 && request.repeat === 'idempotent' ? () => context.again(job(left - 1), deadline) : undefined;
      const handed = follow(response, sent, told ? undefined : judgement, signal, deadline, context, again);
      context.handed(handed, attempts);
      return handed;
    },
  });
  return job(context.retries);
}

const bases = new Map<string, Base>();

function known(url: string): Base {
  let found = bases.get(url);
  if (!found) {
    // Enough for all endpoints that are in use; those that left do not collect.
    if (bases.size >= 10_000) bases.clear();
    bases.set(url, (found = base(url)));
  }
  return found;
}

const [FAILURE, TIMED_OUT] = [OUTCOMES.indexOf('failure'), OUTCOMES.indexOf('timed_out')];

/**
 * How long an endpoint is told nothing of a head whose body goes on, in milliseconds. A body that ends by then is told as one with its head,
 * and one that breaks is a failure and no success before: else who breaks all bodies would do well every other time. Clocks that differ by
 * less than a second are in order.
 */
const HEAD_MS = 500;

/** Follows the body to its end: until then the caller's signal and deadline hold, and the request counts as in flight. */
function follow(
  response: Response,
  sent: Sent,
  head: Judgement | undefined,
  signal: AbortSignal | undefined,
  deadline: number,
  { clock }: Context,
  again: (() => Promise<Response>) | undefined,
): Response {
  const { pick } = sent;
  if (!isOpen(response)) {
    if (head) pick.tell(head.outcome, head.waitMs, clock());
    return response;
  }
  // What stays while the body is followed must not hold the response: the net would never find it.
  const { status } = response;
  const headAt = clock();
  const timers: ReturnType<typeof setTimeout>[] = [];
  const after = (ms: number, then: () => void): void => void timers.push(setTimeout(then, ms));
  let untold = head;
  const tellHead = (): void => {
    if (untold) pick.answered(untold.outcome, untold.waitMs, headAt);
    untold = undefined;
  };
  if (head) after(HEAD_MS, tellHead);
  let late: unknown;
  if (deadline < Infinity) {
    after(Math.min(Math.max(0, deadline - headAt), 2 ** 31 - 1), () => {
      late = new DOMException('the answer was not read before its deadline', 'TimeoutError');
      sent.abort(late);
    });
  }
  const unlisten = signal && onAbort(signal, () => sent.abort(signal.reason));
  const over = (outcome: number | undefined): void => {
    timers.forEach(clearTimeout);
    unlisten?.();
    if (outcome !== undefined) pick.tell(outcome, NaN, clock());
    else if (untold) pick.tell(untold.outcome, untold.waitMs, headAt);
    else pick.withdraw(clock());
  };
  const net = {};
  const end = {
    begun: () => dropped?.unregister(net),
    ended(): void {
      over(undefined);
    },
    broke(error: unknown): unknown {
      const { reason } = sent;
      over(reason === undefined ? FAILURE : reason === late ? TIMED_OUT : undefined);
      return reason ?? error;
    },
    async instead(): Promise<Response | undefined> {
      if (sent.reason !== undefined || clock() >= deadline) return undefined;
      const other = await again?.().catch(() => undefined);
      // Another status would not go with the head that the caller has.
      if (other?.status === status) return other;
      void other?.body?.cancel();
      return undefined;
    },
  };
  const handed = followed(response, end);
  dropped?.register(handed, () => (end.ended(), sent.abort(new DOMException('nobody reads the answer', 'AbortError'))), net);
  return handed;
}

/** Whether there is a body to follow: a mock may have none, some clients have a stream of Node's, and it may have been read. */
function isOpen({ body, bodyUsed }: Response): boolean {
  return typeof body?.getReader === 'function' && !bodyUsed && !body.locked;
}

/** A net for answers that nobody reads: their requests end when the garbage collector finds them. */
const dropped =
  typeof FinalizationRegistry === 'function' ? new FinalizationRegistry<() => void>((end) => end()) : undefined;
