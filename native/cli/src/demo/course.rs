//! What has happened so far: which steps were done, what was seen of the balancer, and when.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel::health::Held;
use evenkeel::{Candidacy, Event, EventKind, Status};

use super::backend::label;
use super::cast::{BACKUPS, FAILING, JOINING, LEAVING, PRIMARIES, STUMBLING};
use super::story::{Sign, Step};

/// The course of the demo. All times count from its beginning.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The steps that were done; a demo that is interrupted has not all of them.
    steps: BTreeMap<Step, Duration>,
    signs: BTreeMap<Sign, Duration>,
    given_up: BTreeSet<Sign>,
    pub(super) counts: Counts,
    /// The end of the last calm.
    pub(super) calm_until: Option<Duration>,
    serving: BTreeSet<String>,
    standing_by: BTreeSet<String>,
}

/// How often the balancer did what, and did not.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) ejected: u64,
    pub(super) undone: u64,
    /// By rule, in the rules' order.
    held: [u64; RULES.len()],
    /// Requests that were to decide whether an endpoint comes back: to all, and to the one that
    /// fails.
    pub(super) probes: u64,
    pub(super) probes_of_failing: u64,
}

/// The rules that keep an endpoint from being ejected.
pub(super) const RULES: [Held; 5] =
    [Held::Calm, Held::NobodyWell, Held::Harm, Held::Minority, Held::Percent];

impl Counts {
    /// Returns how often this rule kept an endpoint from being ejected.
    pub(super) fn held_by(&self, rule: Held) -> u64 {
        self.held
            .iter()
            .zip(RULES)
            .filter(|(_, known)| *known == rule)
            .map(|(count, _)| count)
            .sum()
    }
}

impl Course {
    /// Notes that a step was done.
    pub(super) fn perform(&mut self, step: Step, at: Duration) {
        self.steps.insert(step, at);
    }

    /// Tells that a step was done.
    pub(super) fn did(&self, step: Step) -> bool {
        self.steps.contains_key(&step)
    }

    /// Tells that something was seen.
    pub(super) fn saw(&self, sign: Sign) -> bool {
        self.signs.contains_key(&sign)
    }

    /// Returns the last step that was done.
    pub(super) fn last(&self) -> Option<Step> {
        self.steps.last_key_value().map(|(step, _)| *step)
    }

    /// Returns what has still to be seen before this step.
    pub(super) fn awaits(&self, step: Step) -> Option<Sign> {
        step.awaits().filter(|sign| self.is_due(*sign))
    }

    /// Waits no longer for something.
    pub(super) fn give_up(&mut self, sign: Sign) {
        self.given_up.insert(sign);
    }

    /// Tells that this step is to be left out: calls would be lost by right, or there is nothing to
    /// repair.
    pub(super) fn skips(&self, step: Step) -> bool {
        let unready = step.is_risky() && step.awaits().is_some_and(|sign| !self.saw(sign));
        unready || step == Step::Repair && !self.did(Step::Outage)
    }

    /// Lists what should have been seen, and was not.
    pub(super) fn missed(&self) -> impl Iterator<Item = Sign> {
        Sign::ALL.into_iter().filter(|sign| self.given_up.contains(sign) || self.is_due(*sign))
    }

    fn is_due(&self, sign: Sign) -> bool {
        self.did(sign.follows()) && !self.saw(sign) && !self.given_up.contains(&sign)
    }

    /// Returns how long after its step something was seen.
    pub(super) fn delay(&self, sign: Sign) -> Option<Duration> {
        Some(self.signs.get(&sign)?.saturating_sub(*self.steps.get(&sign.follows())?))
    }

    /// Returns how long a step lasted: to the one that ends it, or to the end of the demo.
    pub(super) fn lasted(&self, from: Step, to: Step, end: Duration) -> Option<Duration> {
        Some(self.steps.get(&to).unwrap_or(&end).saturating_sub(*self.steps.get(&from)?))
    }

    /// Counts an event.
    pub(super) fn count(&mut self, event: &Event) {
        let counts = &mut self.counts;
        match event.kind {
            EventKind::Ejected { reason, .. } => {
                counts.ejected += u64::from(!reason.is_of_probe());
            }
            EventKind::Undone { .. } => counts.undone += 1,
            EventKind::Held { rule } => {
                for (count, known) in counts.held.iter_mut().zip(RULES) {
                    *count += u64::from(known == rule);
                }
            }
            EventKind::Probing => {
                counts.probes += 1;
                let failing = event.target.as_ref().is_some_and(|target| label(target) == FAILING);
                counts.probes_of_failing += u64::from(failing);
            }
            EventKind::Added
            | EventKind::Removed
            | EventKind::HalfOpen
            | EventKind::Readmitted
            | EventKind::Overloaded { .. }
            | EventKind::Down
            | EventKind::PanicOn
            | EventKind::PanicOff
            | EventKind::Lost(_) => {}
        }
    }

    /// Looks at what the balancer says of its endpoints; returns what is seen for the first time.
    pub(super) fn look(&mut self, endpoints: &[Status], at: Duration) -> Vec<Sign> {
        let names = |is: fn(&Status) -> bool| {
            let those = endpoints.iter().filter(move |status| is(status));
            those.map(|status| label(&status.target).into())
        };
        self.serving = names(|status| status.candidate).collect();
        self.standing_by = names(|status| status.candidacy == Some(Candidacy::Priority)).collect();
        let new: Vec<_> =
            Sign::ALL.into_iter().filter(|sign| self.is_due(*sign) && self.shows(*sign)).collect();
        self.signs.extend(new.iter().map(|sign| (*sign, at)));
        new
    }

