/** Calls servers in two ways: through evenkeel, with the settings of a side, and without it. */
import { Balancer, Call, RetryBudget } from '../pkg/index.js';

/** Sends each request as often as it takes, through a balancer of the package with the simulation's clock. */
export class EvenkeelClient {
  #timeline;
  #send;
  #options;
  #retries;
  balancer;

  /** `send(index, attempt)` sends to the server of that number. */
  constructor(timeline, { endpoints, policy, eject, retry, attempts, timeoutMs, hedge, seed, send }) {
    this.#timeline = timeline;
    this.#send = send;
    this.#retries = retry !== 'none';
    const now = () => timeline.now;
    this.balancer = new Balancer({ endpoints, policy, seed, now, config: eject ? {} : { outlierDetection: false } });
    this.#options = { attempts: this.#retries ? attempts : 1, attemptTimeoutMs: timeoutMs };
    if (retry === 'budget') this.#options.budget = new RetryBudget();
    if (hedge && retry === 'budget') this.#options.hedge = hedge;
    this.numbers = new Map(endpoints.map((url, number) => [url, number]));
  }

  /** Calls, and calls back with whether there was a good answer. */
  call(request, done) {
    const call = new Call(this.balancer, this.#options);
    const flying = new Map();
    let [over, woken] = [false, 0];

    const go = () => {
      while (!over) {
        const step = call.poll();
        if (step.type === 'send') start(step.attempt);
        else if (step.type === 'cancel') {
          const { attempt, pick } = flying.get(step.attempt);
          flying.delete(step.attempt);
          if (step.outcome === 'timed_out') pick.timedOut();
          else pick.cancel();
          attempt.giveUp(step.outcome === 'timed_out');
        } else if (step.type === 'wait') {
          const turn = ++woken;
          if (step.until < Infinity) this.#timeline.at(step.until, () => turn === woken && go());
          return;
        } else {
          over = true;
          for (const { pick } of flying.values()) pick.cancel();
          flying.clear();
          done(step.end === 'success');
        }
      }
    };

    const start = (number) => {
      const pick = call.pick();
      if (!pick) return call.noEndpoint();
      if (!call.started(number, pick)) return;
      const attempt = this.#send(this.numbers.get(pick.url), request, (result, retryAfterMs) => {
        if (!flying.delete(number)) return;
        woken++;
        call.onOutcome(number, this.#report(pick, result, retryAfterMs));
        go();
      });
      flying.set(number, { attempt, pick });
    };
    go();
  }

  /** Reports to the balancer how a pick's request ended, and says what that means for the call. */
  #report(pick, result, retryAfterMs) {
    if (result === 'answered') return pick.ok(), 'success';
    if (result === 'limited') return pick.overloaded(retryAfterMs), { verdict: 'overloaded', waitMs: retryAfterMs };
    if (result === 'refused' && this.#retries) return pick.neverSent(), 'never_sent';
    return pick.fail(), 'retryable_failure';
  }

  /** What the balancer knows of each server, in the order of the servers. */
  endpoints() {
    const rows = [];
    for (const row of this.balancer.endpoints()) rows[this.numbers.get(row.url)] = row;
    return rows;
  }

  ejections() {
    return Object.values(this.balancer.eventCounts().ejected).reduce((sum, count) => sum + count, 0);
  }
}

/** Takes keys in turn, and after a 429 waits as long as it says, and sends with the same key again, as many SDKs do. */
export class PlainClient {
  #timeline;
  #send;
  #attempts;
  #count;
  #turn = 0;

  constructor(timeline, { endpoints, attempts, send }) {
    this.#timeline = timeline;
    this.#send = send;
    this.#attempts = attempts;
    this.#count = endpoints.length;
  }

  call(request, done) {
    const key = this.#turn++ % this.#count;
    let left = this.#attempts;
    const attempt = () => {
      left--;
      this.#send(key, request, (result, retryAfterMs) => {
        if (result === 'answered') done(true);
        else if (left === 0) done(false);
        else this.#timeline.after(retryAfterMs, attempt);
      });
    };
    attempt();
  }

  endpoints() {
    return Array.from({ length: this.#count }, () => ({ health: 'healthy' }));
  }

  ejections() {
    return 0;
  }
}
