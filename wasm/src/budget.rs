//! Retry budgets.

use evenkeel_core::retry::{
    AnyBudget, Deposits, RetryBudget, RetryBudgetSettings, TokenThrottle, TokenThrottleSettings,
};
use wasm_bindgen::prelude::*;

use crate::convert::{duration, instant};
use crate::slab::Shelf;

/// What bounds the extra attempts of the calls that share it. `ts/budget.ts` has checked the
/// settings; beyond the core's limits, they are the core's defaults.
pub(crate) static BUDGETS: Shelf<AnyBudget> = Shelf::new();

/// Makes one that bounds nothing.
#[wasm_bindgen]
pub fn unlimited_budget() -> u32 {
    BUDGETS.open().keep(AnyBudget::Unlimited)
}

/// Makes the core's `RetryBudget`, which remembers for `ttl` milliseconds.
#[wasm_bindgen]
pub fn retry_budget(can_retry_per_mille: u32, min_per_second: u32, ttl: f64, calls: bool) -> u32 {
    let ttl = duration(ttl);
    let deposits = if calls { Deposits::Calls } else { Deposits::Successes };
    let settings = RetryBudgetSettings { can_retry_per_mille, min_per_second, ttl, deposits };
    let budget = RetryBudget::new(settings).unwrap_or_default();
    BUDGETS.open().keep(AnyBudget::RetryBudget(budget))
}

/// Makes the core's `TokenThrottle`.
#[wasm_bindgen]
pub fn token_throttle(max_tokens: u32, token_ratio_per_mille: u32) -> u32 {
    let settings = TokenThrottleSettings { max_tokens, token_ratio_per_mille };
    let throttle = TokenThrottle::new(settings).unwrap_or_default();
    BUDGETS.open().keep(AnyBudget::TokenThrottle(throttle))
}

/// Ends a budget.
#[wasm_bindgen]
pub fn free_budget(budget: u32) {
    BUDGETS.open().take(budget);
}

/// Returns the retries that it would allow now; of a throttle, thousandths of a token.
#[expect(clippy::cast_precision_loss, reason = "far below 2⁵³ in practice, and only shown")]
#[wasm_bindgen]
pub fn balance(budget: u32, now: f64) -> f64 {
    BUDGETS
        .with(budget, |budget| match budget {
            AnyBudget::Unlimited => f64::INFINITY,
            AnyBudget::RetryBudget(budget) => budget.balance(instant(now)) as f64,
            AnyBudget::TokenThrottle(throttle) => throttle.tokens().into(),
        })
        .unwrap_or(f64::INFINITY)
}
