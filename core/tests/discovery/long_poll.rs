//! Long polling, rule by rule, and a day of it.

mod day;
mod waits;

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::discovery::WatchConfigError;
use evenkeel_core::discovery::long_poll::{
    LongPoll, LongPollAnswer, LongPollConfig, LongPollStep, LongPollVerdict, QueryId,
};
use evenkeel_core::rand_core::SeedableRng;
use rand_chacha::ChaCha8Rng;

use LongPollVerdict::{Failed, Late, Publish, Rewound, Unchanged};

const fn ok(index: u64) -> LongPollAnswer {
    LongPollAnswer::Ok { index: Some(index) }
}
const FAIL: LongPollAnswer = LongPollAnswer::Fail { retry_after: None };

/// A machine, its clock, and its random numbers.
struct Fixture {
    machine: LongPoll,
    rng: ChaCha8Rng,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        Self::with(LongPollConfig::default())
    }

    fn with(config: LongPollConfig) -> Self {
        let machine = LongPoll::new(config).expect("settings that fit together");
        Self { machine, rng: ChaCha8Rng::seed_from_u64(1), now: Instant::from_secs(1_000) }
    }

    fn poll(&mut self) -> LongPollStep {
        self.machine.poll(self.now, &mut self.rng)
    }

    /// Waits until there is something to ask; returns its index and how long that took.
    fn fetch(&mut self) -> (QueryId, Option<u64>, Duration) {
        let begin = self.now;
        loop {
            match self.poll() {
                LongPollStep::Fetch { id, index, .. } => {
                    return (id, index, self.now.saturating_since(begin));
                }
                LongPollStep::Wait(until) => self.now = until.expect("it was not closed"),
                LongPollStep::Cancel { .. } => panic!("nothing is late"),
            }
        }
    }

    /// Asks, is answered at once, and tells what index it asked with, and the verdict.
    fn round(&mut self, answer: LongPollAnswer) -> (Option<u64>, LongPollVerdict) {
        let (id, index, _) = self.fetch();
        (index, self.machine.on_result(self.now, id, answer))
    }
}

#[test]
fn the_transcript_of_a_server_that_changes_idles_and_is_restored() {
    let mut fixture = Fixture::new();
    let transcript = [
        (ok(100), None, Publish),
        (ok(100), Some(100), Unchanged),
        (ok(101), Some(100), Publish),
        (ok(50), Some(101), Rewound),
        (ok(50), None, Publish),
        (ok(51), Some(50), Publish),
        (FAIL, Some(51), Failed),
        (ok(51), None, Publish),
        (LongPollAnswer::Same { index: None }, Some(51), Unchanged),
        (LongPollAnswer::Same { index: Some(60) }, Some(51), Unchanged),
        (LongPollAnswer::Refused, Some(60), Failed),
        (ok(0), None, Publish),
        // An index of 0 would never wait, and says nothing of what has changed.
        (ok(0), Some(1), Publish),
        (ok(1), Some(1), Publish),
        (ok(1), Some(1), Unchanged),
        (ok(2), Some(1), Publish),
    ];
    for (step, (answer, asked, verdict)) in transcript.into_iter().enumerate() {
        assert_eq!(fixture.round(answer), (asked, verdict), "step {step}");
    }
}

#[test]
fn what_comes_late_or_twice_or_after_the_end_is_dropped() {
    let mut fixture = Fixture::new();
    let (id, ..) = fixture.fetch();
    let Fixture { machine, now, .. } = &mut fixture;
    assert_eq!(machine.on_result(*now, id, ok(1)), Publish);
    assert_eq!(machine.on_result(*now, id, ok(2)), Late);
    let (id, index, _) = fixture.fetch();
    assert_eq!(index, Some(1));
    fixture.now = fixture.now + Duration::from_secs(3_600);
    assert_eq!(fixture.poll(), LongPollStep::Cancel { id });
    assert_eq!(fixture.machine.on_result(fixture.now, id, ok(3)), Late);
    let (id, index, _) = fixture.fetch();
    assert_eq!(index, None, "a question without an answer is a failure");
    fixture.machine.close();
    assert_eq!(fixture.machine.on_result(fixture.now, id, ok(3)), Late);
    assert_eq!(fixture.poll(), LongPollStep::Cancel { id });
    assert_eq!(fixture.poll(), LongPollStep::Wait(None));
    fixture.machine.refresh(fixture.now);
    assert_eq!(fixture.poll(), LongPollStep::Wait(None));
}

#[test]
fn settings_that_do_not_fit_are_refused_with_their_value() {
    let good = LongPollConfig::default();
    let zero = Duration::ZERO;
    let cases = [
        (LongPollConfig { wait: zero, ..good }, "`wait` is 0: it must be above 0"),
        (LongPollConfig { timeout: zero, ..good }, "`timeout` is 0: it must be above 0"),
        (LongPollConfig { interval: zero, ..good }, "`interval` is 0: it must be above 0"),
        (LongPollConfig { burst: 0, ..good }, "`burst` is 0: it must be above 0"),
        (LongPollConfig { refill: zero, ..good }, "`refill` is 0: it must be above 0"),
        (LongPollConfig { backoff_base: zero, ..good }, "`backoff_base` is 0: it must be above 0"),
    ];
    for (config, says) in cases {
        assert_eq!(LongPoll::new(config).unwrap_err().to_string(), says);
    }
    let max = Duration::from_millis(1);
    let error = LongPoll::new(LongPollConfig { backoff_max: max, ..good }).unwrap_err();
    let base = good.backoff_base;
    assert_eq!(error, WatchConfigError::BackoffMaxBelowBase { base, max });
    assert_eq!(error.to_string(), "`backoff_max` 1ms is below `backoff_base` 1s");
}
