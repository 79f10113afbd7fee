//! What is known of the source.

use evenkeel_core::discovery::poller::SourceHealth::{Expired, Fresh, Pending, Stale};
use evenkeel_core::discovery::poller::{Answer, PollerConfig};

use super::{EMPTY, FAIL, Fixture, OK, secs};

#[test]
fn pending_until_the_first_good_answer() {
    let mut poller = Fixture::steady();
    for answer in [FAIL, EMPTY, FAIL] {
        let wait = poller.wait_after(answer);
        poller.sleep(wait);
        assert_eq!((poller.poller.health(), poller.told.len()), (Pending, 0));
    }
    poller.wait_after(OK);
    assert_eq!(poller.told, [Fresh]);
}

#[test]
fn every_change_is_told_once() {
    let mut poller = Fixture::steady();
    let mut since = Vec::new();
    for answer in [OK, OK, FAIL, FAIL, EMPTY, OK, EMPTY, OK, OK] {
        if matches!(answer, Answer::Ok { .. }) || poller.told.last() == Some(&Fresh) {
            since.push(poller.now);
        }
        let wait = poller.wait_after(answer);
        poller.sleep(wait);
    }
    let [_, _, first, _, second, ..] = since[..] else { panic!("{since:?}") };
    assert_eq!(poller.told, [Fresh, Stale { since: first }, Fresh, Stale { since: second }, Fresh]);
}

#[test]
fn stale_for_ever_unless_told_otherwise() {
    let mut poller = Fixture::steady();
    poller.wait_after(OK);
    poller.sleep(secs(30));
    let since = poller.now;
    for _ in 0..1000 {
        let wait = poller.wait_after(FAIL);
        poller.sleep(wait);
    }
    assert_eq!(poller.told, [Fresh, Stale { since }]);
}

#[test]
fn an_empty_answer_that_is_believed_later_is_good_and_asked_for_as_before() {
    let config = PollerConfig { max_stale: Some(secs(40)), ..PollerConfig::default() };
    let mut poller = Fixture::new(PollerConfig { jitter_percent: 0, ..config });
    let wait = poller.wait_after(OK);
    poller.sleep(wait);
    let (since, wait) = (poller.now, poller.wait_after(EMPTY));
    assert_eq!(poller.told, [Fresh, Stale { since }]);
    let half = wait / 2;
    poller.sleep(half);
    poller.poller.on_believed(poller.now);
    let rest = poller.wait();
    assert_eq!(half + rest, wait);
    assert_eq!(poller.told, [Fresh, Stale { since }, Fresh]);
    // It expires 40 s from then on.
    poller.sleep(rest);
    let again = poller.wait_after(FAIL);
    assert!(again <= secs(2), "the first failure in a row: {again:?}");
}

#[test]
fn expiry_counts_from_the_last_good_answer_and_is_in_the_timer() {
    let config =
        PollerConfig { max_stale: Some(secs(40)), jitter_percent: 0, ..PollerConfig::default() };
    let mut poller = Fixture::new(config);
    assert_eq!(poller.wait_after(OK), secs(30), "a fresh source does not expire");
    poller.sleep(secs(30));
    let since = poller.now;
    let mut failures = 0;
    // The waits after failures, shortened so that the last one ends at the expiry.
    while poller.poller.health() != Expired {
        let id = poller.query();
        poller.answer(id, FAIL);
        failures += 1;
        let wait = poller.wait();
        poller.sleep(wait);
        if poller.now == since + secs(10) {
            poller.wait();
        }
    }
    assert_eq!(poller.now, since + secs(10));
    assert_eq!(poller.told, [Fresh, Stale { since }, Expired]);
    assert!(failures >= 3, "{failures}");

    // Trying goes on, and a failure is no news.
    let wait = poller.wait();
    poller.sleep(wait);
    let wait = poller.wait_after(FAIL);
    poller.sleep(wait);
    assert_eq!(poller.poller.health(), Expired);
    poller.wait_after(OK);
    assert_eq!(poller.told[3..], [Fresh]);
}

#[test]
fn a_query_under_way_does_not_put_off_expiry() {
    let config =
        PollerConfig { max_stale: Some(secs(32)), jitter_percent: 0, ..PollerConfig::default() };
    let mut poller = Fixture::new(config);
    poller.wait_after(OK);
    poller.sleep(secs(30));
    let wait = poller.wait_after(FAIL);
    poller.sleep(wait);
    poller.query();
    let left = secs(2).checked_sub(wait).expect("the first backoff is at most 1.2 s");
    assert_eq!(poller.wait(), left);
    poller.sleep(left);
    assert_eq!(poller.wait() + left, secs(10), "the query goes on");
    assert_eq!(poller.poller.health(), Expired);
}
