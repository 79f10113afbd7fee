//! Priority levels: the endpoint of each key, by ring hash, at various health.

use core::net::SocketAddr;

use evenkeel_core::policy::RingHash;
use evenkeel_core::{Config, Endpoint, Instant};
use serde_json::Value;

use super::vectors::{balancer, differences, number, numbers, picks, read};

fn compare(case: &Value) -> usize {
    let config = Config {
        overprovisioning_percent: number(&case["factor"]),
        panic_threshold_percent: number(&case["threshold"]),
        ..Config::default()
    };
    let levels: Vec<Vec<u8>> = case["levels"].as_array().unwrap().iter().map(numbers).collect();
    let (mut endpoints, mut down) = (Vec::<Endpoint<SocketAddr>>::new(), Vec::new());
    for (priority, level) in (0..).zip(&levels) {
        for host in 1..=level[0] {
            let addr = SocketAddr::from(([127, 0, priority as u8 + 1, host], 1));
            endpoints.push(Endpoint::new(addr).with_priority(priority));
            down.push(host > level[1]);
        }
    }
    let addrs: Vec<_> = endpoints.iter().map(|endpoint| endpoint.addr).collect();
    let mut balancer = balancer(RingHash::new(), config, endpoints);
    let slots: Vec<_> = balancer.endpoints().map(|status| status.slot).collect();
    for (slot, down) in slots.into_iter().zip(down) {
        balancer.set_down(Instant::ZERO, slot, down);
    }
    let theirs = case["picks"].as_str().unwrap();
    let ours = picks(&mut balancer, &addrs, theirs.len());
    differences(&ours, theirs)
}

#[test]
fn levels() {
    for case in read("levels") {
        let place = format!("{} {} {}", case["levels"], case["factor"], case["threshold"]);
        assert_eq!(compare(&case), 0, "{place}");
    }
}
