//! A week of one call per second: nothing wears out, and a clock that jumps by a year breaks
//! nothing.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::PeakEwma;
use evenkeel_core::retry::{End, RetryBudget, Step};
use evenkeel_core::{
    Balancer, Call, Endpoint, EventKind, Instant, Outcome, Request, RetryPolicy, Verdict,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;
const YEAR: Duration = Duration::from_secs(365 * DAY);

/// What became of a week.
#[derive(Debug, Default)]
struct Week {
    calls: u64,
    attempts: u64,
    failed: u64,
    ejections: u64,
    readmissions: u64,
    lost: u64,
}

/// Five endpoints; each is broken for ten minutes a day, at an hour of its own. `jump` moves the
/// clock at each noon.
fn week(jump: impl Fn(u64, Instant) -> Instant) -> Week {
    let mut balancer: Balancer<u8, PeakEwma> = Balancer::new(PeakEwma::new());
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut budget = RetryBudget::default();
    let policy = RetryPolicy::new(3).unwrap().with_timeout(Duration::from_secs(1)).unwrap();
    let mut now = Instant::from_secs(2 * 365 * DAY);
    let _ = balancer.update(now, (0..5).map(Endpoint::new)).unwrap();
    let mut week = Week::default();
    for second in 0..WEEK {
        now = now + Duration::from_secs(1);
        if second % DAY == DAY / 2 {
            now = jump(second / DAY, now);
        }
        let broken = |addr: u8| (second % DAY).wrapping_sub(u64::from(addr) * 4 * 3_600) < 600;
        let (mut at, mut call) = (now, Call::new(&policy, now));
        let end = loop {
            match call.poll(at, &mut budget, &mut rng) {
                Step::Send(attempt) => {
                    let pick = balancer
                        .pick_with(Request::at(at).avoiding(call.tried()), &mut rng)
                        .unwrap();
                    assert!(call.started(attempt, pick.slot(), &mut budget));
                    week.attempts += 1;
                    let bad = broken(balancer.endpoint(&pick).unwrap().addr);
                    at = at + Duration::from_millis(5);
                    balancer.report(
                        at,
                        pick,
                        if bad { Outcome::Failure } else { Outcome::Success },
                    );
                    call.on_outcome(
                        at,
                        attempt,
                        if bad { Verdict::RetryableFailure } else { Verdict::Success },
                    );
                }
                Step::Wait(until) => at = until.expect("nothing is in flight"),
                Step::Cancel { .. } => unreachable!("nothing is in flight when the call is polled"),
                Step::Done(end) => break end,
            }
        };
        week.calls += 1;
        week.failed += u64::from(end != End::Success);
        for event in balancer.events() {
            week.ejections += u64::from(matches!(event.kind, EventKind::Ejected { .. }));
            week.readmissions += u64::from(event.kind == EventKind::Readmitted);
            week.lost += u64::from(matches!(event.kind, EventKind::Lost(_)));
        }
    }
    // An hour after the last trouble, whatever the clock says, everybody is back.
    for _ in 0..3_600 {
        now = now + Duration::from_secs(1);
        let pick = balancer.pick(now, &mut rng).unwrap();
        balancer.report(now, pick, Outcome::Success);
    }
    assert!(
        balancer.endpoints().all(|status| status.health == Health::Healthy && status.candidate)
    );
    assert!(balancer.endpoints().all(|status| status.stats.in_flight == 0));
    week
}

#[test]
fn a_week_of_one_call_per_second() {
    let week = week(|_, now| now);
    println!("{week:?}");
    assert_eq!((week.calls, week.lost), (WEEK, 0));
    assert_eq!(week.failed, 0);
    // 5 endpoints on 7 days, ejected at least once in ten minutes of trouble.
    assert!(week.ejections >= 35, "{week:?}");
    assert!(week.readmissions >= 35, "{week:?}");
    // Ten minutes of trouble cost a few retries.
    assert!(week.attempts < WEEK + WEEK / 100, "{week:?}");
}

#[test]
fn a_clock_that_jumps_by_a_year_breaks_nothing() {
    let back_and_forth =
        week(|day, now| if day % 2 == 0 { now.saturating_sub(YEAR) } else { now + YEAR });
    println!("{back_and_forth:?}");
    assert_eq!((back_and_forth.calls, back_and_forth.failed, back_and_forth.lost), (WEEK, 0, 0));
    assert!(
        back_and_forth.ejections >= 35 && back_and_forth.readmissions >= 33,
        "{back_and_forth:?}"
    );
    let forth = week(|_, now| now + YEAR);
    assert_eq!((forth.calls, forth.failed), (WEEK, 0));
    let back = week(|day, now| if day < 2 { now.saturating_sub(YEAR) } else { now });
    assert_eq!((back.calls, back.failed), (WEEK, 0));
}
