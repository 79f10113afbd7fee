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
    /// When to ask next, if there was any trouble since.
    pub(super) ask_at: Option<Instant>,
}

impl Trouble {
    pub(super) fn new(gap: Duration) -> Self {
        Self { gap, asked: None, ask_at: None }
    }

    /// Notes that no client could be made, or that an endpoint fails, ejected or kept.
    pub(super) fn note(&mut self, now: Instant) {
        let soonest = self.asked.map_or(now, |asked| now.max(asked + self.gap));
        bring_forward(&mut self.ask_at, soonest);
    }

    /// Tells that it is time to ask.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = is_due(self.ask_at, now);
        if due {
            *self = Self { asked: Some(now), ..Self::new(self.gap) };
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_asks_at_once_and_then_after_each_gap() {
        let mut trouble = Trouble::new(Duration::from_secs(30));
        assert!(!trouble.is_due(Instant::ZERO));
        let mut asked = Vec::new();
        for second in 0..100 {
            let now = Instant::from_millis(second * 1_000);
            if second < 40 {
                trouble.note(now);
            }
            if trouble.is_due(now) {
                asked.push(second);
            }
        }
        assert_eq!(asked, [0, 30, 60], "what happened from 30 s to 40 s is asked for at 60 s");
    }
}
