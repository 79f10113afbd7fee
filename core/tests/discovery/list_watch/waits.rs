//! When the next list or watch is due.

use super::*;

#[test]
fn a_watch_that_is_silent_for_too_long_is_begun_anew() {
    let (mut fixture, id) = Fixture::watching(ListWatchConfig::default());
    let quiet = fixture.now + Duration::from_secs(60);
    assert_eq!(fixture.poll(), ListWatchStep::Wait(Some(quiet)));
    fixture.now = fixture.now + Duration::from_secs(50);
    assert_eq!(fixture.machine.on_progress(fixture.now, id, None), Believe);
    let quiet = fixture.now + Duration::from_secs(60);
    assert_eq!(fixture.poll(), ListWatchStep::Wait(Some(quiet)));
    fixture.now = quiet;
    assert_eq!(fixture.poll(), ListWatchStep::Cancel { id });
    let (_, from, wait) = fixture.watch();
    assert_eq!((from, wait), (10, Duration::ZERO));
}

#[test]
fn a_list_or_watch_that_hangs_is_given_up() {
    let mut fixture = Fixture::new();
    let ListWatchStep::List { id, deadline } = fixture.poll() else { panic!("a list is due") };
    assert_eq!(deadline, fixture.now + Duration::from_secs(30));
    fixture.now = deadline;
    assert_eq!(fixture.poll(), ListWatchStep::Cancel { id });
    fixture.list(10);
    let ListWatchStep::Watch { id, deadline, .. } = fixture.poll() else { panic!("it is due") };
    fixture.now = deadline;
    assert_eq!(fixture.poll(), ListWatchStep::Cancel { id });
    let (_, from, wait) = fixture.watch();
    assert!(from == 10 && wait >= Duration::from_millis(800), "{wait:?}");
}

#[test]
fn watches_that_end_at_once_are_failures_and_those_that_lived_are_not() {
    let mut fixture = Fixture::new();
    fixture.list(10);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let (id, from, wait) = fixture.watch();
        assert_eq!(from, 10);
        waits.push(wait.as_secs_f64());
        assert_eq!(fixture.machine.on_created(fixture.now, id, None), Believe);
        fixture.machine.on_fault(fixture.now, id, ListWatchFault::Ended);
    }
    for (wait, expected) in waits[1..].iter().zip([1.0, 2.0, 4.0]) {
        assert!((0.8..=1.2).contains(&(wait / expected)), "{waits:?}");
    }
    let (id, ..) = fixture.watch();
    assert_eq!(fixture.machine.on_created(fixture.now, id, None), Believe);
    fixture.now = fixture.now + Duration::from_secs(1);
    fixture.machine.on_fault(fixture.now, id, ListWatchFault::Ended);
    let (id, _, wait) = fixture.watch();
    assert_eq!(wait, Duration::ZERO);
    // The failures before it count no more.
    fixture.machine.on_fault(fixture.now, id, FAILED);
    assert!(fixture.watch().2 <= Duration::from_millis(1_200));
}

#[test]
fn every_fifth_failure_in_a_row_lists_anew() {
    let mut fixture = Fixture::new();
    fixture.list(10);
    let mut due = String::new();
    for _ in 0..13 {
        match fixture.due().0 {
            Due::List(id) => {
                due.push('L');
                assert_eq!(fixture.machine.on_list(fixture.now, id, 10), Believe);
            }
            Due::Watch(id, _) => {
                due.push('w');
                fixture.machine.on_fault(fixture.now, id, FAILED);
            }
        }
    }
    assert_eq!(due, "wwwwwLwwwwwLw");
}

#[test]
fn history_that_is_gone_is_listed_within_a_second_and_then_ever_more_slowly() {
    let mut first = Vec::new();
    for seed in 0..100 {
        let (mut fixture, id) = Fixture::watching(ListWatchConfig::default());
        fixture.rng = ChaCha8Rng::seed_from_u64(seed);
        fixture.machine.on_fault(fixture.now, id, ListWatchFault::Gone);
        let (due, wait) = fixture.due();
        assert!(matches!(due, Due::List(_)) && wait <= Duration::from_secs(1), "{wait:?}");
        first.push(wait.as_millis());
    }
    first.sort_unstable();
    assert!(first[10] < 200 && first[90] > 800, "spread over the second: {first:?}");
    // A source that is always gone is not asked in a tight loop.
    let mut fixture = Fixture::new();
    let (begin, mut lists) = (fixture.now, 0);
    while fixture.now.saturating_since(begin) < Duration::from_secs(3_600) {
        fixture.list(10);
        lists += 1;
        let (id, ..) = fixture.watch();
        fixture.machine.on_fault(fixture.now, id, ListWatchFault::Gone);
    }
    assert!((110..=140).contains(&lists), "{lists} in an hour");
}

#[test]
fn who_refuses_is_asked_after_the_longest_wait_and_who_names_one_not_before() {
    let mut fixture = Fixture::new();
    let (Due::List(id), _) = fixture.due() else { panic!("a list is due") };
    fixture.machine.on_fault(fixture.now, id, ListWatchFault::Refused);
    let (Due::List(id), wait) = fixture.due() else { panic!("a list is due") };
    assert!((24.0..=36.0).contains(&wait.as_secs_f64()), "{wait:?}");
    let mut id = id;
    for (asked, expected) in [(300, 300), (3_599, 3_599), (3_601, 3_600), (u64::MAX, 3_600)] {
        let fault = ListWatchFault::Failed { retry_after: Some(Duration::from_secs(asked)) };
        fixture.machine.on_fault(fixture.now, id, fault);
        fixture.machine.refresh(fixture.now);
        let (Due::List(next), wait) = fixture.due() else { panic!("a list is due") };
        assert_eq!(wait, Duration::from_secs(expected), "an hour at most");
        id = next;
    }
}

#[test]
fn a_refresh_ends_a_backoff_and_brings_no_more_than_one_question_in_its_base() {
    let mut fixture = Fixture::new();
    let (Due::List(mut id), _) = fixture.due() else { panic!("a list is due") };
    let begin = fixture.now;
    for _ in 0..20 {
        fixture.machine.on_fault(fixture.now, id, FAILED);
        // Somebody asks before the machine is polled, and again and again after it.
        fixture.machine.refresh(fixture.now);
        assert!(matches!(fixture.poll(), ListWatchStep::Wait(Some(_))), "not at once");
        fixture.machine.refresh(fixture.now);
        let (Due::List(next), wait) = fixture.due() else { panic!("a list is due") };
        assert_eq!(wait, Duration::from_secs(1), "the backoff is 30 s");
        id = next;
    }
    assert_eq!(fixture.now.saturating_since(begin), Duration::from_secs(20));
    // A question that took longer than that is asked again at once.
    fixture.now = fixture.now + Duration::from_secs(2);
    fixture.machine.on_fault(fixture.now, id, FAILED);
    fixture.machine.refresh(fixture.now);
    assert_eq!(fixture.due().1, Duration::ZERO);
}

#[test]
fn a_clock_that_goes_backwards_makes_no_wait_longer() {
    let (mut fixture, id) = Fixture::watching(ListWatchConfig::default());
    fixture.now = Instant::from_secs(10);
    assert_eq!(fixture.poll(), ListWatchStep::Wait(Some(Instant::from_secs(70))));
    fixture.machine.on_fault(fixture.now, id, FAILED);
    assert!(matches!(fixture.poll(), ListWatchStep::Wait(Some(_))));
    fixture.now = Instant::from_secs(2);
    assert!(fixture.watch().2 <= Duration::from_millis(1_200));
}