    fn shows(&self, sign: Sign) -> bool {
        let serves = |name: &str| self.serving.contains(name);
        match sign {
            Sign::Ejected => !serves(FAILING),
            Sign::Left => !serves(LEAVING),
            Sign::Joined => serves(JOINING),
            Sign::Readmitted => serves(FAILING),
            Sign::Stumbled => !serves(STUMBLING),
            Sign::Undone => self.counts.undone > 0,
            Sign::Calm => self.counts.held_by(Held::Calm) > 0,
            Sign::Standby => BACKUPS.iter().all(|name| self.standing_by.contains(*name)),
            Sign::FailedOver => {
                BACKUPS.into_iter().all(serves) && !PRIMARIES.into_iter().any(serves)
            }
            Sign::TookOver => PRIMARIES.into_iter().any(serves),
            Sign::Returned => PRIMARIES.into_iter().all(serves),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use evenkeel::core::Instant;
    use evenkeel::health::Health;
    use evenkeel::{Endpoint, Target};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    pub(in crate::demo) fn endpoint(name: &str, candidacy: Candidacy) -> Status {
        let target: Target = format!("{name}.demo.test:80").parse().expect("a target");
        Status {
            target: target.clone(),
            endpoint: Endpoint::new(target),
            candidate: candidacy.is_candidate(),
            leaving: false,
            candidacy: Some(candidacy),
            health: Health::Healthy,
            held: None,
            calm_until: None,
            weight: 1,
            in_flight: 0,
            latency: None,
            successes: None,
            failures: 0,
        }
    }

    fn all(names: &[&str], candidacy: Candidacy) -> Vec<Status> {
        names.iter().map(|name| endpoint(name, candidacy)).collect()
    }

    #[test]
    fn a_sign_counts_from_its_step_on_and_once() {
        let mut course = Course::default();
        let (well, none) = (all(&PRIMARIES, Candidacy::Candidate), &[][..]);
        assert_eq!(course.look(none, SECOND), [], "no step was done");
        course.perform(Step::Fail, SECOND);
        assert_eq!(course.awaits(Step::SlowDown), Some(Sign::Ejected));
        assert_eq!(course.look(&well, SECOND * 2), []);
        assert_eq!(course.look(none, SECOND * 3), [Sign::Ejected]);
        assert_eq!(course.look(none, SECOND * 4), []);
        assert_eq!(course.awaits(Step::SlowDown), None);
        assert_eq!(course.delay(Sign::Ejected), Some(SECOND * 2));
        course.perform(Step::Recover, SECOND * 5);
        assert_eq!(course.missed().collect::<Vec<_>>(), [Sign::Readmitted]);
        assert_eq!(course.look(&well, SECOND * 6), [Sign::Readmitted]);
    }

    #[test]
    fn the_backups_have_taken_over_when_they_alone_serve() {
        let mut course = Course::default();
        assert!(course.skips(Step::Outage), "nobody would be left");
        course.perform(Step::Reserve, SECOND);
        let primaries = all(&PRIMARIES, Candidacy::Candidate);
        let ready = [&primaries[..], &all(&BACKUPS, Candidacy::Priority)].concat();
        assert_eq!(course.look(&ready, SECOND), [Sign::Standby]);
        assert!(!course.skips(Step::Outage) && course.skips(Step::Repair));

        course.perform(Step::Outage, SECOND);
        let backups = all(&BACKUPS, Candidacy::Candidate);
        assert_eq!(course.look(&[&primaries[..1], &backups].concat(), SECOND), []);
        assert_eq!(course.look(&backups, SECOND), [Sign::FailedOver]);
        course.perform(Step::Repair, SECOND);
        assert_eq!(course.look(&primaries[..1], SECOND), [Sign::TookOver]);
        assert_eq!(course.look(&primaries, SECOND), [Sign::Returned]);
    }

    #[test]
    fn an_overload_is_only_played_where_an_ejection_can_be_undone() {
        let mut course = Course::default();
        course.perform(Step::Stumble, SECOND);
        assert!(course.skips(Step::Swamp));
        assert_eq!(course.look(&[], SECOND), [Sign::Stumbled]);
        assert!(!course.skips(Step::Swamp));
        course.perform(Step::Swamp, SECOND);

        let event = |kind| Event { at: Instant::ZERO, target: None, kind };
        course.count(&event(EventKind::Held { rule: Held::Harm }));
        assert_eq!(course.look(&[], SECOND), []);
        course.count(&event(EventKind::Undone { until: Instant::ZERO }));
        assert_eq!(course.look(&[], SECOND), [Sign::Undone]);
        course.count(&event(EventKind::Held { rule: Held::Calm }));
        assert_eq!(course.look(&[], SECOND), [Sign::Calm]);
        assert_eq!(course.counts.held, [1, 0, 1, 0, 0]);
    }

    #[test]
    fn what_was_given_up_is_missed_even_if_it_comes_about_later() {
        let mut course = Course::default();
        course.perform(Step::Stumble, SECOND);
        course.give_up(Sign::Stumbled);
        assert_eq!((course.awaits(Step::Swamp), course.skips(Step::Swamp)), (None, true));
        assert_eq!((course.look(&[], SECOND), course.delay(Sign::Stumbled)), (vec![], None));
        assert_eq!(course.missed().collect::<Vec<_>>(), [Sign::Stumbled]);
    }
}
