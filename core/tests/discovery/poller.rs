//! The DNS poller, rule by rule.

mod clock;
mod day;
mod health;
mod waits;

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::discovery::poller::{
    Answer, Poller, PollerConfig, PollerStep, QueryId, SourceHealth,
};
use evenkeel_core::rand_core::SeedableRng;
use rand_chacha::ChaCha8Rng;

const OK: Answer = Answer::Ok { ttl: None, retry_after: None };
const FAIL: Answer = Answer::Fail { retry_after: None };
const EMPTY: Answer = Answer::Empty { negative_ttl: None, retry_after: None };

/// A poller, its clock, and everything it asked for.
struct Fixture {
    poller: Poller,
    rng: ChaCha8Rng,
    now: Instant,
    told: Vec<SourceHealth>,
    canceled: Vec<QueryId>,
}

impl Fixture {
    fn new(config: PollerConfig) -> Self {
        let poller = Poller::new(config).expect("a config");
        let (now, rng) = (Instant::from_secs(1000), ChaCha8Rng::seed_from_u64(1));
        Self { poller, rng, now, told: Vec::new(), canceled: Vec::new() }
    }

    /// Defaults without any jitter where it can be turned off.
    fn steady() -> Self {
        Self::new(PollerConfig { jitter_percent: 0, ..PollerConfig::default() })
    }

    /// The same with other random numbers.
    fn seeded(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), ..Self::steady() }
    }

    /// Polls until there is a query to make or nothing to do.
    fn next(&mut self) -> PollerStep {
        for _ in 0..4 {
            match self.poller.poll(self.now, &mut self.rng) {
                PollerStep::Health(health) => self.told.push(health),
                PollerStep::Cancel { id } => self.canceled.push(id),
                step => return step,
            }
        }
        panic!("{:?} comes to no end", self.poller)
    }

    fn query(&mut self) -> QueryId {
        match self.next() {
            PollerStep::Query { id, .. } => id,
            step => panic!("{step:?} instead of a query"),
        }
    }

    /// How long there is nothing to do.
    fn wait(&mut self) -> Duration {
        match self.next() {
            PollerStep::Wait(Some(until)) => until.saturating_since(self.now),
            step => panic!("{step:?} instead of a wait"),
        }
    }

    fn answer(&mut self, id: QueryId, answer: Answer) {
        assert!(self.poller.on_result(self.now, id, answer), "{answer:?} is refused");
    }

    /// A query that is due now, answered at once: the wait after it.
    fn wait_after(&mut self, answer: Answer) -> Duration {
        let id = self.query();
        self.answer(id, answer);
        self.wait()
    }

    fn sleep(&mut self, wait: Duration) {
        self.now = self.now + wait;
    }
}

fn ttl(ttl: Duration) -> Answer {
    Answer::Ok { ttl: Some(ttl), retry_after: None }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn the_first_query_is_due_at_once_and_has_a_deadline() {
    let mut poller = Fixture::new(PollerConfig { timeout: secs(7), ..PollerConfig::default() });
    let PollerStep::Query { deadline, .. } = poller.next() else { panic!("no query") };
    assert_eq!(deadline, poller.now + secs(7));
    assert_eq!(poller.wait(), secs(7));
    assert_eq!(poller.told, []);
}

#[test]
fn a_query_past_its_deadline_is_canceled_and_counts_as_failed() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    poller.sleep(Duration::from_nanos(9_999_999_999));
    assert_eq!((poller.wait(), poller.canceled.len()), (Duration::from_nanos(1), 0));
    poller.sleep(Duration::from_nanos(1));
    let backoff = poller.wait();
    assert_eq!(poller.canceled, [id]);
    assert!((millis(800)..=millis(1200)).contains(&backoff), "{backoff:?}");
    assert!(!poller.poller.on_result(poller.now, id, OK), "a late answer");
    assert_eq!(poller.poller.health(), SourceHealth::Pending);
}

#[test]
fn answers_of_another_query_are_refused() {
    let mut poller = Fixture::steady();
    let first = poller.query();
    poller.answer(first, OK);
    assert!(!poller.poller.on_result(poller.now, first, FAIL), "the same query answered twice");
    assert_eq!(poller.poller.health(), SourceHealth::Fresh);
    let wait = poller.wait();
    poller.sleep(wait);
    let second = poller.query();
    assert_ne!(first, second);
    assert!(!poller.poller.on_result(poller.now, first, FAIL));
    poller.answer(second, OK);
}

#[test]
fn a_thousand_refreshes_are_one_query() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    poller.sleep(secs(2));
    poller.answer(id, OK);
    assert_eq!(poller.wait(), secs(30));
    poller.sleep(secs(10));
    (0..1000).for_each(|_| poller.poller.refresh(poller.now));
    let id = poller.query();
    assert_eq!(poller.wait(), secs(10), "only the query's deadline is left");
    poller.answer(id, OK);
    assert_eq!(poller.wait(), secs(30), "and no follow-up");
}

