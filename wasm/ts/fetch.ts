import type { Attempted, Sent } from './attempt.js';
import { followed } from './body.js';
import { LONGEST_TIMER, timeoutError } from './error.js';
import { freeWith, isFree } from './handle.js';
import { accepted, asHeaders, isAbort, type Answered, type Judgement } from './judge.js';
import { onAbort, refuseAborted } from './listeners.js';
import type { Answer, Job, Rest } from './loop.js';
import { ofNetworkError } from './network_error.js';
import { OUTCOME } from './pick.js';
import { outgoing, type Outgoing } from './request.js';
import { base, join, type Base } from './url.js';
import type { Acceptance } from './verdict.js';

/** What the balancer brings to all requests. */
export interface Owner {
  readonly options: { readonly deadlineHeader?: string | undefined };
  usual(response: Answered, rules: FetchRules): Judgement;
  clock(): number;
  handed(response: Response, attempts: readonly Attempted[]): void;
}

/** What it, or the request, says of one. */
export interface FetchRules {
  readonly methods: readonly string[];
  readonly statusCodes: readonly number[] | undefined;
  readonly idleMs: number | undefined;
  readonly accept: ((value: never) => Acceptance | undefined) | undefined;
}

type Accept = ((response: Response) => Acceptance | undefined) | undefined;

export type FetchJob = Omit<Job<Response>, 'options' | 'ofError' | 'owner'> & { readonly anytime: boolean };

/** The job of one request: it is sent to an endpoint's URL, and its answer is followed to the end of its body. */
export function send(
  fetch: typeof globalThis.fetch,
  input: RequestInfo | URL,
  init: Record<string, unknown>,
  idempotent: boolean | undefined,
  rules: FetchRules,
  owner: Owner,
): FetchJob | Promise<FetchJob> {
  const request = outgoing(input, init, idempotent, rules.methods);
  const job = (request: Outgoing): FetchJob => jobOf(fetch, request, rules, owner);
  return request instanceof Promise ? request.then(job) : job(request);
}

function jobOf(fetch: typeof globalThis.fetch, request: Outgoing, rules: FetchRules, owner: Owner): FetchJob {
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
      const { deadline, signal } = attempt as Sent;
      return fetch(join(known(attempt.url), request.path), { ...init, ...told(owner, deadline, init.headers), signal });
    },
    ofAnswer: (response) => accepted(rules.accept as Accept, response, () => owner.usual(response, rules)),
    repeat,
    anytime,
    signal,
    hand(answer, rest) {
      const handed = follow(answer, rest, anytime, signal, owner, rules.idleMs);
      owner.handed(handed, rest.attempts);
      return handed;
    },
  };
}

/** The headers that tell how much time is left, unless they say that already. */
function told(owner: Owner, deadline: number, given: HeadersInit | undefined): RequestInit | undefined {
  const { deadlineHeader: name } = owner.options;
  if (name === undefined || deadline === Infinity) return undefined;
  const headers = new Headers(given);
  const left = Math.max(0, deadline - owner.clock());
  // Eight digits and a unit.
  if (!headers.has(name)) headers.set(name, /^grpc-timeout$/i.test(name) ? `${Math.min(Math.ceil(left), 99_999_999)}m` : `${Math.floor(left)}`);
  return { headers };
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
  owner: Owner,
  idleMs: number | undefined,
  may?: (value: Response) => boolean,
): Response {
  const { value, sent, judgement, told } = answer;
  const { pick } = sent;
  const { now: headAt, deadline } = rest;
  const follows = isOpen(value) && may?.(value) !== false;
  const repeats = mayRepeat && follows && !told;
  if (!repeats) rest.over(headAt);
  if (!follows) {
    if (!told) pick.tell(judgement.outcome, judgement.waitMs, headAt);
    return value;
  }
  // What stays while the body is followed must not hold the response: the net would never find it.
  const { status, headers } = value;
  const unlisten = onAbort(signal, (reason) => sent.abort(reason));
  let untold = told ? undefined : judgement;
  const timers: ReturnType<typeof setTimeout>[] = [];
  const after = (ms: number, then: () => void): void => {
    const timer = setTimeout(then, ms);
    timers.push(timer);
    // Nobody may ever read the answer: a program ends without waiting for that.
    (timer as { unref?: () => void }).unref?.();
  };
  const tellHead = (): void => {
    if (untold) pick.answered(untold.outcome, untold.waitMs, headAt);
    untold = undefined;
  };
  if (untold) after(HEAD_MS, tellHead);
  let late: unknown;
  let tired: (() => void) | undefined;
  const giveUp = (why: DOMException): void => {
    late ??= why;
    sent.abort(late);
    tired?.();
  };
  if (deadline < Infinity) after(Math.min(Math.max(0, deadline - headAt), LONGEST_TIMER), () => giveUp(unread()));
  let open = true;
  const over = (outcome: number | undefined, again: boolean): void => {
    if (!open) return;
    open = false;
    timers.forEach(clearTimeout);
    unlisten?.();
    const now = owner.clock();
    if (outcome !== undefined) pick.tell(outcome, NaN, now);
    else if (untold) pick.tell(untold.outcome, untold.waitMs, headAt);
    else pick.withdraw(now);
    if (!again) rest.over(now, outcome !== undefined);
  };
  const net = {};
  const end = {
    begun: () => isFree(net),
    waits:
      idleMs === undefined
        ? undefined
        : () => {
            const timer = setTimeout(() => giveUp(timeoutError(`nothing of the body came for ${idleMs} ms`)), Math.min(idleMs, LONGEST_TIMER));
            return () => clearTimeout(timer);
          },
    ended: () => over(undefined, false),
    async broke(error: unknown, untouched: boolean, lost: boolean): Promise<Response> {
      const { reason } = sent;
      // What is no error of the network is the reader's: a form that is none, JSON that does not parse, a body that he gave up himself. Who
      // sends himself (`may`) may do that by a signal that we do not know, for whatever reason: what the network throws is a `TypeError`,
      // or has its code or words.
      const network = (lost && (!may || (error as Error | undefined)?.name === 'TypeError')) || ofNetworkError(error, may !== undefined) !== undefined;
      const broken = open && reason === undefined && !signal?.aborted && !isAbort(error) && network;
      const again = broken && untouched && repeats && owner.clock() < deadline;
      over(broken ? OUTCOME.failure : reason !== undefined && reason === late ? OUTCOME.timed_out : undefined, again);
      if (again) {
        const asked = rest.again(owner.clock()).catch(() => undefined);
        // The limit holds meanwhile.
        const other = await Promise.race([asked, new Promise<void>((resolve) => (tired = resolve))]);
        if (other?.status === status && other.body && sameBody(headers, other.headers)) return other;
        asked.then((other) => other?.body?.cancel()).catch(() => undefined);
        refuseAborted(signal);
        if (owner.clock() >= deadline) throw unread();
      }
      throw sent.reason ?? error;
    },
  };
  const handed = followed(value, end);
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
  return timeoutError('the answer was not read before its deadline');
}

/** Whether there is a body to follow: a mock may have none, some clients have a stream of Node's, and it may have been read. */
function isOpen(value: Response | null | undefined): boolean {
  const body = value?.body;
  return typeof body?.getReader === 'function' && !value!.bodyUsed && !body.locked && typeof value!.status === 'number';
}
