//! From the core's `index()` to what it stands for, where that holds more than its name.

use core::time::Duration;

use evenkeel_core::{Outcome, Verdict};

/// Returns the outcome of this index.
pub(crate) fn outcome(index: u8, retry_after: Option<Duration>) -> Option<Outcome> {
    const { assert!(Outcome::NAMES.len() == 4, "an outcome is missing here") };
    let overloaded = Outcome::Overloaded { retry_after };
    let all = [Outcome::Success, Outcome::Failure, overloaded, Outcome::Canceled];
    all.into_iter().find(|outcome| outcome.index() == index)
}

/// Returns the verdict of this index.
pub(crate) fn verdict(index: u8, retry_after: Option<Duration>) -> Option<Verdict> {
    const { assert!(Verdict::NAMES.len() == 5, "a verdict is missing here") };
    let retry_after = Verdict::RetryAfter(retry_after.unwrap_or_default());
    let all = [Verdict::Success, Verdict::Retry, retry_after, Verdict::Fatal, Verdict::NeverSent];
    all.into_iter().find(|verdict| verdict.index() == index)
}
