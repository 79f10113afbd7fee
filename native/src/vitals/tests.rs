use super::*;

const AT: [Instant; 2] = [Instant::ZERO; 2];

fn words(vitals: &Vitals) -> [u64; 4] {
    let counts = &*vitals.counts;
    let [watch, successes, failures] =
        [&vitals.watch, &counts.successes, &counts.failures].map(|n| n.load(Relaxed));
    [
        watch.into(),
        successes.into(),
        failures.into(),
        counts.decided.iter().map(|word| word.load(Relaxed)).sum(),
    ]
}

#[test]
fn a_success_of_an_endpoint_that_nobody_watches_writes_nothing() {
    for heed in [Heed::Nothing, Heed::Failures] {
        let vitals = Vitals::new(heed, true);
        assert!(!vitals.heeds(Outcome::Success) && !vitals.heeds(Outcome::Ignorable));
        assert!(!vitals.report(Outcome::Success, 1, None, AT));
        assert!(!vitals.report(Outcome::Ignorable, 1, None, AT));
        assert_eq!(words(&vitals), [0; 4], "{heed:?}");
    }
    let vitals = Vitals::new(Heed::Nothing, true);
    assert!(
        !vitals.report(Outcome::Failure, 1, None, AT)
            && !vitals.report(Outcome::Success, 1, Some(Instant::MAX), AT)
    );
    assert_eq!(
        words(&vitals),
        [0, 0, 1, 0],
        "where nothing is ejected, a failure is counted, and no more"
    );
}

/// A tally without the time of the row.
fn rows(vitals: &Vitals) -> Tally {
    Tally { began: None, ..vitals.take_tally() }
}

#[test]
fn a_row_says_when_it_began_and_if_it_was_slow() {
    let vitals = Vitals::new(Heed::Failures, true);
    let at = Instant::from_millis;
    vitals.report(Outcome::Failure, 1, None, [at(10), at(11)]);
    vitals.report(Outcome::NeverSent, 1, None, [at(10), at(900)]);
    let tally = vitals.take_tally();
    assert_eq!((tally.began, tally.slow), (Some(at(10)), false));
    vitals.report(Outcome::TimedOut, 1, None, [at(20), at(220)]);
    let tally = vitals.take_tally();
    assert_eq!((tally.began, tally.slow, tally.streak), (Some(at(10)), true, 3));
    vitals.report(Outcome::Success, 1, None, [at(30), at(31)]);
    vitals.report(Outcome::Failure, 1, None, [at(40), at(41)]);
    let tally = vitals.take_tally();
    assert_eq!((tally.began, tally.slow, tally.streak), (Some(at(40)), false, 1));
}

#[test]
fn an_answer_ends_a_row_of_cancellations() {
    let vitals = Vitals::new(Heed::Failures, true);
    let mut marks = 0;
    for _ in 0..10 {
        assert!(vitals.heeds(Outcome::Abandoned));
        marks += u32::from(vitals.report(Outcome::Abandoned, 1, None, AT));
    }
    vitals.report(Outcome::LostRace, 1, None, AT);
    assert_eq!(marks, 5, "every 8");
    assert_eq!((vitals.take_tally().cancels, vitals.take_tally().answered), (41, 0));
    assert!(vitals.heeds(Outcome::Ignorable));
    vitals.report(Outcome::Ignorable, 1, None, AT);
    let tally = vitals.take_tally();
    assert_eq!((tally.cancels, tally.answered), (0, 41));
    vitals.report(Outcome::Abandoned, 1, None, AT);
    vitals.report(Outcome::TimedOut, 1, None, AT);
    let tally = vitals.take_tally();
    assert_eq!((tally.cancels, tally.answered, tally.streak), (0, 0, 1));
}

#[test]
fn after_a_failure_successes_count_until_the_task_lets_go() {
    let vitals = Vitals::new(Heed::Failures, true);
    let tally = |successes, failures, streak, longest| Tally {
        successes,
        failures,
        streak,
        longest,
        ..Tally::default()
    };
    for _ in 0..3 {
        assert!(vitals.report(Outcome::Failure, 1, None, AT));
    }
    assert!(vitals.heeds(Outcome::Success) && !vitals.report(Outcome::Success, 1, None, AT));
    assert!(vitals.report(Outcome::Failure, 1, None, AT));
    assert_eq!(rows(&vitals), tally(1, 4, 1, 3));
    vitals.watch(true);
    vitals.report(Outcome::Success, 1, None, AT);
    vitals.report(Outcome::Success, 1, None, AT);
    assert_eq!(rows(&vitals), tally(2, 0, 0, 0));
    vitals.watch(false);
    vitals.report(Outcome::Success, 1, None, AT);
    assert_eq!(rows(&vitals), Tally::default());
    assert_eq!((vitals.failures(), vitals.successes()), (4, None));
}

#[test]
fn one_pick_takes_a_probe() {
    let vitals = Vitals::new(Heed::Failures, true);
    assert!(!vitals.take_probe(Instant::ZERO));
    vitals.offer_probe();
    assert_eq!(vitals.take_probe_sent(), None);
    assert!(
        vitals.take_probe(Instant::from_nanos(7)) && !vitals.take_probe(Instant::from_nanos(8))
    );
    vitals.retract_probe();
    assert_eq!(vitals.take_probe_sent(), Some(Instant::from_nanos(7)));
    assert_eq!(vitals.take_probe_sent(), None, "once: the next one is another");
    vitals.offer_probe();
    vitals.retract_probe();
    assert!(!vitals.take_probe(Instant::from_nanos(9)));
}
