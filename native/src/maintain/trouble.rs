//! Endpoints that cannot be reached may have moved: discovery is asked again.

use core::time::Duration;

use evenkeel_core::Instant;

use super::{bring_forward, is_due};

/// Least time between two questions for trouble's sake, as in gRPC: at once, and then every 30 s as
/// long as it lasts.
const GAP: Duration = Duration::from_secs(30);

/// When to ask discovery because endpoints fail.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    asked: Option<Instant>,
    /// When to ask next, if there was any trouble since.
    pub(super) ask_at: Option<Instant>,
}

impl Trouble {
    /// Notes that no client could be made, or that an endpoint fails, ejected or kept.
    pub(super) fn note(&mut self, now: Instant) {
        let soonest = self.asked.map_or(now, |asked| now.max(asked + GAP));
        bring_forward(&mut self.ask_at, soonest);
    }

    /// Tells that it is time to ask.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = is_due(self.ask_at, now);
        if due {
            *self = Self { asked: Some(now), ask_at: None };
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_asks_at_once_and_then_every_30_s() {
        let mut trouble = Trouble::default();
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
