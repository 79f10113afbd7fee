import type { Attempted, Sent } from './attempt.js';
import { followed } from './body.js';
import { OUTCOMES } from './generated.js';
import { accepted, type Judgement } from './judge.js';
import { onAbort } from './listeners.js';
import type { Job } from './loop.js';
import { outgoing, type Rules } from './request.js';
import { base, join, type Base } from './url.js';
import type { Acceptance } from './verdict.js';

/** What the balancer brings to a request. */
export interface Context {
  readonly accept: ((response: Response) => Acceptance | undefined) | undefined;
  usual(response: Response): Judgement;
  clock(): number;
  handed(response: Response, attempts: readonly Attempted[]): void;
}

/** The job of one request: it is sent to an endpoint's URL, and its answer is followed to the end of its body. */
export async function send(
  fetch: typeof globalThis.fetch,
  input: RequestInfo | URL,
  init: Record<string, unknown>,
  rules: Rules,
  context: Context,
): Promise<Omit<Job<Response>, 'options' | 'ofError'>> {
  const request = await outgoing(input, init, rules);
  const { signal } = request;
  return {
    send: (attempt) => fetch(join(known(attempt.url), request.path), { ...request.init(), signal: attempt.signal }),
    ofAnswer: (response) => accepted(context.accept, response, () => context.usual(response)),
    repeat: request.repeat,
    signal,
    hand(response, sent, judgement, told, deadline, attempts) {
      if (!told) sent.pick.answered(judgement.outcome, judgement.waitMs, context.clock());
      const handed = follow(response, sent, signal, deadline, context);
      context.handed(handed, attempts);
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

/** Follows the body to its end: until then the caller's signal and deadline hold, and the request counts as in flight. */
function follow(response: Response, sent: Sent, signal: AbortSignal | undefined, deadline: number, { clock }: Context): Response {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new DOMException('the answer was not read before its deadline', 'TimeoutError');
  if (deadline < Infinity && response.body) timer = setTimeout(() => sent.abort(late), Math.max(0, deadline - clock()));
  const unlisten = signal && response.body ? onAbort(signal, () => sent.abort(signal.reason)) : undefined;
  const over = (): void => {
    clearTimeout(timer);
    unlisten?.();
  };
  const end = {
    ended(): void {
      over();
      sent.pick.withdraw(clock());
    },
    broke(error: unknown): unknown {
      over();
      const { reason } = sent;
      if (reason === undefined) sent.pick.tell(FAILURE, NaN, clock());
      else if (reason === late) sent.pick.tell(TIMED_OUT, NaN, clock());
      else sent.pick.withdraw(clock());
      return reason ?? error;
    },
  };
  const handed = followed(response, end);
  if (response.body) dropped?.register(handed, () => (end.ended(), sent.abort(undefined)));
  return handed;
}

/** A net for answers that nobody reads: their requests end when the garbage collector finds them. */
const dropped =
  typeof FinalizationRegistry === 'function' ? new FinalizationRegistry<() => void>((end) => end()) : undefined;
