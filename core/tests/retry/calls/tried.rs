//! Where attempts go: to endpoints that the call has not tried.

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::retry::{Attempt, Step, Verdict};
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Request, Why};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::fixture::{Fixture, TEN, hedging, ms, retrying};

/// Envoy's host predicate, and what a hedge needs all the more: attempts of a call go to endpoints
/// that it has not tried, and when there is none, to any.
#[test]
fn envoy_avoids_hosts_tried() {
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
        let _ = balancer.update(Instant::ZERO, (0..4).map(Endpoint::new)).expect("an update");
        let mut fixture = Fixture::new(hedging(5, 500));
        let mut seen = Vec::new();
        for turn in 0..5 {
            // Another call's pick comes in between.
            let other = balancer.pick(Instant::ZERO, &mut rng).expect("a pick");
            balancer.report(Instant::ZERO, other, Outcome::Abandoned);
            let attempt = fixture.asks();
            let request = Request::at(Instant::ZERO).avoiding(fixture.call.tried());
            let pick = balancer.pick_with(request, &mut rng).expect("a pick");
            let why = [Why::Policy, Why::Retry, Why::Retry, Why::Retry, Why::LastResort][turn];
            assert_eq!(pick.why(), why, "attempt {turn}");
            // Where all have been tried, there is no hedge.
            assert_eq!(fixture.started(attempt, pick.slot()), turn < 4);
            seen.push(pick.slot());
            fixture.now += 500;
        }
        let last = seen.pop();
        assert!(last.is_some_and(|last| seen.contains(&last)));
        let mut distinct = seen.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!((distinct.len(), fixture.call.tried()), (4, &seen[..]), "{seen:?}");
    }
}

/// The next attempt, as soon as it is due.
fn next(fixture: &mut Fixture) -> Attempt {
    loop {
        match fixture.poll() {
            Step::Send(attempt) => return attempt,
            Step::Wait(until) => {
                fixture.now = until.expect("nothing is in flight").as_nanos() / 1_000_000;
            }
            step @ (Step::Cancel { .. } | Step::Done(_)) => panic!("{step:?}, and no attempt"),
        }
    }
}

/// Two failures of whatever kind, and the call leaves the level; what says nothing of the level does
/// not count.
#[test]
fn a_call_leaves_its_level_after_two_failures() {
    use Verdict::{NeverSent, RetryableFailure, TimedOut};
    let rests = Verdict::Overloaded { wait: Some(ms(60_000)) };
    let push_back = Verdict::PushBack { wait: ms(1) };
    let cases: [(&[Verdict], bool); 11] = [
        (&[], false),
        (&[RetryableFailure], false),
        (&[NeverSent], false),
        (&[rests, rests, rests], false),
        (&[push_back, push_back], false),
        (&[RetryableFailure, rests], false),
        (&[RetryableFailure, push_back, TimedOut], false),
        (&[RetryableFailure, TimedOut], true),
        (&[NeverSent, NeverSent], true),
        (&[RetryableFailure, NeverSent], true),
        (&[TimedOut, rests, RetryableFailure], true),
    ];
    for (verdicts, leaves) in cases {
        let mut fixture = Fixture::new(retrying(9, TEN));
        for (place, verdict) in verdicts.iter().enumerate() {
            let attempt = next(&mut fixture);
            let slot = fixture.endpoints[place];
            assert!(fixture.started(attempt, slot));
            fixture.outcome(attempt, *verdict);
        }
        let _ = next(&mut fixture);
        assert_eq!(fixture.call.leaves_level(), leaves, "{verdicts:?}");
    }
}
