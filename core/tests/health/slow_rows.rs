//! That failures were slow is known of a row of failures, and of an ejection for it, and no longer.

use evenkeel_core::health::{Health, Reason, Tally};
use evenkeel_core::{Config, Endpoint, EventKind, Heap, Instant, Outcome, Slot};

use super::fixture::{millis, secs};

type Cluster = evenkeel_core::Cluster<u8, (), Config, Heap>;

struct Three {
    cluster: Cluster,
    slots: [Slot; 3],
    now: Instant,
}

impl Three {
    fn new() -> Self {
        let mut cluster = Cluster::new(Config::DEFAULT);
        let now = Instant::from_secs(100);
        let _ = cluster.update(now, (0..3).map(Endpoint::new));
        let slots: Vec<Slot> = cluster.iter().map(|(slot, _)| slot).collect();
        Self { cluster, slots: slots.try_into().unwrap(), now }
    }

    /// So many requests at once, which end after so many milliseconds.
    fn report(&mut self, index: usize, outcome: Outcome, times: u32, took: u64) {
        let sent = self.now;
        self.now = sent + millis(took);
        for _ in 0..times {
            let _ = self.cluster.learn(self.now, self.slots[index], outcome, sent, false);
        }
    }

    fn tally(&mut self, tally: Tally) {
        let _ = self.cluster.tally(self.now, self.slots[0], tally);
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + secs(seconds);
        self.cluster.handle_timeout(self.now);
    }

    fn out(&self) -> bool {
        self.cluster.health(self.slots[0]).is_ejected()
    }

    /// The first is ejected, an interval and more before the others fail slowly, too, until none of
    /// them is well: those that failed slowly come back then. Tells that it does.
    fn comes_back(mut self) -> bool {
        assert!(self.out());
        self.wait(11);
        self.report(1, Outcome::TimedOut, 4, 250);
        self.report(2, Outcome::TimedOut, 10, 250);
        assert!(self.cluster.health(self.slots[2]) == Health::Healthy, "nobody is well");
        let undone = |kind| matches!(kind, EventKind::Undone { .. });
        let undone = self.cluster.events().any(|event| undone(event.kind));
        assert_eq!(undone, !self.out());
        undone
    }

    fn give_up(&mut self) {
        self.report(0, Outcome::Abandoned, 10, 1);
        let Health::Ejected { reason, .. } = self.cluster.health(self.slots[0]) else { panic!() };
        assert_eq!(reason, Reason::Cancellations);
    }
}

#[test]
fn one_that_is_ejected_for_slow_failures_is_missed() {
    for (took, missed) in [(1, false), (199, false), (200, true), (250, true)] {
        let mut three = Three::new();
        three.report(0, Outcome::Failure, 5, took);
        assert_eq!(three.comes_back(), missed, "{took} ms");
    }
}

#[test]
fn a_success_ends_a_slow_row() {
    for ends in [Outcome::Success, Outcome::PushedBack] {
        let mut three = Three::new();
        three.report(0, Outcome::TimedOut, 4, 250);
        three.report(0, ends, 1, 1);
        three.give_up();
        assert!(!three.comes_back(), "{ends:?}");
    }
    // A request that was at fault ends none.
    let mut three = Three::new();
    three.report(0, Outcome::TimedOut, 4, 250);
    three.report(0, Outcome::Ignorable, 1, 1);
    three.give_up();
    assert!(three.comes_back());
}

#[test]
fn so_does_a_success_in_a_tally() {
    let slow = Tally { failures: 4, slow: true, ..Tally::default() };
    for (tallies, missed) in [
        (&[Tally { streak: 4, longest: 4, ..slow }][..], true),
        (&[Tally { successes: 1, longest: 4, ..slow }], false),
        (&[Tally { successes: 1, longest: 4, cancels: 40, ..slow }], false),
        (
            &[Tally { streak: 4, longest: 4, ..slow }, Tally { successes: 1, ..Tally::default() }],
            false,
        ),
    ] {
        let mut three = Three::new();
        for tally in tallies {
            three.tally(*tally);
        }
        if !three.out() {
            three.give_up();
        }
        assert_eq!(three.comes_back(), missed, "{tallies:?}");
    }
}

/// One that is back begins anew, whether a probe brought it back, or its rest is over.
#[test]
fn whoever_is_back_has_no_row() {
    for rests in [false, true] {
        let mut three = Three::new();
        if rests {
            let rest = Outcome::Overloaded { retry_after: Some(secs(1)) };
            three.report(0, Outcome::TimedOut, 4, 250);
            three.report(0, rest, 1, 1);
            three.wait(2);
        } else {
            three.report(0, Outcome::TimedOut, 5, 250);
            three.wait(4);
            let probe = three.cluster.start_probe(three.now).unwrap();
            assert_eq!(probe, three.slots[0]);
            let sent = Some(three.now);
            let _ = three.cluster.observe(three.now, probe, Outcome::Success, sent);
            three.wait(1);
        }
        assert_eq!(three.cluster.health(three.slots[0]), Health::Healthy);
        three.give_up();
        assert!(!three.comes_back(), "rests: {rests}");
    }
}
