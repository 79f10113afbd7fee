//! Learns from many reports at once.

use super::{Cluster, RulesOf};
use crate::endpoint::Address;
use crate::health::{self, By, Counted, Effect, Rules, Tally};
use crate::kit::Kit;
use crate::load::Load;
use crate::part::Part;
use crate::slot::Slot;
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Learns from the ends of many requests to the endpoint in `slot` at once: all since the last
    /// tally, in bulk. Those of several endpoints are to be [counted](Self::count_tally) first.
    ///
    /// Tells that rows of failures begin anew: so they do while the endpoint is out of service.
    /// Then, the ends of those that [decide](Self::observe) are to be told one by one besides.
    /// O(1); O(n) where it has failed so often that it is judged.
    pub fn tally(&mut self, now: Instant, slot: Slot, tally: Tally) -> bool {
        let counted = self.count_tally(now, slot, tally);
        self.settle_tally(counted)
    }

    /// Counts the ends of many requests to the endpoint in `slot`, and leaves the judgement to
    /// [`settle_tally`](Self::settle_tally). An endpoint is judged by the others: where all of them
    /// fail at once, the first to be judged must not find the others well because nobody has
    /// counted theirs yet.
    #[cold]
    pub fn count_tally(&mut self, now: Instant, slot: Slot, tally: Tally) -> Counted {
        self.follow_clock(now);
        let mut counted = Counted {
            slot,
            streak: tally.streak,
            failures: self.failures(slot),
            given_up: None,
            anew: false,
            effect: Effect::None,
        };
        counted.effect = self.alter(slot, |row, s, facts| {
            let before = row.cancels;
            let (effect, anew) = health::tally::<RulesOf<S>, S>(row, s, facts, tally);
            counted.anew = anew;
            counted.given_up = (row.cancels > before).then_some(before);
            effect
        });
        counted
    }

    /// Judges an endpoint by what was [counted](Self::count_tally); returns what
    /// [`tally`](Self::tally) does.
    #[cold]
    pub fn settle_tally(&mut self, counted: Counted) -> bool {
        let Counted { slot, streak, failures, given_up, anew, effect } = counted;
        self.follow(slot, effect, failures);
        if RulesOf::<S>::by_row(&self.settings) {
            self.go_on_with_rows(slot, streak, given_up);
        }
        anew || self.row(slot).is_some_and(|row| !row.health_row().serves())
    }

    /// Goes on with the rows of now, after those were judged that were longer since the last tally.
    fn go_on_with_rows(&mut self, slot: Slot, streak: u32, given_up: Option<u16>) {
        let longest = self.watch.get().map_or(0, |watch| watch.memory.longest);
        let mut judged = false;
        let effect = self.alter(slot, |row, s, _| {
            if !row.serves() {
                return Effect::None;
            }
            if streak == 0 {
                row.end_row();
            }
            row.streak = row.streak.min(streak.try_into().unwrap_or(u16::MAX));
            let k = s.consecutive_failures();
            judged = given_up.is_some_and(|before| {
                health::cancellations::crosses(k, longest, before, row.cancels)
            });
            Effect::None
        });
        debug_assert_eq!(effect, Effect::None);
        if judged && self.judge(slot, By::Cancels) {
            self.finish();
        }
    }
}
