use super::error::{at_most, same, version};
use super::{Budget, BudgetError, BudgetImportError};
use crate::retry::Verdict;
use crate::time::Instant;

/// gRPC's retry throttling (proposal A6, `retryThrottling`): retries stop while too many attempts fail.
///
/// It begins with `max_tokens`. An attempt that failed and is worth another one ([`Verdict::Retry`], [`Verdict::RetryAfter`])
/// takes a token, a success brings `token_ratio` of one; [`Verdict::Fatal`] and [`Verdict::NeverSent`] say nothing of the
/// server's load. One more attempt may be sent while there are more than `max_tokens / 2`, after the failure was counted.
/// Time brings nothing back: only successes do, those of first attempts, which are always sent.
///
/// With `S` successes, there are fewer than `max_tokens / 2 + token_ratio · S` retries, over any time. A hedge that no failure
/// preceded costs nothing: [`RetryBudget`](super::RetryBudget) bounds those, too.
///
/// ```
/// use evenkeel_core::Instant;
/// use evenkeel_core::retry::{Budget, TokenThrottle, Verdict};
///
/// let mut throttle = TokenThrottle::new(10, 100)?; // "maxTokens": 10, "tokenRatio": 0.1
/// let mut fails = || {
///     throttle.on_verdict(Instant::ZERO, Verdict::Retry);
///     throttle.withdraw(Instant::ZERO)
/// };
/// assert_eq!([fails(), fails(), fails(), fails(), fails()], [true, true, true, true, false]);
/// # Ok::<(), evenkeel_core::retry::BudgetError>(())
/// ```
///
/// 12 bytes; everything is O(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenThrottle {
    // All in thousandths of a token.
    tokens: u32,
    max_tokens: u32,
    token_ratio: u32,
}

impl TokenThrottle {
    /// A full throttle: gRPC's `maxTokens`, 1 to 1,000, and its `tokenRatio` in thousandths, at least 1.
    ///
    /// # Errors
    /// [`BudgetError`] for a setting beyond these limits.
    pub const fn new(max_tokens: u32, token_ratio: u32) -> Result<Self, BudgetError> {
        if max_tokens == 0 || max_tokens > 1000 {
            return Err(BudgetError::MaxTokens { value: max_tokens });
        }
        if token_ratio == 0 {
            return Err(BudgetError::ZeroTokenRatio);
        }
        Ok(Self { tokens: max_tokens * TOKEN, max_tokens: max_tokens * TOKEN, token_ratio })
    }

    /// How many tokens there are, in thousandths; retries go on while that is more than half the most.
    pub const fn tokens(&self) -> u32 {
        self.tokens
    }

    /// What to keep over a restart. Tokens do not age, so it is good for as long as the server's trouble may last.
    pub const fn export(&self) -> TokenThrottleState {
        let &Self { tokens, max_tokens, token_ratio } = self;
        TokenThrottleState { version: VERSION, max_tokens, token_ratio, tokens }
    }

    /// Goes on with the tokens of a throttle with the same settings, perhaps of another process.
    ///
    /// # Errors
    /// [`BudgetImportError`], and no change, if the state is of another version or a throttle with other settings, or has more
    /// tokens than fit.
    pub fn import(&mut self, state: &TokenThrottleState) -> Result<(), BudgetImportError> {
        version(state.version, VERSION)?;
        same("max_tokens (thousandths)", state.max_tokens.into(), self.max_tokens.into())?;
        same("token_ratio (thousandths)", state.token_ratio.into(), self.token_ratio.into())?;
        at_most("thousandths of a token", state.tokens.into(), self.max_tokens.into())?;
        self.tokens = state.tokens;
        Ok(())
    }
}

impl Default for TokenThrottle {
    /// 10 tokens, a tenth for each success: the example in gRPC's proposal, which has no default.
    fn default() -> Self {
        Self { tokens: 10 * TOKEN, max_tokens: 10 * TOKEN, token_ratio: TOKEN / 10 }
    }
}

impl Budget for TokenThrottle {
    fn on_verdict(&mut self, _now: Instant, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.tokens = self.tokens.saturating_add(self.token_ratio).min(self.max_tokens),
            Verdict::Retry | Verdict::RetryAfter(_) => self.tokens = self.tokens.saturating_sub(TOKEN),
            Verdict::Fatal | Verdict::NeverSent => {}
        }
    }

    fn withdraw(&mut self, _now: Instant) -> bool {
        self.tokens > self.max_tokens / 2
    }
}

/// One token, in thousandths.
const TOKEN: u32 = 1000;
/// The form of a state.
const VERSION: u8 = 1;

/// What a [`TokenThrottle`] knows; its settings tell whose it is. Tokens are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TokenThrottleState {
    /// Of this form: 1.
    pub version: u8,
    /// The most tokens.
    pub max_tokens: u32,
    /// Tokens that a success brings.
    pub token_ratio: u32,
    /// Tokens that there are.
    pub tokens: u32,
}
