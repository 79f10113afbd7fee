use evenkeel_core::retry::{
    AnyBudget, Deposits, RetryBudget, RetryBudgetSettings, TokenThrottle, TokenThrottleSettings,
};
use wasm_bindgen::prelude::*;

use crate::convert::{duration, instant};

/// What bounds the extra attempts of the calls that share it. `ts/budget.ts` has checked the
/// settings; beyond the core's limits, they are the core's defaults.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Budget(pub(crate) AnyBudget);

#[wasm_bindgen]
impl Budget {
    /// Makes one that bounds nothing.
    pub fn unlimited() -> Self {
        Self(AnyBudget::Unlimited)
    }

    /// Makes the core's `RetryBudget`, which remembers for `ttl` milliseconds.
    pub fn ratio(can_retry_per_mille: u32, min_per_second: u32, ttl: f64, calls: bool) -> Self {
        let ttl = duration(ttl);
        let deposits = if calls { Deposits::Calls } else { Deposits::Successes };
        let settings = RetryBudgetSettings { can_retry_per_mille, min_per_second, ttl, deposits };
        Self(AnyBudget::RetryBudget(RetryBudget::new(settings).unwrap_or_default()))
    }

    /// Makes the core's `TokenThrottle`.
    pub fn tokens(max_tokens: u32, token_ratio_per_mille: u32) -> Self {
        let settings = TokenThrottleSettings { max_tokens, token_ratio_per_mille };
        Self(AnyBudget::TokenThrottle(TokenThrottle::new(settings).unwrap_or_default()))
    }

    /// Returns the retries that it would allow now; of a throttle, thousandths of a token.
    #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³ in practice, and only shown")]
    pub fn balance(&self, now: f64) -> f64 {
        match &self.0 {
            AnyBudget::Unlimited => f64::INFINITY,
            AnyBudget::RetryBudget(budget) => budget.balance(instant(now)) as f64,
            AnyBudget::TokenThrottle(throttle) => throttle.tokens().into(),
        }
    }
}
