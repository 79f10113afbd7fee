//! When the next step is due: after a pause for the audience, and once the balancer has done what
//! the story tells of.

use core::time::Duration;

use tokio::time::Instant;

use super::course::Course;
use super::story::Step;

/// How long the story waits, in all, for what it tells of: far longer than that takes on a busy
/// machine, unless calls are rare, or the policy keeps them away from where the trouble is.
const PATIENCE: Duration = Duration::from_secs(20);

/// The steps that are still to be done.
#[derive(Debug)]
pub(super) struct Script {
    steps: core::array::IntoIter<Step, { Step::ALL.len() }>,
    length: Duration,
    /// When the pause before the next one is over.
    due: Instant,
    patience: Duration,
}

impl Script {
    /// Begins a demo that takes so long, beside what it waits for.
    pub(super) fn new(begun: Instant, length: Duration) -> Self {
        let mut script =
            Self { steps: Step::ALL.into_iter(), length, due: begun, patience: PATIENCE };
        script.pause(begun);
        script
    }

    /// Returns the next step, and when it is to be done: at the end of the patience, if something
    /// has still to be seen before.
    pub(super) fn next(&self, course: &Course) -> Option<(Step, Instant)> {
        let step = *self.steps.as_slice().first()?;
        let wait = course.awaits(step).map_or(Duration::ZERO, |_| self.patience);
        Some((step, self.due + wait))
    }

    /// Goes on to the step after the next one, which was done now.
    pub(super) fn advance(&mut self, now: Instant) {
        self.steps.next();
        self.patience = self.patience.saturating_sub(now.saturating_duration_since(self.due));
        self.pause(now);
    }

    fn pause(&mut self, now: Instant) {
        let pause = self.steps.as_slice().first().map(|step| step.pause(self.length));
        self.due = now + pause.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(40);

    #[test]
    fn all_pauses_together_are_the_length() {
        let begun = Instant::now();
        let mut script = Script::new(begun, LENGTH);
        let (course, mut steps) = (Course::default(), Vec::new());
        let mut now = begun;
        while let Some((step, at)) = script.next(&course) {
            assert!(at >= now, "{step:?}");
            steps.push(step);
            now = at;
            script.advance(now);
        }
        assert_eq!((steps, now - begun), (Step::ALL.to_vec(), LENGTH));
    }

    #[test]
    fn a_step_waits_for_what_is_to_be_seen_until_the_patience_is_over() {
        let begun = Instant::now();
        let mut script = Script::new(begun, LENGTH);
        let mut course = Course::default();
        let (step, fails) = script.next(&course).expect("a step");
        course.perform(step, Duration::ZERO);
        script.advance(fails);
        let pause = Step::SlowDown.pause(LENGTH);
        let latest = fails + pause + PATIENCE;
        assert_eq!(script.next(&course), Some((Step::SlowDown, latest)));
        course.look(&[], Duration::ZERO);
        assert_eq!(script.next(&course), Some((Step::SlowDown, fails + pause)), "it is ejected");

        // The half of it is used up.
        let late = fails + pause + PATIENCE / 2;
        script.advance(late);
        course.perform(Step::Leave, Duration::ZERO);
        let left = late + Step::Leave.pause(LENGTH);
        script.advance(left);
        let latest = left + Step::Join.pause(LENGTH) + PATIENCE / 2;
        assert_eq!(script.next(&course), Some((Step::Join, latest)));
    }
}
