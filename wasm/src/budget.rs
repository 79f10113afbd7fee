use evenkeel_core::Instant;
use evenkeel_core::retry::{self, RetryBudget, TokenThrottle, Verdict};
use wasm_bindgen::prelude::*;

use crate::convert::{RangeError, duration, instant};

/// What bounds the extra attempts of the calls that share it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Budget(Kind);

#[derive(Debug)]
enum Kind {
    Unlimited,
    Ratio(RetryBudget),
    Tokens(TokenThrottle),
}

#[wasm_bindgen]
impl Budget {
    /// The core's `RetryBudget`: thousandths of a retry for each call, retries per second besides, counted over `ttl`
    /// milliseconds.
    ///
    /// # Errors
    /// `RangeError` beyond the core's limits.
    pub fn ratio(can_retry: u32, min_per_sec: u32, ttl: f64) -> Result<Self, RangeError> {
        RetryBudget::new(can_retry, min_per_sec, duration(ttl))
            .map(|budget| Self(Kind::Ratio(budget)))
            .map_err(|_| limits())
    }

    /// The core's `TokenThrottle`: so many tokens, and thousandths of one for each success.
    ///
    /// # Errors
    /// `RangeError` beyond the core's limits.
    pub fn tokens(max_tokens: u32, token_ratio: u32) -> Result<Self, RangeError> {
        TokenThrottle::new(max_tokens, token_ratio).map(|throttle| Self(Kind::Tokens(throttle))).map_err(|_| limits())
    }

    /// Retries that it would allow now; thousandths of a token.
    pub fn balance(&self, now: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³ in practice, and only shown")]
        match &self.0 {
            Kind::Unlimited => f64::INFINITY,
            Kind::Ratio(budget) => budget.balance(instant(now)) as f64,
            Kind::Tokens(throttle) => throttle.tokens().into(),
        }
    }
}

impl Budget {
    pub(crate) const fn unlimited() -> Self {
        Self(Kind::Unlimited)
    }
}

impl retry::Budget for Budget {
    fn on_call(&mut self, now: Instant) {
        if let Kind::Ratio(budget) = &mut self.0 {
            budget.on_call(now);
        }
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        if let Kind::Tokens(throttle) = &mut self.0 {
            throttle.on_verdict(now, verdict);
        }
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        match &mut self.0 {
            Kind::Unlimited => true,
            Kind::Ratio(budget) => budget.withdraw(now),
            Kind::Tokens(throttle) => throttle.withdraw(now),
        }
    }
}

/// `ts/budget.ts` has checked them, and names value and limit.
fn limits() -> RangeError {
    RangeError::new("a setting of the budget is beyond its limits")
}