#[test]
fn refresh_keeps_the_gap_from_the_beginning_of_the_last_query() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    poller.sleep(millis(300));
    poller.answer(id, OK);
    poller.poller.refresh(poller.now);
    assert_eq!(poller.wait(), millis(700));
    poller.sleep(millis(200));
    poller.poller.refresh(poller.now);
    assert_eq!(poller.wait(), millis(500));
}

#[test]
fn refresh_during_a_query_means_exactly_one_more() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    (0..1000).for_each(|_| poller.poller.refresh(poller.now));
    assert_eq!(poller.wait(), secs(10));
    poller.sleep(secs(3));
    poller.answer(id, OK);
    let id = poller.query();
    poller.answer(id, OK);
    assert_eq!(poller.wait(), secs(30));

    // It is one more when the query ends at its deadline, too.
    poller.sleep(secs(30));
    let lost = poller.query();
    poller.poller.refresh(poller.now);
    poller.sleep(secs(10));
    poller.query();
    assert_eq!(poller.canceled, [lost]);
}

#[test]
fn refresh_never_makes_a_query_later() {
    let config = PollerConfig {
        min_gap: secs(20),
        backoff_base: secs(2),
        jitter_percent: 0,
        ..PollerConfig::default()
    };
    let mut poller = Fixture::new(config);
    let id = poller.query();
    poller.answer(id, FAIL);
    poller.poller.refresh(poller.now);
    assert!(poller.wait() <= millis(2400), "a gap of 20 s held up a retry");
    let mut poller = Fixture::new(config);
    assert_eq!(poller.wait_after(ttl(secs(6))), secs(6));
    poller.poller.refresh(poller.now);
    assert_eq!(poller.wait(), secs(6));
}

#[test]
fn a_refresh_that_finds_nothing_postpones_nothing() {
    let nothing = Answer::Empty { negative_ttl: Some(secs(60)), retry_after: None };
    let said_when = Answer::Fail { retry_after: Some(secs(60)) };
    for (answer, wait) in [(nothing, 20), (OK, 30), (said_when, 60)] {
        let mut poller = Fixture::steady();
        assert_eq!(poller.wait_after(OK), secs(30));
        poller.sleep(secs(10));
        poller.poller.refresh(poller.now);
        assert_eq!(poller.wait_after(answer), secs(wait), "{answer:?}");
        // And only once.
        poller.sleep(secs(wait));
        assert_eq!(poller.wait_after(nothing), secs(60));
    }
    // What was planned has passed meanwhile: it comes as soon as the gap allows.
    let mut poller = Fixture::steady();
    assert_eq!(poller.wait_after(OK), secs(30));
    poller.sleep(millis(29_900));
    poller.poller.refresh(poller.now);
    let id = poller.query();
    poller.sleep(millis(400));
    poller.answer(id, nothing);
    assert_eq!(poller.wait(), millis(600));
}

#[test]
fn refresh_before_the_first_query_changes_nothing() {
    let mut poller = Fixture::steady();
    poller.poller.refresh(poller.now + secs(5));
    poller.query();
    assert_eq!(poller.wait(), secs(10));
}

#[test]
fn news_wait_for_nothing() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    poller.answer(id, OK);
    poller.poller.on_news(poller.now);
    let id = poller.query();
    poller.answer(id, FAIL);
    (0..1000).for_each(|_| poller.poller.on_news(poller.now));
    let id = poller.query();

    // During a query they mean exactly one more, which a refresh does not hold up.
    (0..1000).for_each(|_| poller.poller.on_news(poller.now));
    poller.poller.refresh(poller.now);
    assert_eq!(poller.wait(), secs(10), "only the query's deadline is left");
    poller.answer(id, OK);
    let id = poller.query();
    poller.answer(id, OK);
    assert_eq!(poller.wait(), secs(30));
}

#[test]
fn close_cancels_once_and_ends() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    poller.poller.close();
    poller.poller.close();
    assert_eq!(poller.poller.poll(poller.now, &mut poller.rng), PollerStep::Cancel { id });
    poller.poller.refresh(poller.now);
    poller.sleep(secs(3600));
    assert_eq!(poller.next(), PollerStep::Wait(None));
    assert_eq!(poller.canceled, []);
    assert!(!poller.poller.on_result(poller.now, id, OK));

    let mut idle = Fixture::steady();
    idle.wait_after(OK);
    idle.poller.close();
    assert_eq!(idle.next(), PollerStep::Wait(None));
    assert_eq!(idle.canceled, []);
}
