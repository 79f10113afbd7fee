//! What was learned here is newer than a state, and stays.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Book, Config, Instant, Outcome};
use rand_chacha::ChaCha8Rng;

use crate::fixture::endpoints;

/// What is newer stays: only endpoints without any report here go on with what was known.
#[test]
fn nothing_is_unlearned() {
    let fail = |balancer: &mut Balancer<String, AnyPolicy>,
                now: Instant,
                addr: &str,
                outcomes: &[Outcome]| {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for outcome in outcomes {
            let pick = loop {
                let pick = balancer.pick(now, &mut rng).unwrap();
                if balancer.endpoint(&pick).unwrap().addr == addr {
                    break pick;
                }
            };
            balancer.report(now + Duration::from_millis(10), pick, *outcome);
        }
    };
    let now = Instant::from_secs(5);
    let new = || {
        let mut balancer: Balancer<String, AnyPolicy> = Balancer::new("random".parse().unwrap());
        let _ = balancer.update(now, endpoints(9)).unwrap();
        balancer
    };
    let mut before = new();
    fail(&mut before, now, "a", &[Outcome::Failure; 5]);
    fail(&mut before, now, "b", &[Outcome::Failure; 4]);
    fail(&mut before, now, "c", &[Outcome::Failure; 4]);
    let state = before.export(now + Duration::from_millis(10));
    assert_eq!(state.len(), 3);

    for outcome in [Outcome::Success, Outcome::Failure, Outcome::Abandoned] {
        let mut balancer = new();
        fail(&mut balancer, now, "a", &[outcome]);
        fail(&mut balancer, now, "d", &[Outcome::Failure; 4]);
        let imported = balancer.import(now, &state).unwrap();
        assert_eq!((imported.endpoints, imported.kept, imported.unknown), (2, 1, 0));
        assert!(balancer.endpoints().all(|status| status.health == Health::Healthy));
        // What was learned here stays, and what was known before counts.
        fail(&mut balancer, now, "d", &[Outcome::Failure]);
        let health = |balancer: &Balancer<String, AnyPolicy>, place: usize| {
            balancer.endpoints().nth(place).unwrap().health
        };
        assert_ne!(health(&balancer, 3), Health::Healthy);
        balancer.set_config(now, Config { book: Book::Off, ..Config::default() }).unwrap();

        let mut balancer = new();
        balancer.import(now, &state).unwrap();
        assert_ne!(health(&balancer, 0), Health::Healthy);
        // Once more changes nothing: all is known.
        let (seen, again) = (format!("{balancer:?}"), balancer.import(now, &state).unwrap());
        assert_eq!((again.endpoints, again.kept), (0, 3));
        assert_eq!(format!("{balancer:?}"), seen);
    }
}
