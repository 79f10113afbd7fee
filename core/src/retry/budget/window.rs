//! Retries for a share of the successes, or of the calls, of the last seconds.

mod state;

use core::mem::swap;
use core::time::Duration;

use super::{Budget, BudgetError, Deposits};
use crate::outcome::Verdict;
use crate::time::{Instant, Ticks, nanos, nanos_of_ticks, ticks};
pub use state::RetryBudgetState;

/// Allows retries for a share of the successes of the last seconds, and a few per second in any
/// case.
///
/// Each success deposits `can_retry` thousandths, each retry or hedge withdraws 1,000 of them, and
/// both are forgotten after `ttl`. A reserve of `min_per_second` for each whole second of `ttl` is
/// there besides, so that a client that has just begun, or seldom calls, may retry, too. (Finagle
/// deposits 1,000 and withdraws 1,000 divided by the share, which it must round.)
///
/// With `C` deposits over a time `T` and the `ttl` before it, at most
/// `can_retry · C / 1000 + min_per_second · ttl · (1 + ⌈T / ttl⌉)` extra attempts are sent in `T`.
///
/// # Not as in Finagle and tower
///
/// There each *call* deposits, and that for 10 seconds: [`RetryBudgetSettings::FINAGLE`]. A client
/// of a service that was well then holds two seconds' worth of its calls, sends them all as soon as
/// the service falters, and goes on with 20 % more than it can do while nothing succeeds. Two of ten
/// hosts hang at 70 % load (`tests/tables/outages.txt`): without ejection 19.6 % of the calls of that
/// time are lost with Finagle's numbers, and 5.5 % with these.
///
/// # How it forgets
///
/// Time is counted in ten slots of `ttl / 10`, and the oldest slot is dropped as a whole: what
/// happened is forgotten 0.9 to 1 `ttl` later. With a `ttl` of 10 s, 20 % and no reserve:
///
/// | time | successes | slots of successes, the newest first | allowed |
/// |---|---|---|---|
/// | 0.0 s | 10 | 10 | 2 |
/// | 1.5 s | 5 | 5, 10 | 3 |
/// | 9.9 s | - | 0, 0, 0, 0, 0, 0, 0, 0, 5, 10 | 3 |
/// | 10.0 s | - | 0, 0, 0, 0, 0, 0, 0, 0, 0, 5 | 1 |
/// | 11.0 s | - | none | 0 |
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::Instant;
/// use evenkeel_core::retry::{Budget, RetryBudget, RetryBudgetSettings, Verdict};
/// let settings = RetryBudgetSettings {
///     can_retry_per_mille: 200,
///     min_per_second: 0,
///     ttl: Duration::from_secs(10),
///     ..RetryBudgetSettings::DEFAULT
/// };
/// let mut budget = RetryBudget::new(settings)?;
/// (0..10).for_each(|_| budget.on_verdict(Instant::ZERO, Verdict::Success));
/// (0..5).for_each(|_| budget.on_verdict(Instant::from_millis(1_500), Verdict::Success));
/// let balance = |millis| budget.balance(Instant::from_millis(millis));
/// assert_eq!([1_500, 9_900, 10_000, 11_000].map(balance), [3, 3, 1, 0]);
/// # Ok::<(), evenkeel_core::retry::BudgetError>(())
/// ```
///
/// 112 bytes, zeros for [`DEFAULT`](Self::DEFAULT). A call is O(1) on average: what has expired is
/// cleared slot by slot, ten at most. A clock that goes back begins the present slot anew, so that
/// what it knows lasts a tenth of `ttl` longer; one that jumps ahead makes it forget.
#[derive(Clone, Debug, Default)]
pub struct RetryBudget {
    /// The newest first.
    slots: [BudgetSlot; SLOTS],
    /// Start of the newest slot. It wraps: after an import it may lie before the clock's origin.
    began: Ticks,
    /// Settings less the defaults, wrapping: a static with those starts zeroed.
    more_length: Ticks,
    more_retry: u32,
    more_reserve: u32,
    deposits: Deposits,
}

/// The settings of a [`RetryBudget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudgetSettings {
    /// Retries and hedges for a thousand deposits: 0 to 1,000,000 (above 1,000, some calls may have
    /// more than one); default 200, Finagle's 20 %.
    pub can_retry_per_mille: u32,
    /// Retries and hedges per second that need no deposits: 0 to 1,000,000; default 10.
    pub min_per_second: u32,
    /// Deposits, retries and hedges are remembered for so long: 1 s to 60 s; default 3 s. The longer,
    /// the more is sent at once when trouble begins.
    pub ttl: Duration,
    /// What deposits; default: successes.
    pub deposits: Deposits,
}

impl RetryBudgetSettings {
    /// 20 % of the successes and 10 retries per second, over 3 seconds.
    pub const DEFAULT: Self = Self {
        can_retry_per_mille: 200,
        min_per_second: 10,
        ttl: Duration::from_secs(3),
        deposits: Deposits::Successes,
    };

    /// 20 % of the calls and 10 retries per second, over 10 seconds: what Finagle and tower do
    /// unless told otherwise.
    pub const FINAGLE: Self =
        Self { ttl: Duration::from_secs(10), deposits: Deposits::Calls, ..Self::DEFAULT };
}

impl Default for RetryBudgetSettings {
    /// [`RetryBudgetSettings::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Counts what happened in a tenth of the time that a [`RetryBudget`] remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BudgetSlot {
    /// Successes, or calls begun.
    pub deposits: u32,
    /// Extra attempts allowed.
    pub retries: u32,
}

