//! From the core's `index()` to what it stands for, where that holds more than its name.

use core::time::Duration;

use evenkeel_core::{Outcome, Verdict};

/// Returns the outcome of this index.
pub(crate) fn outcome(index: u8, retry_after: Option<Duration>) -> Option<Outcome> {
    const { assert!(Outcome::NAMES.len() == 9, "an outcome is missing here") };
    Some(match index {
        0 => Outcome::Success,
        1 => Outcome::Failure,
        2 => Outcome::TimedOut,
        3 => Outcome::NeverSent,
        4 => Outcome::Ignorable,
        5 => Outcome::PushedBack,
        6 => Outcome::Overloaded { retry_after },
        7 => Outcome::Abandoned,
        8 => Outcome::LostRace,
        _ => return None,
    })
}

/// Returns the verdict of this index.
pub fn verdict(index: u8, wait: Option<Duration>) -> Option<Verdict> {
    const { assert!(Verdict::NAMES.len() == 9, "a verdict is missing here") };
    Some(match index {
        0 => Verdict::Success,
        1 => Verdict::RetryableFailure,
        2 => Verdict::NonRetryableFailure,
        3 => Verdict::TimedOut,
        4 => Verdict::Ignorable,
        5 => Verdict::Overloaded { wait },
        6 => Verdict::PushBack { wait: wait.unwrap_or_default() },
        7 => Verdict::NeverSent,
        8 => Verdict::Canceled,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_stands_for_its_own() {
        let outcomes = (0..=u8::MAX).map_while(|index| outcome(index, None));
        assert!(outcomes.map(|outcome| outcome.name()).eq(Outcome::NAMES.iter().copied()));
        let verdicts = (0..=u8::MAX).map_while(|index| verdict(index, None));
        assert!(verdicts.map(|verdict| verdict.name()).eq(Verdict::NAMES.iter().copied()));
    }
}
