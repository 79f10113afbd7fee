//! Accounts of a call: what was sent, what became of it, and what the budget heard.

use core::time::Duration;

use evenkeel_core::retry::{Attempt, Budget, End, Step, Verdict};
use evenkeel_core::{Instant, Outcome};

use super::model::Entry;
use super::{CheckedCall, FREE, Settings};

/// What was sent, what became of it, and what the budget heard: each side counts for itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) sent: u32,
    /// Of those sent, the ones sent again because they never left; those that nobody asked about;
    /// and the ones that are over, whatever came of them.
    pub(super) again: u32,
    pub(super) unasked: u32,
    pub(super) ended: u32,
    /// The highest number sent.
    pub(super) number: u32,
    /// How often it was told that one never left.
    pub(super) never_sent: u32,
    /// Verdicts that were told and attempts that timed out.
    pub(super) verdicts: u32,
    pub(super) steps: u32,
    /// Steps beyond what a call takes that finds an endpoint at once.
    pub(super) more_steps: u32,
    pub(super) end: Option<End>,
    /// As it was before the last attempt was asked for.
    pub(super) before: Option<(Attempt, Box<Account>)>,
    pub(super) book: Book,
}

/// The budget's side.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) calls: u32,
    pub(super) verdicts: u32,
    pub(super) asked: u32,
    pub(super) granted: u32,
}

pub(super) struct CheckedBudget<'a> {
    pub(super) settings: &'a Settings,
    pub(super) book: &'a mut Book,
    pub(super) log: Vec<(Instant, Entry)>,
}

impl Budget for CheckedBudget<'_> {
    fn on_call(&mut self, now: Instant) {
        self.book.calls += 1;
        self.log.push((now, Entry::Call));
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        self.book.verdicts += 1;
        self.log.push((now, Entry::Verdict(Duration::ZERO, verdict)));
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        self.book.asked += 1;
        self.log.push((now, Entry::Withdraw));
        let granted = self.settings.grants(self.book.asked);
        self.book.granted += u32::from(granted);
        granted
    }
}

impl CheckedCall {
    /// What holds for every call, whatever the model thinks.
    pub(super) fn count(&mut self, now: Instant, step: Step) {
        let most_steps = self.most_steps();
        let (account, settings) = (&mut self.account, &self.model.settings);
        assert!(account.end.is_none_or(|end| step == Step::Done(end)), "{step:?} after the end");
        match step {
            Step::Send(attempt) => {
                let in_time = self.call.deadline().is_none_or(|deadline| now < deadline);
                assert!(in_time, "sent at {now}, not before {:?}", self.call.deadline());
                assert!(attempt.deadline().is_none_or(|deadline| deadline > now));
                assert!(
                    self.open.iter().all(|open| open.number() != attempt.number()),
                    "{attempt:?} twice"
                );
                assert!(!attempt.is_hedge() || account.sent > 0, "a hedge of nothing");
                let before = Account { before: None, ..account.clone() };
                account.before = Some((attempt, Box::new(before)));
                account.sent += 1;
                account.unasked += u32::from(account.sent > 1);
                if attempt.number() <= account.number {
                    account.again += 1;
                }
                account.number = account.number.max(attempt.number());
                assert!(
                    account.again <= account.never_sent.min(FREE),
                    "sent again, though it was counted"
                );
                assert!(
                    account.sent - account.again <= settings.attempts + settings.hedges(),
                    "one too many"
                );
                self.open.push(attempt);
                assert!(self.open.len() as u32 <= 1 + settings.hedges(), "too many at once");
                assert!(
                    self.open.iter().filter(|open| !open.is_hedge()).count() <= 1,
                    "a retry beside others"
                );
                assert_eq!(account.book.calls, 1, "the budget was not told of the call once");
            }
            Step::Wait(until) => {
                let later = until.is_none_or(|until| until > now);
                assert!(later, "waiting until {until:?} at {now} would spin");
                let waits = !self.open.is_empty() || self.call.waits_for_endpoint();
                assert!(waits || until.is_some(), "waits for nothing");
                return;
            }
            Step::Cancel { attempt, outcome } => {
                let index = self
                    .open
                    .iter()
                    .position(|open| *open == attempt)
                    .expect("canceled what is not in flight");
                self.over.push(self.open.remove(index));
                account.ended += 1;
                account.verdicts += u32::from(outcome == Outcome::TimedOut);
            }
            Step::Done(end) => {
                assert!(self.open.is_empty(), "{:?} are left behind", self.open);
                assert_eq!(
                    (account.ended, account.book.verdicts),
                    (account.sent, account.verdicts)
                );
                assert!(account.book.calls == 1 || end == End::Deadline && account.sent == 0);
                // A retry may be paid for, and its time never come.
                assert!(
                    account.book.granted <= account.sent.saturating_sub(account.again),
                    "paid for nothing"
                );
                account.steps += u32::from(account.end.is_none());
                account.end = Some(end);
                return;
            }
        }
        account.steps += 1;
        assert!(account.steps < most_steps, "too many steps");
    }
}
