use core::time::Duration;

use evenkeel_core::RetryPolicy;
use evenkeel_core::retry::{Backoff, Hedging, Jitter};

use crate::input::Input;

/// A policy and a budget.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// See [`RetryPolicy::new`].
    pub attempts: u32,
    /// See [`RetryPolicy::with_timeout`].
    pub timeout: Option<Duration>,
    /// See [`RetryPolicy::with_attempt_timeout`].
    pub attempt_timeout: Option<Duration>,
    /// See [`RetryPolicy::with_backoff`].
    pub backoff: Backoff,
    /// The arguments of [`Hedging::new`].
    pub hedging: Option<(Duration, u32)>,
    /// See [`RetryPolicy::with_max_push_back`].
    pub max_push_back: Duration,
    /// See [`RetryPolicy::with_push_back_jitter`].
    pub push_back_jitter: bool,
    /// See [`RetryPolicy::with_wait_for_ready`].
    pub wait_for_ready: bool,
    /// Bit `n` has the budget refuse when it is asked for the `n`-th time, from 0; the last one
    /// then and ever after.
    pub refused: u64,
}

impl Settings {
    /// So many attempts, one after the other and at once, and nothing else.
    pub const fn new(attempts: u32) -> Self {
        Self {
            attempts,
            timeout: None,
            attempt_timeout: None,
            backoff: Backoff::None,
            hedging: None,
            max_push_back: Duration::MAX,
            push_back_jitter: false,
            wait_for_ready: false,
            refused: 0,
        }
    }

    pub(crate) fn read(input: &mut Input<'_>) -> Self {
        let attempts = 1 + input.below(12) as u32;
        // Zero is refused, and stands for "none" here.
        let mut timeout = || Some(input.duration()).filter(|timeout| !timeout.is_zero());
        let (timeout, attempt_timeout) = (timeout(), timeout());
        let (base, cap) = (input.duration(), input.duration());
        let kind = input.byte();
        let jitters = [Jitter::Full, Jitter::None, Jitter::Equal, Jitter::Decorrelated];
        let backoff = match kind % 3 {
            0 => Backoff::None,
            1 => Backoff::Constant(base),
            _ => Backoff::exponential(base, cap.max(base))
                .with_jitter(jitters[usize::from(kind / 3 % 4)]),
        };
        let hedges = input.below(8) as u32;
        let hedging = (1..=4).contains(&hedges).then(|| (input.duration(), hedges));
        let limits = input.byte();
        let max_push_back = if limits & 2 == 0 { Duration::MAX } else { input.duration() };
        let refused = if limits & 4 == 0 { 0 } else { input.number() };
        let push_back_jitter = limits & 1 == 1;
        let wait_for_ready = limits & 8 != 0;
        Self {
            attempts,
            timeout,
            attempt_timeout,
            backoff,
            hedging,
            max_push_back,
            push_back_jitter,
            wait_for_ready,
            refused,
        }
    }

    pub(super) fn policy(&self) -> RetryPolicy {
        let policy =
            RetryPolicy::new(self.attempts).and_then(|policy| policy.with_backoff(self.backoff));
        let mut policy = policy.expect("a good policy").with_max_push_back(self.max_push_back);
        if let Some(timeout) = self.timeout {
            policy = policy.with_timeout(timeout).expect("a timeout above 0");
        }
        if let Some(timeout) = self.attempt_timeout {
            policy = policy.with_attempt_timeout(timeout).expect("a timeout above 0");
        }
        if let Some((delay, hedges)) = self.hedging {
            policy =
                policy.with_hedging(Hedging::new(delay, hedges).expect("as many hedges as may be"));
        }
        if self.push_back_jitter {
            policy = policy.with_push_back_jitter();
        }
        if self.wait_for_ready { policy.with_wait_for_ready() } else { policy }
    }

    /// Tells that the budget grants it when it is asked for the `ask`-th time, from 1.
    pub(super) fn grants(&self, ask: u32) -> bool {
        self.refused >> (ask - 1).min(63) & 1 == 0
    }

    pub(super) fn hedges(&self) -> u32 {
        self.hedging.map_or(0, |(_, hedges)| hedges)
    }
}
