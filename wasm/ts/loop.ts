import { Sent, type Attempt, type Attempted } from './attempt.js';
import { Call, type RetryOptions, type Untimed } from './call.js';
import { LbError, LONGEST_TIMER, timeoutError, type LbErrorCode } from './error.js';
import { MAY_REPEAT, type Repeat } from './generated.js';
import { forCall, isAbort, VERDICT, type Judgement } from './judge.js';
import { onAbort, refuseAborted } from './listeners.js';
import { OUTCOME } from './pick.js';
import type { Key, Picker } from './picker.js';

/** What a call is about. */
export interface Job<T> {
  send(attempt: Attempt): T | PromiseLike<T>;
  ofAnswer(value: T): Judgement;
  /** Nothing for a fault of the caller's code. */
  ofError(error: unknown, url: string): Judgement | undefined;
  readonly repeat: Repeat;
  readonly signal: AbortSignal | null | undefined;
  readonly options: RetryOptions;
  /** Goes before that of the options. */
  readonly key?: Key | undefined;
  readonly owner?: {
    /** Is told of each attempt that is sent. */
    tellSent(attempt: Sent): void;
    /** Is told when a call ends, and whether an endpoint was to blame for how its last attempt did. */
    tellEnded(troubled: boolean): void;
    /** Why the endpoints are not known, or may be old: what the source failed with last. */
    readonly sourceFailure: unknown;
  };
  /** Takes over the answer that the call resolves with, and its attempt, if that has not been reported. */
  readonly hand?: ((answer: Answer<T>, rest: Rest<T>) => T) | undefined;
}

/** What is left of a call whose answer is taken over. */
export interface Rest<T> {
  /** When the answer was seen. */
  readonly now: number;
  /** When all must be over. */
  readonly deadline: number;
  /** Those that ended so far. */
  readonly attempts: readonly Attempted[];
  /** There will be no other answer, as this one is good or, though it failed, the last: the call is over. */
  over(now: number, failed?: boolean): void;
  /** Goes on, unless it is over: the answer that was taken over has failed. */
  again(now: number): Promise<T>;
}

/** An answer to return: a good one, or until there is, the last. */
export interface Answer<T> {
  readonly value: T;
  readonly sent: Sent;
  readonly judgement: Judgement;
  /** Its endpoint and its call have been told. */
  readonly told: boolean;
}

/** Outcomes for which the endpoint is to blame. */
const TROUBLE = [OUTCOME.failure, OUTCOME.overloaded, OUTCOME.timed_out, OUTCOME.never_sent];

/** The loop around a `Call`: sends its attempts, keeps its timers. It may go on with a run. */
export async function loop<T>(balancer: Picker, job: Job<T>, run = new Run(balancer, job)): Promise<T> {
  const { signal } = job;
  let unlisten;
  try {
    unlisten = onAbort(signal, (reason) => run.abort(reason));
    for (;;) {
      refuseAborted(signal);
      const until = run.step();
      if (until === undefined) return run.result();
      const { alone } = run;
      if (!alone) await run.wait(until);
      else {
        try {
          run.ended(alone, true, await alone.value);
        } catch (error) {
          run.ended(alone, false, error);
        }
      }
    }
  } catch (error) {
    run.fail(error);
    throw error;
  } finally {
    unlisten?.();
    run.close();
    job.owner?.tellEnded(run.troubled);
  }
}

/** One run of the loop. It allocates little: most calls have one attempt. */
class Run<T> implements Rest<T> {
  readonly #balancer: Picker;
  readonly #job: Job<T>;
  readonly #call: Call;
  /** Under way. */
  readonly #inFlight: Sent[] = [];
  /** Ended, and not looked at yet. */
  #settled: Sent[] = [];
  readonly attempts: Attempted[] = [];
  /** Nothing but the end of an attempt ends a wait: no time, no signal, no other attempt. */
  readonly #unbound: boolean;
  /** The attempt that is under way, if it is so; its value is what `send` returned. */
  alone: Sent | undefined;
  readonly deadline: number;
  #answer: Answer<T> | undefined;
  #end: LbErrorCode | undefined;
  /** The attempt whose answer is taken over, as long as the call is not told of it, and the verdict. */
  #taken: readonly [attempt: number, verdict: number] | undefined;
  /** The number of the last attempt. */
  #sent = 0;
  now: number;
  /** There was no endpoint, or one was to blame for how the last attempt did. */
  troubled = false;
  #aborted = false;
  #wake: (() => void) | undefined;
  #unwatch: (() => void) | undefined;

