//! How long to wait after each kind of answer.

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::discovery::poller::{Answer, PollerConfig};

use super::{EMPTY, FAIL, Fixture, OK, millis, secs, ttl};

#[test]
fn a_ttl_counts_from_the_end_of_the_query_between_min_and_max() {
    for (life, wait) in [(60, 60), (5, 5), (4, 5), (1, 5), (300, 300), (301, 300), (u64::MAX, 300)]
    {
        let mut poller = Fixture::steady();
        let id = poller.query();
        poller.sleep(secs(3));
        poller.answer(id, ttl(secs(life)));
        assert_eq!(poller.wait(), secs(wait), "after a TTL of {life} s");
    }
}

#[test]
fn a_ttl_that_is_zero_or_not_known_means_the_default() {
    assert_eq!(Fixture::steady().wait_after(OK), secs(30));
    assert_eq!(Fixture::steady().wait_after(ttl(Duration::ZERO)), secs(30));
    assert_eq!(Fixture::steady().wait_after(ttl(Duration::from_nanos(1))), secs(5));

    let short = PollerConfig { default: secs(1), jitter_percent: 0, ..PollerConfig::default() };
    assert_eq!(Fixture::new(short).wait_after(OK), secs(5), "clamped as any other");
    let long = PollerConfig { default: secs(1000), jitter_percent: 0, ..PollerConfig::default() };
    assert_eq!(Fixture::new(long).wait_after(OK), secs(300));
}

#[test]
fn jitter_is_only_ever_later() {
    for percent in [1, 10, 50, 100, u8::MAX] {
        let mut poller =
            Fixture::new(PollerConfig { jitter_percent: percent, ..PollerConfig::default() });
        let most = secs(1) * u32::from(percent);
        let waits: Vec<_> = (0..200)
            .map(|_| {
                let wait = poller.wait_after(ttl(secs(100)));
                poller.sleep(wait);
                wait.checked_sub(secs(100)).expect("never earlier")
            })
            .collect();
        let (least, largest) =
            (waits.iter().min().expect("some"), waits.iter().max().expect("some"));
        assert!(*largest <= most, "{percent} %: {largest:?}");
        assert!(
            *least < most / 20 && *largest > most / 20 * 19,
            "{percent} %: only {least:?} to {largest:?}"
        );
    }
}

#[test]
fn failures_back_off_to_a_minute_give_or_take_a_fifth() {
    let mut poller = Fixture::steady();
    for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let wait = poller.wait_after(FAIL);
        let expected = secs(expected);
        assert!(
            (expected * 4 / 5..=expected * 6 / 5).contains(&wait),
            "{wait:?} instead of about {expected:?}"
        );
        poller.sleep(wait);
    }
    assert_eq!(poller.wait_after(OK), secs(30));
    poller.sleep(secs(30));
    let wait = poller.wait_after(FAIL);
    assert!(
        (millis(800)..=millis(1200)).contains(&wait),
        "{wait:?}: a good answer forgets the failures"
    );
}

#[test]
fn backoff_is_spread_to_both_sides() {
    let waits: Vec<_> = (0..200).map(|seed| Fixture::seeded(seed).wait_after(FAIL)).collect();
    let (least, largest) = (*waits.iter().min().expect("some"), *waits.iter().max().expect("some"));
    assert!(least >= millis(800) && least < millis(820), "{least:?}");
    assert!(largest <= millis(1200) && largest > millis(1180), "{largest:?}");
}

#[test]
fn a_backoff_never_overflows() {
    let config = PollerConfig {
        backoff_base: secs(1),
        backoff_max: Duration::MAX,
        ..PollerConfig::default()
    };
    let mut poller = Fixture::new(config);
    let mut longest = Duration::ZERO;
    // One that says when, or a refresh that fails would postpone nothing.
    let fails = Answer::Fail { retry_after: Some(Duration::ZERO) };
    for _ in 0..100 {
        longest = longest.max(poller.wait_after(fails));
        poller.poller.refresh(poller.now);
        poller.sleep(secs(1));
    }
    assert!(longest > secs(1 << 30), "{longest:?}");
}

