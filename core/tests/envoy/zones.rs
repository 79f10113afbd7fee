//! Zone-aware routing: the share of each zone, within what chance allows.

use core::net::Ipv4Addr;

use evenkeel_core::policy::Random;
use evenkeel_core::{Config, Endpoint, Instant, Zone};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::vectors::{balancer, number, numbers, read};

const REQUESTS: u32 = 20_000;

#[test]
fn shares_of_zones() {
    for case in read("zones") {
        let (clients, counts): (Vec<u16>, Vec<u8>) =
            (numbers(&case["clients"]), numbers(&case["endpoints"]));
        let config = Config {
            zone: Zone::new(1),
            zone_clients_per_mille: clients[0] * 1_000 / clients.iter().sum::<u16>(),
            zone_minimum_endpoints: number(&case["minimum"]),
            ..Config::default()
        };
        let endpoints = (1..).zip(counts).flat_map(|(zone, count)| {
            (1..=count).map(move |host| {
                Endpoint::new(Ipv4Addr::new(127, 2, zone, host)).with_zone(Zone::new(zone.into()))
            })
        });
        let mut balancer = balancer(Random::new(), config, endpoints);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let theirs: Vec<u32> = numbers(&case["requests"]);
        let mut ours = vec![0_u32; theirs.len()];
        for _ in 0..REQUESTS {
            let pick = balancer.pick(Instant::ZERO, &mut rng).unwrap();
            let [_, _, zone, _] = balancer.endpoint(&pick).unwrap().addr.octets();
            ours[usize::from(zone) - 1] += 1;
        }
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            let place = format!("{} {}: {ours} {theirs}", case["clients"], case["endpoints"]);
            assert_eq!(ours == 0, theirs == 0, "{place}");
            // Our shares are whole percents; beside that, five standard deviations of both samples.
            let share = f64::from(ours.max(theirs)) / f64::from(REQUESTS);
            let spread = (2.0 * f64::from(REQUESTS) * share * (1.0 - share)).sqrt();
            let most = f64::from(REQUESTS) / 100.0 + 5.0 * spread;
            assert!(f64::from(ours.abs_diff(theirs)) < most, "{place}");
        }
    }
}
