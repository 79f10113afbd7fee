//! Listing and watching, rule by rule, and a day of it.

mod day;
mod waits;

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::discovery::WatchConfigError;
use evenkeel_core::discovery::list_watch::{
    ListWatch, ListWatchConfig, ListWatchFault, ListWatchStep, ListWatchVerdict, QueryId,
};
use evenkeel_core::rand_core::SeedableRng;
use rand_chacha::ChaCha8Rng;

use ListWatchVerdict::{Believe, Drop, Skip};

const FAILED: ListWatchFault = ListWatchFault::Failed { retry_after: None };

/// A machine, its clock, and its random numbers.
struct Fixture {
    machine: ListWatch<u64>,
    rng: ChaCha8Rng,
    now: Instant,
}

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    List(QueryId),
    Watch(QueryId, u64),
}

impl Fixture {
    fn new() -> Self {
        Self::with(ListWatchConfig::default())
    }

    fn with(config: ListWatchConfig) -> Self {
        let machine = ListWatch::new(config).expect("settings that fit together");
        Self { machine, rng: ChaCha8Rng::seed_from_u64(1), now: Instant::from_secs(1_000) }
    }

    fn poll(&mut self) -> ListWatchStep<u64> {
        self.machine.poll(self.now, &mut self.rng)
    }

    /// Waits until there is something to do; tells how long that took.
    fn due(&mut self) -> (Due, Duration) {
        let begin = self.now;
        loop {
            let due = match self.poll() {
                ListWatchStep::List { id, .. } => Due::List(id),
                ListWatchStep::Watch { id, from, .. } => Due::Watch(id, from),
                ListWatchStep::Wait(until) => {
                    self.now = until.expect("it was not closed");
                    continue;
                }
                ListWatchStep::Cancel { .. } => panic!("nothing is late"),
            };
            return (due, self.now.saturating_since(begin));
        }
    }

    /// Waits until a list is due, and lists.
    fn list(&mut self, cursor: u64) {
        let (Due::List(id), _) = self.due() else { panic!("a list is due") };
        assert_eq!(self.machine.on_list(self.now, id, cursor), Believe);
    }

    /// Waits until a watch is due; tells from where, and how long that took.
    fn watch(&mut self) -> (QueryId, u64, Duration) {
        let (Due::Watch(id, from), wait) = self.due() else { panic!("a watch is due") };
        (id, from, wait)
    }

    /// A watch that has begun after a list.
    fn watching(config: ListWatchConfig) -> (Self, QueryId) {
        let mut fixture = Self::with(config);
        fixture.list(10);
        let (id, from, wait) = fixture.watch();
        assert_eq!((from, wait), (10, Duration::ZERO));
        assert_eq!(fixture.machine.on_created(fixture.now, id, Some(&12)), Believe);
        (fixture, id)
    }
}

#[test]
fn a_list_is_followed_by_a_watch_whose_events_move_the_cursor() {
    let (mut fixture, id) = Fixture::watching(ListWatchConfig::default());
    let Fixture { machine, now, .. } = &mut fixture;
    assert_eq!(machine.on_events(*now, id, 11), Believe);
    assert_eq!(machine.on_events(*now, id, 11), Skip, "a replay");
    assert_eq!(machine.on_events(*now, id, 9), Skip);
    assert_eq!(machine.on_events(*now, id, 12), Believe);
    assert_eq!(machine.on_progress(*now, id, Some(20)), Believe);
    assert_eq!(machine.cursor(), Some(&20));
    assert_eq!(machine.on_progress(*now, id, Some(15)), Believe);
    assert_eq!(machine.on_progress(*now, id, None), Believe);
    assert_eq!(machine.cursor(), Some(&20), "only forwards");
    fixture.now = fixture.now + Duration::from_secs(2);
    fixture.machine.on_fault(fixture.now, id, ListWatchFault::Ended);
    let (_, from, wait) = fixture.watch();
    assert_eq!((from, wait), (20, Duration::ZERO), "it goes on where it was");
}

#[test]
fn cursors_without_an_order_are_taken_as_they_come() {
    let config = ListWatchConfig { ordered: false, ..ListWatchConfig::default() };
    let (mut fixture, id) = Fixture::watching(config);
    let Fixture { machine, now, .. } = &mut fixture;
    assert_eq!(machine.on_events(*now, id, 3), Believe);
    assert_eq!(machine.on_created(*now, id, Some(&1)), Believe);
    assert_eq!(machine.on_progress(*now, id, Some(2)), Believe);
    assert_eq!(machine.cursor(), Some(&2));
}

#[test]
fn a_source_whose_history_was_rewritten_is_listed_anew() {
    let mut fixture = Fixture::new();
    fixture.list(10);
    let (id, ..) = fixture.watch();
    assert_eq!(fixture.machine.on_created(fixture.now, id, Some(&9)), Drop);
    assert_eq!(fixture.machine.on_events(fixture.now, id, 11), Drop);
    fixture.list(9);
    assert_eq!(fixture.watch().1, 9, "a lower cursor is right, then");
}

#[test]
fn what_comes_late_or_after_the_end_is_dropped() {
    let (mut fixture, id) = Fixture::watching(ListWatchConfig::default());
    fixture.machine.on_fault(fixture.now, id, FAILED);
    fixture.machine.on_fault(fixture.now, id, ListWatchFault::Gone);
    let Fixture { machine, now, .. } = &mut fixture;
    assert_eq!(machine.on_list(*now, id, 11), Drop);
    assert_eq!(machine.on_created(*now, id, None), Drop);
    assert_eq!(machine.on_events(*now, id, 11), Drop);
    assert_eq!(machine.on_progress(*now, id, Some(11)), Drop);
    let (id, from, _) = fixture.watch();
    assert_eq!(from, 10, "the fault that came late counted for nothing");
    fixture.machine.close();
    assert_eq!(fixture.machine.on_events(fixture.now, id, 11), Drop);
    assert_eq!(fixture.poll(), ListWatchStep::Cancel { id });
    assert_eq!(fixture.poll(), ListWatchStep::Wait(None));
    fixture.machine.refresh(fixture.now);
    assert_eq!(fixture.poll(), ListWatchStep::Wait(None));
}

#[test]
fn settings_that_do_not_fit_are_refused_with_their_value() {
    let good = ListWatchConfig::default();
    let zero = Duration::ZERO;
    let cases = [
        (ListWatchConfig { timeout: zero, ..good }, "`timeout` is 0: it must be above 0"),
        (ListWatchConfig { idle: zero, ..good }, "`idle` is 0: it must be above 0"),
        (ListWatchConfig { relist_after: 0, ..good }, "`relist_after` is 0: it must be above 0"),
        (ListWatchConfig { backoff_base: zero, ..good }, "`backoff_base` is 0: it must be above 0"),
    ];
    for (config, says) in cases {
        assert_eq!(ListWatch::<u64>::new(config).unwrap_err().to_string(), says);
    }
    let (base, max) = (good.backoff_base, Duration::from_millis(1));
    let error = ListWatch::<u64>::new(ListWatchConfig { backoff_max: max, ..good }).unwrap_err();
    assert_eq!(error, WatchConfigError::BackoffMaxBelowBase { base, max });
}
