//! Retries for a share of the successes: gRPC's throttle.

use super::error::{at_most, same, version};
use super::{Budget, BudgetError, BudgetImportError};
use crate::outcome::Verdict;
use crate::time::Instant;

/// Stops retries while too many attempts fail: gRPC's retry throttling (proposal A6,
/// `retryThrottling`).
///
/// It begins with `max_tokens`. An attempt that failed and is worth another one
/// ([`Verdict::RetryableFailure`], [`Verdict::TimedOut`], [`Verdict::Overloaded`],
/// [`Verdict::PushBack`]) takes a token, a success brings `token_ratio` of one; other ends say
/// nothing of the server's load. One more attempt may be sent while there are more than
/// `max_tokens / 2`, after the failure was counted.
/// Time brings nothing back: only successes do, those of first attempts, which are always sent.
///
/// With `S` successes, there are fewer than `max_tokens / 2 + token_ratio · S` retries, over any
/// time. A hedge that no failure preceded costs nothing: [`RetryBudget`](super::RetryBudget) bounds
/// those, too.
///
/// ```
/// use evenkeel_core::Instant;
/// use evenkeel_core::retry::{Budget, TokenThrottle, TokenThrottleSettings, Verdict};
///
/// // "maxTokens": 10, "tokenRatio": 0.1
/// let settings = TokenThrottleSettings { max_tokens: 10, token_ratio_per_mille: 100 };
/// let mut throttle = TokenThrottle::new(settings)?;
/// let mut fails = || {
///     throttle.on_verdict(Instant::ZERO, Verdict::RetryableFailure);
///     throttle.withdraw(Instant::ZERO)
/// };
/// assert_eq!([fails(), fails(), fails(), fails(), fails()], [true, true, true, true, false]);
/// # Ok::<(), evenkeel_core::retry::BudgetError>(())
/// ```
///
/// 12 bytes, zeros for [`DEFAULT`](Self::DEFAULT); everything is O(1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenThrottle {
    /// Tokens missing from a full throttle, in thousandths.
    spent: u32,
    /// Settings less the defaults, wrapping: a static with those starts zeroed.
    more_tokens: u32,
    more_ratio: u32,
}

/// The settings of a [`TokenThrottle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenThrottleSettings {
    /// gRPC's `maxTokens`: 1 to 1,000; default 10.
    pub max_tokens: u32,
    /// gRPC's `tokenRatio`, in thousandths of a token for each success: at least 1; default 100.
    pub token_ratio_per_mille: u32,
}

impl TokenThrottleSettings {
    /// 10 tokens, a tenth for each success: the example in gRPC's proposal, which has no default.
    pub const DEFAULT: Self = Self { max_tokens: 10, token_ratio_per_mille: 100 };
}

impl Default for TokenThrottleSettings {
    /// [`TokenThrottleSettings::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TokenThrottle {
    /// Full, with [`TokenThrottleSettings::DEFAULT`].
    pub const DEFAULT: Self = Self { spent: 0, more_tokens: 0, more_ratio: 0 };

    /// Makes a full throttle.
    ///
    /// # Errors
    /// [`BudgetError`] for a setting beyond its limits.
    pub const fn new(settings: TokenThrottleSettings) -> Result<Self, BudgetError> {
        let TokenThrottleSettings { max_tokens, token_ratio_per_mille } = settings;
        if max_tokens == 0 || max_tokens > 1000 {
            return Err(BudgetError::MaxTokens { value: max_tokens });
        }
        if token_ratio_per_mille == 0 {
            return Err(BudgetError::ZeroTokenRatio);
        }
        let more_tokens = max_tokens.wrapping_sub(DEFAULT.max_tokens);
        let more_ratio = token_ratio_per_mille.wrapping_sub(DEFAULT.token_ratio_per_mille);
        Ok(Self { spent: 0, more_tokens, more_ratio })
    }

    /// Returns the tokens left, in thousandths; retries go on while that is more than half the
    /// most.
    pub const fn tokens(&self) -> u32 {
        self.most() - self.spent
    }

    /// Returns what to keep over a restart. Tokens do not age, so it is good for as long as the
    /// server's trouble may last.
    pub const fn export(&self) -> TokenThrottleState {
        TokenThrottleState {
            version: VERSION,
            max_tokens: self.most(),
            token_ratio: self.ratio(),
            tokens: self.tokens(),
        }
    }

    /// Goes on with the tokens of a throttle with the same settings, perhaps of another process.
    ///
    /// # Errors
    /// [`BudgetImportError`], and no change, if the state is of another version or a throttle with
    /// other settings, or has more tokens than fit.
    pub fn import(&mut self, state: &TokenThrottleState) -> Result<(), BudgetImportError> {
        version(state.version, VERSION)?;
        same("max_tokens (thousandths)", state.max_tokens.into(), self.most().into())?;
        same("token_ratio (thousandths)", state.token_ratio.into(), self.ratio().into())?;
        at_most("thousandths of a token", state.tokens.into(), self.most().into())?;
        self.spent = self.most() - state.tokens;
        Ok(())
    }

    /// The most tokens, in thousandths.
    const fn most(&self) -> u32 {
        self.more_tokens.wrapping_add(DEFAULT.max_tokens) * TOKEN
    }

    const fn ratio(&self) -> u32 {
        self.more_ratio.wrapping_add(DEFAULT.token_ratio_per_mille)
    }
}

impl Budget for TokenThrottle {
    fn on_verdict(&mut self, _now: Instant, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.spent = self.spent.saturating_sub(self.ratio()),
            Verdict::RetryableFailure
            | Verdict::TimedOut
            | Verdict::Overloaded { .. }
            | Verdict::PushBack { .. } => self.spent = (self.spent + TOKEN).min(self.most()),
            Verdict::NonRetryableFailure
            | Verdict::Ignorable
            | Verdict::NeverSent
            | Verdict::Canceled => {}
        }
    }

    fn withdraw(&mut self, _now: Instant) -> bool {
        self.spent < self.most() / 2
    }
}

const DEFAULT: TokenThrottleSettings = TokenThrottleSettings::DEFAULT;
/// One token, in thousandths.
const TOKEN: u32 = 1000;
/// The form of a state.
const VERSION: u8 = 1;

/// All that a [`TokenThrottle`] knows; its settings tell whose it is. Tokens are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TokenThrottleState {
    /// The form of this state: 1.
    pub version: u8,
    /// The most tokens.
    pub max_tokens: u32,
    /// Tokens that a success brings.
    pub token_ratio: u32,
    /// Tokens that there are.
    pub tokens: u32,
}
