import type { Attempted, Sent } from './attempt.js';
import { followed } from './body.js';
import { OUTCOMES } from './generated.js';
import { freeWith, isFree } from './handle.js';
import { accepted, asHeaders, isAbort, type Judgement } from './judge.js';
import { onAbort, refuseAborted } from './listeners.js';
import type { Answer, Job, Rest } from './loop.js';
import { ofNetworkError } from './network_error.js';
import { outgoing, type Outgoing, type Rules } from './request.js';
import { base, join, type Base } from './url.js';
import type { Acceptance } from './verdict.js';

/** What the balancer brings to a request. */
export interface Context {
  readonly accept: ((response: Response) => Acceptance | undefined) | undefined;
  usual(response: Response): Judgement;
  clock(): number;
  handed(response: Response, attempts: readonly Attempted[]): void;
}

export type FetchJob = Omit<Job<Response>, 'options' | 'ofError'> & { readonly anytime: boolean };

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
  const { signal, repeat, anytime } = request;
  return {
    send(attempt) {
      let init;
      try {
        init = request.init();
      } finally {
        // The caller makes the body.
        (attempt as Sent).faulty = !init;
      }
      return fetch(join(known(attempt.url), request.path), { ...init, signal: attempt.signal });
    },
    ofAnswer: (response) => accepted(context.accept, response, () => context.usual(response)),
    repeat,
    anytime,
    signal,
    hand(answer, rest) {
      const handed = follow(answer, rest, anytime, signal, context.clock);
      context.handed(handed, rest.attempts);
      return handed;
    },
  };
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

/**
 * Follows the body to its end: until then the caller's signal and deadline hold, and the request counts as in flight. One that breaks before its
 * reader has anything of it may be asked for again (`mayRepeat`): another answer fits if its head says the same of its body. A value without a body
 * is its own end, and so is one that is not to be followed (`may`, of who sends himself).
 */
export function follow(
  answer: Answer<Response>,
  rest: Rest<Response>,
  mayRepeat: boolean,
  signal: AbortSignal | null | undefined,
  clock: () => number,
  may?: (value: Response) => boolean,
): Response {
  const { value, sent, judgement, told } = answer;
  const follows = isOpen(value) && may?.(value) !== false;
  const repeats = mayRepeat && follows && !told;
  if (!repeats) rest.over(rest.now);
  if (follows) return followOpen(answer, rest, repeats, signal, clock, may !== undefined);
  if (!told) sent.pick.tell(judgement.outcome, judgement.waitMs, rest.now);
  return value;
}

function followOpen(
  { value: response, sent, judgement, told }: Answer<Response>,
  rest: Rest<Response>,
  repeats: boolean,
  signal: AbortSignal | null | undefined,
  clock: () => number,
  mine: boolean,
): Response {
  const { pick } = sent;
  const { now: headAt, deadline } = rest;
  const unlisten = onAbort(signal, (reason) => sent.abort(reason));
  let untold = told ? undefined : judgement;
  // What stays while the body is followed must not hold the response: the net would never find it.
  const { status, headers } = response;
  const timers: ReturnType<typeof setTimeout>[] = [];
  const after = (ms: number, then: () => void): void => void timers.push(setTimeout(then, ms));
  const tellHead = (): void => {
    if (untold) pick.answered(untold.outcome, untold.waitMs, headAt);
    untold = undefined;
  };
  if (untold) after(HEAD_MS, tellHead);
  let late: unknown;
  if (deadline < Infinity) {
    after(Math.min(Math.max(0, deadline - headAt), 2 ** 31 - 1), () => {
      late = unread();
      sent.abort(late);
    });
  }
  let open = true;
  const over = (outcome: number | undefined, again: boolean): void => {
    if (!open) return;
    open = false;
    timers.forEach(clearTimeout);
    unlisten?.();
    const now = clock();
    if (outcome !== undefined) pick.tell(outcome, NaN, now);
    else if (untold) pick.tell(untold.outcome, untold.waitMs, headAt);
    else pick.withdraw(now);
    if (!again) rest.over(now, outcome !== undefined);
  };
  const net = {};
  const end = {
    begun: () => isFree(net),
    ended: () => over(undefined, false),
    async broke(error: unknown, untouched: boolean, lost: boolean): Promise<Response> {
      const { reason } = sent;
      // What is no error of the network is the reader's: a form that is none, JSON that does not parse, a body that he gave up himself. Who
      // sends himself (`mine`) may do that by a signal that we do not know, for whatever reason: what the network throws is a `TypeError`,
      // or has its code or words.
      const network = (lost && (!mine || (error as Error | undefined)?.name === 'TypeError')) || ofNetworkError(error, mine) !== undefined;
      const broken = open && reason === undefined && !signal?.aborted && !isAbort(error) && network;
      const again = broken && untouched && repeats && clock() < deadline;
      over(broken ? FAILURE : reason !== undefined && reason === late ? TIMED_OUT : undefined, again);
      if (again) {
        const other = await rest.again(clock()).catch(() => undefined);
        if (other?.status === status && other.body && sameBody(headers, other.headers)) return other;
        other?.body?.cancel().catch(() => undefined);
        refuseAborted(signal);
        if (clock() >= deadline) throw unread();
      }
      throw reason ?? error;
    },
  };
  const handed = followed(response, end);
  // A net for answers that nobody reads.
  freeWith(handed, () => (sent.abort(new DOMException('nobody reads the answer', 'AbortError')), end.ended()), net);
  return handed;
}

/** Whether two heads say the same of their bodies. */
function sameBody(...heads: [unknown, unknown]): boolean {
  const [one, other] = heads.map(asHeaders) as [Headers, Headers];
  return REPRESENTATION.every((name) => one.get(name) === other.get(name));
}

/** What a head says of its body. */
const REPRESENTATION = ['content-length', 'content-encoding', 'content-type', 'content-range', 'etag'];

function unread(): DOMException {
  return new DOMException('the answer was not read before its deadline', 'TimeoutError');
}

/** Whether there is a body to follow: a mock may have none, some clients have a stream of Node's, and it may have been read. */
function isOpen(value: Response | null | undefined): boolean {
  const body = value?.body;
  return typeof body?.getReader === 'function' && !value!.bodyUsed && !body.locked && typeof value!.status === 'number';
}
