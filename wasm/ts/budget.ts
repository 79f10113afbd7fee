import * as check from './check.js';
import { balance, free_budget, retry_budget, token_throttle, unlimited_budget } from './glue.js';
import { freeWith } from './handle.js';
import { started } from './start.js';

export interface RetryBudgetOptions {
  /** Retries for each success, 0..=1000, to three decimals. Default 0.2. */
  readonly ratio?: number;
  /** Retries per second besides, 0..=1000000. Default 10. */
  readonly minPerSec?: number;
  /** How long successes are remembered, 1000..=60000. Default 3000: the longer, the more is sent at once when trouble begins. */
  readonly ttlMs?: number;
  /** What earns retries: 'successes', the default, or 'calls', as in Finagle and tower. */
  readonly deposits?: 'successes' | 'calls';
}

/**
 * Bounds the retries and hedges of all calls that share it to a share of the last seconds' successes, and a few per second
 * besides. Finagle's and tower's is `{ ttlMs: 10_000, deposits: 'calls' }`.
 */
export class RetryBudget {
  /** @internal */
  readonly handle: number;

  constructor(options: RetryBudgetOptions = {}) {
    started();
    const { ratio = 0.2, minPerSec = 10, ttlMs = 3000, deposits = 'successes' } = check.object('options', options);
    check.number('ratio', ratio, 0, 1000);
    check.integer('minPerSec', minPerSec, 0, 1_000_000);
    check.number('ttlMs', ttlMs, 1000, 60_000);
    check.must(deposits === 'successes' || deposits === 'calls', 'deposits', "'successes' or 'calls'", deposits);
    this.handle = kept(this, retry_budget(Math.round(ratio * 1000), minPerSec, ttlMs, deposits === 'calls'));
  }

  /** How many retries it would allow at this time of the clock of the balancers that use it. */
  balance(now: number): number {
    return balance(this.handle, check.time(now));
  }
}

export interface TokenThrottleOptions {
  /** How many tokens there are at first, and at most, 1..=1000. Default 10. */
  readonly maxTokens?: number;
  /** Tokens that a success brings, 0.001..=1000, to three decimals. Default 0.1. */
  readonly tokenRatio?: number;
}

/**
 * gRPC's `retryThrottling` for all calls that share it: an attempt that failed takes a token, a success brings a part of one,
 * and there are retries only while more than half of the tokens are there. Hedges cost nothing: `RetryBudget` bounds those, too.
 */
export class TokenThrottle {
  /** @internal */
  readonly handle: number;

  constructor(options: TokenThrottleOptions = {}) {
    started();
    const { maxTokens = 10, tokenRatio = 0.1 } = check.object('options', options);
    check.integer('maxTokens', maxTokens, 1, 1000);
    check.number('tokenRatio', tokenRatio, 0.001, 1000);
    this.handle = kept(this, token_throttle(maxTokens, Math.round(tokenRatio * 1000)));
  }

  /** How many tokens there are. */
  get tokens(): number {
    return balance(this.handle, 0) / 1000;
  }
}

export type Budget = RetryBudget | TokenThrottle;

/** The module's budget, or one that bounds nothing. */
export function budgetHandle(budget: Budget | undefined): number {
  return budget?.handle ?? (unlimited ??= unlimited_budget());
}

let unlimited: number | undefined;

function kept(budget: object, handle: number): number {
  freeWith(budget, () => free_budget(handle));
  return handle;
}

export function budget(value: unknown): Budget {
  check.must(value instanceof RetryBudget || value instanceof TokenThrottle, 'budget', 'a RetryBudget or a TokenThrottle', value);
  return value;
}
