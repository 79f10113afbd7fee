//! Clocks that jump, and polls that come late.

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::discovery::poller::{PollerConfig, PollerStep, SourceHealth};

use super::{FAIL, Fixture, OK, secs, ttl};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[test]
fn a_late_poll_is_one_query() {
    let mut poller = Fixture::steady();
    poller.wait_after(OK);
    poller.sleep(secs(86_400));
    let id = poller.query();
    poller.answer(id, OK);
    assert_eq!(poller.wait(), secs(30));
}

#[test]
fn an_early_poll_changes_nothing() {
    let mut poller = Fixture::new(PollerConfig::default());
    let wait = poller.wait_after(OK);
    let due = poller.now + wait;
    for _ in 0..10 {
        poller.sleep(secs(1));
        assert_eq!(poller.now + poller.wait(), due);
    }
}

#[test]
fn a_clock_that_goes_backwards_makes_no_wait_longer() {
    let mut poller = Fixture::steady();
    poller.wait_after(OK);
    poller.sleep(secs(10));
    assert_eq!(poller.wait(), secs(20));
    poller.now = Instant::from_secs(3);
    assert_eq!(poller.wait(), secs(20), "the time that is left stays");
    poller.sleep(secs(20));
    poller.query();
    assert_eq!(poller.wait(), secs(10));
    poller.now = Instant::ZERO;
    assert_eq!(poller.wait(), secs(10), "that of a query, too");
}

#[test]
fn a_stale_source_is_stale_since_a_time_of_the_new_clock() {
    let mut poller = Fixture::steady();
    poller.wait_after(OK);
    poller.sleep(secs(30));
    poller.wait_after(FAIL);
    let told = poller.told.clone();
    assert_eq!(told.last(), Some(&SourceHealth::Stale { since: poller.now }));
    poller.now = Instant::from_secs(3);
    poller.wait();
    assert_eq!(poller.poller.health(), SourceHealth::Stale { since: Instant::from_secs(3) });
    assert_eq!(poller.told, told, "that is no news");
}

#[test]
fn an_answer_after_a_step_backwards_counts_from_there() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    poller.now = Instant::from_secs(500);
    poller.answer(id, OK);
    assert_eq!(poller.wait(), secs(30));
}

#[test]
fn an_answer_a_year_ahead_does_not_hold_up_the_next_query() {
    let mut poller = Fixture::steady();
    let id = poller.query();
    let now = poller.now;
    poller.now = now + YEAR;
    poller.answer(id, OK);
    poller.now = now + secs(1);
    assert_eq!(poller.wait(), secs(30));
}

#[test]
fn a_year_ahead_is_one_query_and_at_most_one_expiry() {
    let config =
        PollerConfig { max_stale: Some(secs(3600)), jitter_percent: 0, ..PollerConfig::default() };
    let mut poller = Fixture::new(config);
    poller.wait_after(OK);
    poller.sleep(YEAR);
    let wait = poller.wait_after(FAIL);
    assert!(wait < secs(2), "{wait:?}");
    assert_eq!(poller.told.last(), Some(&SourceHealth::Expired));
    poller.sleep(wait);
    poller.wait_after(OK);
    assert_eq!(poller.told.last(), Some(&SourceHealth::Fresh));
}

#[test]
fn the_end_of_time_is_no_panic() {
    let mut poller = Fixture::steady();
    poller.now = Instant::from_nanos(u64::MAX - 1);
    let id = poller.query();
    poller.answer(id, ttl(Duration::MAX));
    assert_eq!(poller.next(), PollerStep::Wait(Some(Instant::MAX)));
    poller.poller.refresh(poller.now);
    poller.now = Instant::MAX;
    assert!(matches!(poller.next(), PollerStep::Query { .. }));
}
