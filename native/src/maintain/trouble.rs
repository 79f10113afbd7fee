//! Endpoints that cannot be reached may have moved: discovery is asked again.

use core::time::Duration;

use evenkeel_core::Instant;

use super::{bring_forward, is_due};

/// When to ask discovery because endpoints fail: at once, and then again after a gap as long as it
/// lasts.
#[derive(Debug)]
pub(super) struct Trouble {
    /// Least time between two questions.
    gap: Duration,
    asked: Option<Instant>,
    /// Something happened since.
    noted: bool,
    /// When to ask next, if there was any trouble since, or to see if it lasts.
    pub(super) ask_at: Option<Instant>,
    /// Failures of those that fail and are kept, as of the last look; `None` where nobody does.
    failures: Option<u32>,
}

impl Trouble {
    pub(super) fn new(gap: Duration) -> Self {
        Self { gap, asked: None, noted: false, ask_at: None, failures: None }
    }

    /// Notes that no client could be made, or that an endpoint fails, ejected or kept.
    pub(super) fn note(&mut self, now: Instant) {
        self.noted = true;
        let soonest = self.asked.map_or(now, |asked| now.max(asked + self.gap));
        bring_forward(&mut self.ask_at, soonest);
    }

    /// Tells that it is time to ask. `failures` counts those of endpoints that fail and are kept,
    /// which no event tells a second time: where there are more than at the last look, it lasts.
    pub(super) fn is_due(&mut self, now: Instant, failures: impl FnOnce() -> Option<u32>) -> bool {
        if !is_due(self.ask_at, now) {
            return false;
        }
        let failures = failures();
        let due = self.noted || failures.is_some() && failures != self.failures;
        let asked = if due { Some(now) } else { self.asked };
        let ask_at = failures.map(|_| now + self.gap);
        *self = Self { gap: self.gap, asked, noted: false, ask_at, failures };
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_asks_at_once_and_then_after_each_gap() {
        let mut trouble = Trouble::new(Duration::from_secs(30));
        assert!(!trouble.is_due(Instant::ZERO, || None));
        let mut asked = Vec::new();
        for second in 0..100 {
            let now = Instant::from_millis(second * 1_000);
            if second < 40 {
                trouble.note(now);
            }
            if trouble.is_due(now, || None) {
                asked.push(second);
            }
        }
        assert_eq!(asked, [0, 30, 60], "what happened from 30 s to 40 s is asked for at 60 s");
    }

    #[test]
    fn what_is_told_once_and_lasts_asks_as_long_as_there_are_failures() {
        let mut trouble = Trouble::new(Duration::from_secs(30));
        let mut asked = Vec::new();
        trouble.note(Instant::ZERO);
        for second in 0..300 {
            // It fails each second up to 70 s, is left alone, and fails once more.
            let failures = Some(second.min(70) + u32::from(second > 200)).filter(|_| second < 250);
            if trouble.is_due(Instant::from_secs(second.into()), || failures) {
                asked.push(second);
            }
        }
        assert_eq!(asked, [0, 30, 60, 90, 210]);
        assert_eq!(trouble.ask_at, None, "well again");
    }
}
