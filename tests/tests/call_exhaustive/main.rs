//! Every order of events that a call can live through, with few attempts and in small times: each
//! step is checked against the model in `evenkeel_tests::call`, and against what holds for any
//! call.
//!
//! Time goes in ticks of 1 ns. Each attempt is offered each of a few endpoints, tried or not. At any
//! moment an attempt in flight may end in any way, the last one may turn out to have no endpoint,
//! there may be one again, the caller may poll (in time, late, or twice), and a tick may
//! pass. Something heard of an attempt that is over must change nothing. A caller who drops the
//! call stops anywhere: every beginning of an order is explored, too. States that differ in nothing
//! are explored once.

mod explore;

use evenkeel_core::retry::{Backoff, End, Verdict};
use evenkeel_tests::call::Settings;

use explore::{Exploration, Found, ticks};

/// One for each way on: the call ends, another attempt follows after a wait or at once, the call
/// waits, the attempt is sent again. What differs from these is in [`EVERY`]: after `Canceled` the
/// others in flight are abandoned, and have not lost a race; who has no wait rests for the backoff.
const ALL: &[Verdict] = &[
    Verdict::Success,
    Verdict::RetryableFailure,
    Verdict::PushBack { wait: ticks(2) },
    Verdict::Overloaded { wait: Some(ticks(2)) },
    Verdict::Ignorable,
    Verdict::NeverSent,
];

const EVERY: &[Verdict] = &[
    Verdict::Success,
    Verdict::RetryableFailure,
    Verdict::NonRetryableFailure,
    Verdict::TimedOut,
    Verdict::Ignorable,
    Verdict::Overloaded { wait: None },
    Verdict::Overloaded { wait: Some(ticks(1)) },
    Verdict::Overloaded { wait: Some(ticks(2)) },
    Verdict::PushBack { wait: ticks(1) },
    Verdict::NeverSent,
    Verdict::Canceled,
];

const RESTS: &[Verdict] =
    &[Verdict::Overloaded { wait: None }, Verdict::Overloaded { wait: Some(ticks(2)) }];

const PUSH_BACK: &[Verdict] = &[
    Verdict::Success,
    Verdict::RetryableFailure,
    Verdict::PushBack { wait: ticks(1) },
    Verdict::PushBack { wait: ticks(2) },
];

impl Exploration {
    /// 5 ticks for all, 3 for an attempt, 1 between retries and between hedges.
    fn new(attempts: u32, hedges: u32) -> Self {
        let settings = Settings {
            timeout: Some(ticks(5)),
            attempt_timeout: Some(ticks(3)),
            backoff: Backoff::Constant(ticks(1)),
            hedging: (hedges > 0).then_some((ticks(1), hedges)),
            ..Settings::new(attempts)
        };
        Self {
            settings,
            verdicts: ALL,
            never_sent: 1,
            endpoints: 2 + hedges as u8,
            ticks: 6,
            prompt: true,
        }
    }

    /// Explores, and makes sure that it was worth it.
    fn expect(&self, title: &str, states: usize, ends: &[End]) -> Found {
        let found = self.run();
        println!("{title}: {found:?}");
        assert!(found.states >= states, "{title}: only {} states", found.states);
        assert!(ends.iter().all(|end| found.ends.contains(end)), "{title}: {:?}", found.ends);
        assert_eq!(found.ends.len(), ends.len(), "{title}: {:?}", found.ends);
        found
    }
}

const USUAL: [End; 5] =
    [End::Success, End::Ignorable, End::Attempts, End::Deadline, End::NoEndpoints];

#[test]
fn three_attempts_and_two_hedges() {
    let mut exploration = Exploration { never_sent: 0, ticks: 5, ..Exploration::new(3, 2) };
    exploration.settings.timeout = Some(ticks(4));
    let found = exploration.expect("3 attempts, 2 hedges", 10_000, &USUAL);
    assert_eq!((found.most_in_flight, found.most_asks), (3, 4));
}

/// The caller may poll whenever he likes, also long after it was due.
#[test]
fn polled_at_any_time() {
    for (attempts, hedges, states) in [(1, 0, 300), (3, 0, 2000), (1, 1, 5000), (2, 1, 10_000)] {
        let exploration = Exploration {
            prompt: false,
            never_sent: 1 - hedges,
            ..Exploration::new(attempts, hedges)
        };
        let found = exploration.expect(
            &format!("{attempts} attempts, {hedges} hedges, late"),
            states,
            &USUAL,
        );
        assert_eq!(
            (found.most_in_flight, found.most_asks),
            (1 + hedges as usize, attempts - 1 + hedges)
        );
    }
}