  constructor(balancer: Picker, job: Job<T>) {
    this.#balancer = balancer;
    this.#job = job;
    const { timeoutMs, attemptTimeoutMs, hedge } = job.options;
    const begun = (this.now = balancer.clock());
    this.#call = new Call(balancer, job.options, begun, job.key);
    this.deadline = begun + (timeoutMs ?? Infinity);
    this.#unbound = (job.signal ?? timeoutMs ?? attemptTimeoutMs ?? hedge) === undefined;
  }

  /** Goes on until there is nothing to do but wait; until when, or nothing when the call is over. */
  step(): number | undefined {
    const call = this.#call;
    this.alone = undefined;
    for (;;) {
      // Until something was sent, no time passes.
      const now = this.#sent === 0 ? this.now : (this.now = this.#balancer.clock());
      const settled = this.#settled;
      if (settled.length > 0) {
        this.#settled = [];
        for (const sent of settled) this.#finish(sent, now);
        // Its taker decides whether the call goes on.
        if (this.#answer && !this.#answer.told) return undefined;
      }
      const step = call.next(now);
      switch (step.type) {
        case 'send':
          this.#start(step, now);
          if (this.alone) return Infinity;
          break;
        case 'cancel':
          if (!this.#giveUp(step, now)) break;
          this.#end = 'non_retryable_failure';
          return undefined;
        case 'wait':
          return call.until;
        case 'done':
          // Without an answer, it is no success.
          this.#end = step.end as LbErrorCode;
          return undefined;
      }
    }
  }

  /** Waits for the time, an end, or an endpoint if it is that which is missing. */
  async wait(until: number): Promise<void> {
    const call = this.#call;
    const waits = call.waitsForEndpoint;
    if (waits) {
      this.#unwatch ??= this.#balancer.watch(() => this.#wake?.());
      until = Math.min(until, this.#balancer.due());
    }
    if (this.#settled.length === 0 && !this.#aborted) {
      let timer;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (until < Infinity) timer = setTimeout(resolve, Math.min(Math.max(Math.ceil(until - this.now), 0), LONGEST_TIMER));
      });
      if (timer !== undefined) clearTimeout(timer);
    }
    if (waits) call.endpointsChanged();
  }

  /** The answer, or an error that tells why there is none. */
  result(): T {
    const [answer, job] = [this.#answer, this.#job];
    if (!answer) throw new LbError(this.#end!, this.attempts, job.owner?.sourceFailure);
    if (!answer.told) this.#taken = [answer.sent.attempt, answer.judgement.verdict];
    const handed = job.hand ? job.hand(answer, this) : answer.value;
    // Its attempt is the taker's from here on.
    this.#answer = undefined;
    return handed;
  }

  over(now: number, failed = false): void {
    const taken = this.#taken;
    if (!taken) return;
    this.#taken = undefined;
    this.#call.tell(taken[0], failed ? VERDICT.non_retryable_failure : taken[1], NaN, now);
    // Only then does the budget hear of it.
    this.#call.poll(now);
    this.#call.end();
  }

  again(now: number): Promise<T> {
    this.#taken = undefined;
    this.troubled = true;
    // What went beside it was given up.
    for (let attempt = 1; attempt <= this.#sent; attempt++) this.#call.tell(attempt, VERDICT.retryable_failure, NaN, now);
    return loop(this.#balancer, this.#job, this);
  }

  /** The caller's signal aborts. */
  abort(reason: unknown): void {
    this.#aborted = true;
    for (const sent of this.#inFlight) sent.abort(reason);
    this.#answer?.sent.abort(reason);
    this.#wake?.();
  }

  /** It ends in an error. */
  fail(error: unknown): void {
    this.#tellAnswered();
    this.abort(error);
    this.#answer = this.#taken = undefined;
    for (const { pick } of this.#inFlight.splice(0)) pick.report('abandoned', this.now);
  }

  close(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    for (const sent of this.#inFlight.splice(0)) {
      sent.pick.report('lost_race', this.now);
      sent.abort(late());
    }
    if (!this.#taken) this.#call.end();
  }

  /** Tells the endpoint of the answer, if nobody else will. */
  #tellAnswered(): void {
    const answer = this.#answer;
    if (answer && !answer.told) answer.sent.pick.tell(answer.judgement.outcome, answer.judgement.waitMs, this.now);
  }

  #start({ attempt, hedge }: Extract<Untimed, { type: 'send' }>, now: number): void {
    const [call, job] = [this.#call, this.#job];
    this.#sent = attempt;
    const pick = call.pick(now);
    if (!pick) {
      this.troubled = true;
      return call.noEndpoint(now);
    }
    if (!call.started(attempt, pick, now)) return;
    const sent = new Sent(pick, attempt, hedge, now, Math.min(now + (job.options.attemptTimeoutMs ?? Infinity), this.deadline));
    this.#inFlight.push(sent);
    job.owner?.tellSent(sent);
    let result;
    try {
      result = job.send(sent);
    } catch (error) {
      // One that throws at once is a failed attempt, too.
      return this.ended(sent, false, error);
    }
    if (this.#unbound) {
      sent.value = result;
      this.alone = sent;
      return;
    }
    (result instanceof Promise ? result : Promise.resolve(result)).then(
      (value) => this.ended(sent, true, value),
      (error: unknown) => this.ended(sent, false, error),
    );
  }

  /** An attempt ended with this value, or error. */
  ended(sent: Sent, ok: boolean, value: unknown): void {
    sent.ok = ok;
    sent.value = value;
    this.#settled.push(sent);
    this.#wake?.();
  }

  #finish(sent: Sent, now: number): void {
    if (!this.#take(sent)) return; // given up before
    const { job, answer } = { job: this.#job, answer: this.#answer };
    const { ok, value, pick, url, hedge } = sent;
    // It outlives the call with the body of its answer, and must not hold that.
    sent.value = undefined;
    let judgement;
    try {
      judgement = ok ? job.ofAnswer(value as T) : sent.faulty ? undefined : job.ofError(value, url);
    } finally {
      // A fault of the caller's own says nothing of this endpoint or the others, and ends the call.
      if (!judgement) {
        if (!ok && isAbort(value)) pick.report('abandoned', now);
        for (const other of [sent, ...this.#inFlight.splice(0)]) {
          other.pick.withdraw(now);
          other.abort(value);
        }
      }
    }
    if (!judgement) throw value;
    this.troubled = TROUBLE.includes(judgement.outcome);
    const elapsedMs = now - sent.startedAt;
    const verdict = forCall(judgement, job.repeat);
    const decided = answer !== undefined && !answer.told;
    const bettered = answer?.judgement.verdict === VERDICT.success || (decided && verdict !== VERDICT.success);
    // What is good, or at fault itself, is what the call resolves with: then the taker tells.
    const told = !ok || job.hand === undefined || bettered || !(verdict === VERDICT.success || verdict === VERDICT.ignorable);
    if (told) {
      if (!decided) this.#call.tell(sent.attempt, verdict, judgement.waitMs, now);
      pick.tell(judgement.outcome, judgement.waitMs, now);
    }
    if (!ok) {
      this.attempts.push({ url, hedge, error: value, elapsedMs });
      sent.abort(value);
      return;
    }
    const status = (value as { status?: unknown } | null | undefined)?.status;
    this.attempts.push(typeof status === 'number' ? { url, hedge, status, elapsedMs } : { url, hedge, elapsedMs });
    if (bettered) return sent.abort(late());
    this.#tellAnswered();
    answer?.sent.abort(late());
    this.#answer = { value: value as T, sent, judgement, told };
  }

  /** Gives an attempt up; tells that the call ends here, as its request may not be repeated, though there would be time. */
  #giveUp({ attempt, outcome }: Extract<Untimed, { type: 'cancel' }>, now: number): boolean {
    const sent = this.#inFlight.find((sent) => sent.attempt === attempt);
    if (!sent) return false;
    this.#take(sent);
    const { pick, url, hedge } = sent;
    pick.report(outcome, now);
    if (outcome !== 'timed_out') {
      sent.abort(late());
      return false;
    }
    this.troubled = true;
    const elapsedMs = now - sent.startedAt;
    const error = timeoutError(`no answer from ${url} in ${Math.round(elapsedMs)} ms`);
    this.attempts.push({ url, hedge, error, elapsedMs });
    sent.abort(error);
    return now < this.deadline && !MAY_REPEAT[this.#job.repeat].includes(VERDICT.timed_out);
  }

  /** Takes an attempt out of those under way, if it is. */
  #take(sent: Sent): boolean {
    const place = this.#inFlight.indexOf(sent);
    if (place >= 0) this.#inFlight.splice(place, 1);
    return place >= 0;
  }
}

function late(): DOMException {
  return new DOMException('another attempt answered before', 'AbortError');
}
