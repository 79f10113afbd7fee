//! How long to wait, and how waits are spread so that clients do not ask in step.

use core::time::Duration;

use rand_core::Rng;

use crate::retry::{doubled, up_to};
use crate::time::{Instant, Ticks, ticks};

/// The longest wait that a source can ask for, one hour: who says more has made a mistake, and is
/// asked again after that.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// How a wait is spread at random.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    /// Later by up to so many percent.
    Later { percent: u8 },
    /// 20 % to either side.
    Around,
    /// Anywhere from now on until it is over.
    Within,
}

impl Spread {
    pub(super) fn over(self, wait: Ticks, rng: &mut impl Rng) -> Ticks {
        match self {
            Self::Later { percent } => {
                wait.saturating_add(up_to((wait / 100).saturating_mul(percent.into()), rng))
            }
            Self::Around => (wait - wait / 5).saturating_add(up_to(wait / 5 * 2, rng)),
            Self::Within => up_to(wait, rng),
        }
    }
}

/// Returns the wait after so many failures in a row: the first, doubled with each more.
pub(super) fn backoff(base: Duration, max: Duration, failures: u32) -> Ticks {
    doubled(ticks(base), failures.saturating_sub(1)).min(ticks(max))
}

/// Returns the end of a wait that a source asked for.
pub(super) fn end_of(asked: Duration, now: Instant) -> Instant {
    now + asked.min(MAX_RETRY_AFTER)
}

/// Returns the wait after a failure where the source asked for one: never earlier than that.
pub(super) fn asked_for(asked: Ticks, backoff: Ticks, percent: u8) -> (Ticks, Spread) {
    if asked > backoff / 5 * 4 {
        (backoff.max(asked), Spread::Later { percent })
    } else {
        (backoff, Spread::Around)
    }
}