#[test]
fn never_sent_is_free_three_times() {
    for (attempts, hedges, endpoints, states) in
        [(1, 0, 5, 80), (3, 0, 3, 300), (2, 0, 4, 300), (1, 1, 4, 900)]
    {
        let mut exploration = Exploration {
            never_sent: 5,
            endpoints,
            ticks: 3,
            ..Exploration::new(attempts, hedges)
        };
        exploration.settings.timeout = Some(ticks(2));
        exploration.settings.backoff = Backoff::None;
        exploration.verdicts = &[Verdict::NeverSent, Verdict::RetryableFailure, Verdict::Success];
        let ends = [End::Success, End::Attempts, End::Deadline, End::NoEndpoints];
        exploration.expect(
            &format!("{attempts} attempts, {hedges} hedges, never sent"),
            states,
            &ends,
        );
    }
}

/// Attempts that nobody gives up, and no wait between them; hedges after a delay or all at once.
#[test]
fn without_deadlines() {
    for delay in [0, 1] {
        let mut exploration = Exploration { never_sent: 0, ticks: 2, ..Exploration::new(2, 2) };
        exploration.settings.timeout = None;
        exploration.settings.attempt_timeout = None;
        exploration.settings.backoff = Backoff::None;
        exploration.settings.hedging = Some((ticks(delay), 2));
        let ends = [End::Success, End::Ignorable, End::Attempts, End::NoEndpoints];
        exploration.expect(&format!("no deadlines, delay {delay}"), 2000, &ends);
    }
}

#[test]
fn budget_refuses_anywhere() {
    for (refused, states) in [(1, 500), (2, 1000), (4, 4000), (8, 5000)] {
        let mut exploration = Exploration { never_sent: 0, ticks: 5, ..Exploration::new(3, 2) };
        exploration.settings.timeout = Some(ticks(4));
        exploration.settings.refused = refused;
        let ends = [&USUAL[..], &[End::Budget]].concat();
        exploration.expect(&format!("the budget refuses {refused:b}"), states, &ends);
    }
    let mut exploration = Exploration::new(3, 2);
    exploration.settings.refused = u64::MAX;
    let ends = [End::Success, End::Ignorable, End::Deadline, End::NoEndpoints, End::Budget];
    let found = exploration.expect("the budget refuses all", 100, &ends);
    assert_eq!((found.most_in_flight, found.most_asks), (1, 3));
}

#[test]
fn servers_ask_for_more_than_is_allowed() {
    let mut exploration = Exploration::new(2, 2);
    exploration.settings.max_push_back = ticks(1);
    exploration.verdicts = PUSH_BACK;
    let ends = [End::Success, End::Attempts, End::Deadline, End::NoEndpoints, End::PushBack];
    exploration.expect("push-back beyond the limit", 10_000, &ends);
}

/// Every verdict, with one endpoint, with two and with three: what is overloaded leads elsewhere.
#[test]
fn every_verdict() {
    for (endpoints, verdicts) in [(1, EVERY), (2, EVERY), (3, RESTS)] {
        let mut exploration = Exploration { endpoints, ticks: 4, ..Exploration::new(3, 0) };
        exploration.verdicts = verdicts;
        let mut ends = vec![End::Attempts, End::Deadline, End::NoEndpoints];
        if endpoints < 3 {
            ends.extend([End::Success, End::Ignorable, End::NonRetryableFailure, End::Canceled]);
        }
        exploration.expect(&format!("every verdict, {endpoints} endpoints"), 2000, &ends);
    }
}

/// The same with hedges: what one attempt ends in meets others in flight. 3 attempts with 2 hedges
/// are 2 million states, and hold, too.
#[test]
fn every_verdict_beside_others_in_flight() {
    for (attempts, hedges, never_sent, states) in [
        (1, 1, 1, 10_000),
        (2, 1, 1, 100_000),
        (3, 1, 0, 150_000),
        (1, 2, 0, 50_000),
        (2, 2, 0, 500_000),
    ] {
        let mut exploration = Exploration {
            never_sent,
            ticks: 4,
            verdicts: EVERY,
            ..Exploration::new(attempts, hedges)
        };
        exploration.settings.timeout = Some(ticks(4));
        let ends = [&USUAL[..], &[End::NonRetryableFailure, End::Canceled]].concat();
        let title = format!("every verdict, {attempts} attempts, {hedges} hedges");
        let found = exploration.expect(&title, states, &ends);
        assert_eq!(found.most_in_flight, 1 + hedges as usize, "{title}");
    }
}

/// A call that finds no endpoint waits for one until its deadline.
#[test]
fn waits_until_ready() {
    for (attempts, hedges) in [(1, 0), (2, 1)] {
        let mut exploration = Exploration::new(attempts, hedges);
        exploration.settings.wait_for_ready = true;
        let ends = [End::Success, End::Ignorable, End::Attempts, End::Deadline];
        exploration.expect(&format!("{attempts} attempts, ready"), 500, &ends);
    }
}