#[test]
fn a_source_that_says_when_is_not_asked_earlier() {
    let retry_after = |wait| Answer::Fail { retry_after: Some(wait) };
    for seed in 0..50 {
        let mut poller =
            Fixture { rng: Fixture::seeded(seed).rng, ..Fixture::new(PollerConfig::default()) };
        let wait = poller.wait_after(retry_after(secs(40)));
        assert!((secs(40)..=secs(44)).contains(&wait), "{wait:?}");
        poller.sleep(wait);
        // Nearly the backoff of 2 s, which alone might be as short as 1.6 s.
        let wait = poller.wait_after(retry_after(millis(1900)));
        assert!((millis(1900)..=millis(2400)).contains(&wait), "{wait:?}");
        poller.sleep(wait);
        // Far below the backoff of 4 s: of no account.
        let wait = poller.wait_after(retry_after(secs(1)));
        assert!((millis(3200)..=millis(4800)).contains(&wait), "{wait:?}");
    }
}

/// Each kind of answer, with a wait that the source asks for.
fn asking(wait: Duration) -> [Answer; 5] {
    let retry_after = Some(wait);
    [
        Answer::Ok { ttl: None, retry_after },
        Answer::Ok { ttl: Some(secs(60)), retry_after },
        Answer::Empty { negative_ttl: None, retry_after },
        Answer::Empty { negative_ttl: Some(secs(60)), retry_after },
        Answer::Fail { retry_after },
    ]
}

#[test]
fn a_wait_that_the_source_asks_for_is_longer_than_every_other() {
    // Not cut to `max`, 300 s, or `backoff_max`, 60 s, but to an hour.
    for (asked, wait) in [(301, 301), (3_599, 3_599), (3_601, 3_600), (u64::MAX, 3_600)] {
        for answer in asking(secs(asked)) {
            assert_eq!(Fixture::steady().wait_after(answer), secs(wait), "{answer:?}");
        }
    }
    for answer in asking(secs(1)) {
        assert!(Fixture::steady().wait_after(answer) <= secs(60), "{answer:?}: it may be shorter");
    }
}

#[test]
fn nobody_is_in_such_a_hurry_that_the_source_is_asked_before() {
    for answer in asking(secs(400)) {
        // Before the answer, after it, and later on.
        let mut poller = Fixture::steady();
        let id = poller.query();
        poller.poller.refresh(poller.now);
        poller.answer(id, answer);
        assert_eq!(poller.wait(), secs(400), "{answer:?}");
        poller.sleep(secs(100));
        (0..1000).for_each(|_| poller.poller.refresh(poller.now));
        assert_eq!(poller.wait(), secs(300), "{answer:?}");
        poller.sleep(secs(300));
        // From then on it is as ever.
        poller.wait_after(OK);
        poller.sleep(secs(2));
        poller.poller.refresh(poller.now);
        poller.query();
    }
}

#[test]
fn what_the_source_does_not_take_back_holds_after_its_news() {
    for answer in asking(secs(400)) {
        let mut poller = Fixture::steady();
        poller.wait_after(answer);
        poller.sleep(secs(100));
        poller.poller.on_news(poller.now);
        assert!(poller.wait_after(FAIL) >= secs(300), "{answer:?}");
        poller.poller.refresh(poller.now);
        assert_eq!(poller.wait(), secs(300), "{answer:?}");
        poller.poller.on_news(poller.now);
        assert_eq!(poller.wait_after(OK), secs(300), "{answer:?}");
        poller.poller.on_news(poller.now);
        let shorter = Answer::Ok { ttl: None, retry_after: Some(secs(40)) };
        assert_eq!(poller.wait_after(shorter), secs(40), "its last word counts");
    }
}

#[test]
fn a_clock_that_goes_backwards_makes_no_wait_that_was_asked_for_longer() {
    let mut poller = Fixture::steady();
    poller.wait_after(Answer::Ok { ttl: None, retry_after: Some(secs(400)) });
    poller.now = Instant::from_secs(3);
    poller.poller.refresh(poller.now);
    assert_eq!(poller.wait(), secs(400));
}

#[test]
fn an_empty_answer_waits_for_its_own_ttl_or_backs_off() {
    let negative = |ttl| Answer::Empty { negative_ttl: Some(ttl), retry_after: None };
    for (ttl, wait) in [(17, 17), (5, 5), (1, 5), (60, 60), (61, 60), (u64::MAX, 60)] {
        assert_eq!(Fixture::steady().wait_after(negative(secs(ttl))), secs(wait), "after {ttl} s");
    }
    for nothing in [EMPTY, negative(Duration::ZERO)] {
        let mut poller = Fixture::steady();
        let wait = poller.wait_after(nothing);
        assert!((millis(800)..=millis(1200)).contains(&wait), "{wait:?}");
        poller.sleep(wait);
        let wait = poller.wait_after(FAIL);
        assert!(
            (millis(1600)..=millis(2400)).contains(&wait),
            "{wait:?}: an empty answer counts as a failure"
        );
    }
}
