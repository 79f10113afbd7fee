//! When the next question is due.

use super::*;

#[test]
fn the_source_may_keep_a_question_for_its_time_and_a_sixteenth() {
    let mut fixture = Fixture::new();
    let LongPollStep::Fetch { index: None, wait, deadline, .. } = fixture.poll() else {
        panic!("the first question is due at once")
    };
    assert_eq!((wait, deadline), (Duration::ZERO, fixture.now + Duration::from_secs(10)));
    let mut fixture = Fixture::new();
    assert_eq!(fixture.round(ok(1)), (None, Publish));
    let LongPollStep::Fetch { index: Some(1), wait, deadline, .. } = fixture.poll() else {
        panic!("the next question is due at once")
    };
    let longest = Duration::from_millis(50_000 + 3_125 + 10_000);
    assert_eq!((wait, deadline), (Duration::from_secs(50), fixture.now + longest));
}

#[test]
fn a_server_that_answers_at_once_for_ever_is_asked_once_in_five_seconds() {
    // A new index each time, the same, ones that flap, and ones that are always less.
    let servers: [fn(u64) -> u64; 4] = [|n| n + 1, |_| 7, |n| 1 + n % 2, |n| 1_000 - n];
    for (which, server) in servers.into_iter().enumerate() {
        let mut fixture = Fixture::new();
        let end = fixture.now + Duration::from_secs(150);
        let mut fetches = 0;
        while fixture.now < end {
            fetches += 1;
            let _ = fixture.round(ok(server(fetches)));
        }
        assert!((32..=35).contains(&fetches), "server {which}: {fetches} in 150 s");
    }
}

#[test]
fn a_server_without_an_index_is_asked_at_intervals() {
    let mut fixture = Fixture::new();
    let none = LongPollAnswer::Ok { index: None };
    for answer in [none, none, LongPollAnswer::Same { index: None }, none] {
        let (id, index, _) = fixture.fetch();
        assert_eq!(index, None);
        let _ = fixture.machine.on_result(fixture.now, id, answer);
        let (id, _, wait) = fixture.fetch();
        assert!((30.0..=33.0).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(fixture.machine.on_result(fixture.now, id, none), Publish);
        let due = fixture.now + Duration::from_secs(30);
        assert!(matches!(fixture.poll(), LongPollStep::Wait(Some(at)) if at >= due));
        fixture.now = fixture.now + Duration::from_secs(60);
    }
}

#[test]
fn failures_double_the_wait_up_to_a_minute_and_a_good_answer_ends_that() {
    let mut fixture = Fixture::new();
    let (mut id, ..) = fixture.fetch();
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        let _ = fixture.machine.on_result(fixture.now, id, FAIL);
        let (next, index, wait) = fixture.fetch();
        assert_eq!(index, None);
        let share = wait.as_secs_f64() / expected;
        assert!((0.8..=1.2).contains(&share), "{wait:?} instead of {expected} s");
        id = next;
    }
    let _ = fixture.machine.on_result(fixture.now, id, ok(1));
    let (id, index, wait) = fixture.fetch();
    assert_eq!((index, wait), (Some(1), Duration::ZERO));
    let _ = fixture.machine.on_result(fixture.now, id, FAIL);
    assert!(fixture.fetch().2 <= Duration::from_millis(1_200));
}

#[test]
fn who_refuses_is_asked_after_the_longest_wait() {
    let mut fixture = Fixture::new();
    let (id, ..) = fixture.fetch();
    assert_eq!(fixture.machine.on_result(fixture.now, id, LongPollAnswer::Refused), Failed);
    let wait = fixture.fetch().2.as_secs_f64();
    assert!((48.0..=72.0).contains(&wait), "{wait} s");
}

#[test]
fn a_wait_that_the_source_asks_for_is_never_cut_short() {
    let asked = Duration::from_secs(600);
    let fail = LongPollAnswer::Fail { retry_after: Some(asked) };
    let mut fixture = Fixture::new();
    let (id, ..) = fixture.fetch();
    let _ = fixture.machine.on_result(fixture.now, id, fail);
    fixture.machine.refresh(fixture.now);
    let (id, _, wait) = fixture.fetch();
    assert_eq!(wait, asked, "it is wanted, so as soon as may be");
    let _ = fixture.machine.on_result(fixture.now, id, fail);
    // The same when it is wanted later.
    assert!(matches!(fixture.poll(), LongPollStep::Wait(Some(_))));
    fixture.machine.refresh(fixture.now);
    let (id, _, wait) = fixture.fetch();
    assert_eq!(wait, asked);
    let _ = fixture.machine.on_result(fixture.now, id, fail);
    let wait = fixture.fetch().2;
    assert!(wait >= asked && wait <= asked * 11 / 10, "{wait:?}");
}

#[test]
fn a_wait_that_the_source_asks_for_is_an_hour_at_most() {
    for (asked, wait) in [(3_599, 3_599), (3_601, 3_600), (u64::MAX, 3_600)] {
        let mut fixture = Fixture::new();
        let fail = LongPollAnswer::Fail { retry_after: Some(Duration::from_secs(asked)) };
        assert_eq!(fixture.round(fail).1, Failed);
        fixture.machine.refresh(fixture.now);
        assert_eq!(fixture.fetch().2, Duration::from_secs(wait));
    }
}

#[test]
fn a_refresh_ends_a_backoff_and_keeps_to_the_least_rate() {
    let mut fixture = Fixture::new();
    let (mut begin, mut fetches) = (fixture.now, 0);
    while fixture.now.saturating_since(begin) < Duration::from_secs(100) {
        assert_eq!(fixture.round(FAIL).1, Failed);
        fixture.machine.refresh(fixture.now);
        fetches += 1;
    }
    assert!((22..=25).contains(&fetches), "{fetches}");
    begin = fixture.now;
    let (_, _, wait) = fixture.fetch();
    assert!(wait <= Duration::from_secs(5), "{wait:?} from {begin}");
}

#[test]
fn a_clock_that_goes_backwards_makes_no_wait_longer() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.round(FAIL).1, Failed);
    assert!(matches!(fixture.poll(), LongPollStep::Wait(Some(_))));
    fixture.now = Instant::from_secs(10);
    assert!(fixture.fetch().2 <= Duration::from_millis(1_200));
    // A question that is under way keeps its time limit.
    fixture.now = Instant::from_secs(2);
    let LongPollStep::Wait(Some(deadline)) = fixture.poll() else { panic!("it is under way") };
    assert!(deadline <= Instant::from_secs(12), "{deadline}");
}