impl RetryBudget {
    /// Before the first call, with [`RetryBudgetSettings::DEFAULT`].
    pub const DEFAULT: Self = Self {
        slots: [BudgetSlot { deposits: 0, retries: 0 }; SLOTS],
        began: 0,
        more_length: 0,
        more_retry: 0,
        more_reserve: 0,
        deposits: Deposits::Successes,
    };

    /// Makes a budget that knows of nothing yet.
    ///
    /// # Errors
    /// [`BudgetError`] for a setting beyond its limits.
    pub const fn new(settings: RetryBudgetSettings) -> Result<Self, BudgetError> {
        let RetryBudgetSettings { can_retry_per_mille, min_per_second, ttl, deposits } = settings;
        if can_retry_per_mille > 1_000_000 {
            return Err(BudgetError::CanRetry { value: can_retry_per_mille });
        }
        if min_per_second > 1_000_000 {
            return Err(BudgetError::MinPerSecond { value: min_per_second });
        }
        let seconds = ttl.as_secs();
        if seconds == 0 || nanos(ttl) > 60_000_000_000 {
            return Err(BudgetError::Ttl { value: ttl });
        }
        // A tenth of the whole seconds and a tenth of the rest: no division of 64 bits.
        let rest = Duration::new(0, ttl.subsec_nanos() / SLOTS as u32);
        let length = seconds as Ticks * ticks(Duration::from_millis(100)) + ticks(rest);
        Ok(Self {
            more_length: length.wrapping_sub(LENGTH),
            more_retry: can_retry_per_mille.wrapping_sub(CAN_RETRY),
            more_reserve: (min_per_second * seconds as u32).wrapping_sub(RESERVE),
            deposits,
            ..Self::DEFAULT
        })
    }

    /// Returns how many retries it would allow at `now`.
    pub fn balance(&self, now: Instant) -> u64 {
        let (credit, retries) = self.at(now).totals();
        credit.saturating_sub(retries * RETRY) / RETRY
    }

    /// Returns the same budget as of `now`.
    fn at(&self, now: Instant) -> Self {
        let mut budget = self.clone();
        budget.advance(now);
        budget
    }

    /// Drops what has expired at `now`.
    fn advance(&mut self, now: Instant) {
        let (now, length) = (now.raw(), self.length());
        let mut elapsed = now.wrapping_sub(self.began);
        if elapsed > Ticks::MAX / 2 {
            // Before the newest slot began. Where threads share a clock this happens all the time,
            // by a little; what is known stays.
            self.began = now;
        } else if elapsed >= length * SLOTS as Ticks {
            self.slots = Self::DEFAULT.slots;
            self.began = now;
        } else {
            while elapsed >= length {
                elapsed -= length;
                let mut newest = BudgetSlot::default();
                self.slots.iter_mut().for_each(|slot| swap(slot, &mut newest));
            }
            self.began = now.wrapping_sub(elapsed);
        }
    }

    /// Returns the thousandths that may be withdrawn in all, and the retries of all slots.
    fn totals(&self) -> (u64, u64) {
        let (mut credit, mut retries) = (u64::from(self.reserve()) * RETRY, 0);
        for slot in &self.slots {
            credit += u64::from(slot.deposits) * u64::from(self.can_retry());
            retries += u64::from(slot.retries);
        }
        (credit, retries)
    }

    const fn can_retry(&self) -> u32 {
        self.more_retry.wrapping_add(CAN_RETRY)
    }

    /// Retries that need no deposit, in each `ttl`.
    const fn reserve(&self) -> u32 {
        self.more_reserve.wrapping_add(RESERVE)
    }

    /// The length of a slot.
    const fn length(&self) -> Ticks {
        self.more_length.wrapping_add(LENGTH)
    }

    fn deposit(&mut self, now: Instant) {
        self.advance(now);
        let [newest, ..] = &mut self.slots;
        newest.deposits = newest.deposits.saturating_add(1);
    }

    const fn ttl_nanos(&self) -> u64 {
        nanos_of_ticks(self.length()) * SLOTS as u64
    }
}

impl Budget for RetryBudget {
    fn on_call(&mut self, now: Instant) {
        if self.deposits == Deposits::Calls {
            self.deposit(now);
        }
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        if self.deposits == Deposits::Successes
            && matches!(verdict, Verdict::Success | Verdict::Ignorable)
        {
            self.deposit(now);
        }
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        self.advance(now);
        let (credit, retries) = self.totals();
        let [newest, ..] = &mut self.slots;
        let Some(more) = newest.retries.checked_add(1) else { return false };
        let granted = credit >= (retries + 1) * RETRY;
        if granted {
            newest.retries = more;
        }
        granted
    }
}

/// In how many parts time is forgotten.
const SLOTS: usize = 10;
/// The price of a retry: deposits are thousandths of it.
const RETRY: u64 = 1000;
// The defaults, as a budget keeps them.
const DEFAULT: RetryBudgetSettings = RetryBudgetSettings::DEFAULT;
const CAN_RETRY: u32 = DEFAULT.can_retry_per_mille;
const RESERVE: u32 = DEFAULT.min_per_second * DEFAULT.ttl.as_secs() as u32;
const LENGTH: Ticks = ticks(DEFAULT.ttl) / SLOTS as Ticks;
