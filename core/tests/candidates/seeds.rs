//! What differs between clients by their seeds, and is the same for all that have none.

use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel_core::health::Health;
use evenkeel_core::policy::PickFirst;
use evenkeel_core::{Balancer, Config, Defaults, Endpoint, Heap, Instant, Kit, Outcome};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const ENDPOINTS: u8 = 20;

fn rng(client: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(client)
}

/// What 50 clients do.
fn distinct<T: Ord>(client: impl FnMut(u64) -> T) -> usize {
    (0..50).map(client).collect::<BTreeSet<T>>().len()
}

fn updated<S: Kit>(
    mut balancer: Balancer<u8, PickFirst, S, Heap>,
) -> Balancer<u8, PickFirst, S, Heap> {
    let _ = balancer.update(Instant::ZERO, (0..ENDPOINTS).map(Endpoint::new)).unwrap();
    balancer
}

fn by_config(config: Config) -> Balancer<u8, PickFirst> {
    updated(Balancer::with_config(PickFirst::new(), config).unwrap())
}

/// The first pick of a client.
fn first<S: Kit>(balancer: &mut Balancer<u8, PickFirst, S, Heap>) -> u8 {
    let pick = balancer.pick(Instant::ZERO, &mut rng(7)).unwrap();
    let addr = balancer.endpoint(&pick).unwrap().addr;
    balancer.report(Instant::ZERO, pick, Outcome::Success);
    addr
}

/// The end of the ejection of the endpoint that a client picks first.
fn end<S: Kit>(balancer: &mut Balancer<u8, PickFirst, S, Heap>) -> Duration {
    for _ in 0..5 {
        let pick = balancer.pick(Instant::ZERO, &mut rng(7)).unwrap();
        balancer.report(Instant::ZERO, pick, Outcome::Failure);
    }
    let ends = balancer.endpoints().filter_map(|status| match status.health {
        Health::Ejected { until, .. } => Some(until.saturating_since(Instant::ZERO)),
        _ => None,
    });
    ends.max().expect("one is ejected")
}

fn subset(balancer: &Balancer<u8, PickFirst>) -> Vec<u8> {
    let candidates = balancer.endpoints().filter(|status| status.candidate);
    candidates.map(|status| status.endpoint.addr).collect()
}

#[test]
fn a_seeded_config() {
    let config = Config { subset: 5, ..Config::default() };
    let client = |client| by_config(config.seeded_by(&mut rng(client)));
    assert!(distinct(|number| first(&mut client(number))) > 15);
    assert!(distinct(|number| end(&mut client(number))) > 45);
    assert!(distinct(|number| subset(&client(number))) > 45);
    assert_eq!(Config { seed: 0, ..config.seeded_by(&mut rng(1)) }, config, "nothing else changes");
}

#[test]
fn settings_by_type() {
    let client = |client| {
        let mut balancer = Balancer::with_settings(PickFirst::new(), Defaults);
        balancer.seeded_by(&mut rng(client));
        updated(balancer)
    };
    assert!(distinct(|number| first(&mut client(number))) > 15);
    assert!(distinct(|number| end(&mut client(number))) > 45);
}

/// As the documentation warns.
#[test]
fn without_a_seed_all_clients_do_alike() {
    let config = Config { subset: 5, ..Config::default() };
    assert_eq!(distinct(|_| first(&mut by_config(config))), 1);
    assert_eq!(distinct(|_| end(&mut by_config(config))), 1);
    assert_eq!(distinct(|_| subset(&by_config(config))), 1);
}
