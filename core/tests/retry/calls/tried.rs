//! Where attempts go: to endpoints that the call has not tried.

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Request, Why};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::fixture::{Fixture, hedging};

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
