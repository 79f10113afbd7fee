//! Outlier detection: who is ejected after the same requests, and who is back at the same time.

use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel_core::health::Health;
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{Balancer, Config, Endpoint, Instant, Outcome, Request, Slot};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

use super::vectors::{balancer, number, numbers, read};

const INTERVAL: Duration = Duration::from_secs(20);

fn config(settings: &Value) -> Config {
    let times = |name: &str| INTERVAL.mul_f64(settings[name].as_f64().unwrap());
    let enforced = |name: &str| if settings[name].as_bool().unwrap() { 100 } else { 0 };
    Config {
        interval: INTERVAL,
        base_ejection_time: times("base"),
        max_ejection_time: times("longest"),
        max_ejection_percent: number(&settings["percent"]),
        always_eject_one: settings["always_one"].as_bool().unwrap(),
        consecutive_failures: number(&settings["consecutive"]),
        success_rate_enforcement: enforced("success_rate"),
        success_rate_minimum_hosts: number(&settings["hosts_needed"]),
        success_rate_request_volume: number(&settings["volume"]),
        success_rate_stdev_per_mille: number(&settings["stdev"]),
        failure_percentage: number(&settings["threshold"]),
        failure_percentage_enforcement: enforced("failure_percentage"),
        failure_percentage_minimum_hosts: number(&settings["hosts_needed"]),
        failure_percentage_request_volume: number(&settings["volume"]),
        panic_threshold_percent: 0,
        ..Config::ENVOY
    }
}

/// Tells that an endpoint may break both rules at once. Envoy ejects it twice then: for longer, and
/// it counts twice in `max_ejection_percent`, once of that for ever. We eject it once.
fn has_both_rules(settings: &Value) -> bool {
    settings["success_rate"] == true && settings["failure_percentage"] == true
}

/// Tells that it is chance which endpoints are ejected at the end of an interval: where only some
/// of those that should be may be, Envoy takes them in the order of a hash map.
fn is_unordered(settings: &Value) -> bool {
    let at_the_end = settings["success_rate"] == true || settings["failure_percentage"] == true;
    at_the_end && settings["percent"] != 100
}

struct Replay {
    balancer: Balancer<u8, RoundRobin>,
    now: Instant,
    rng: ChaCha8Rng,
    /// Those ejected at the end of the last interval, and at that of the one before.
    before: [Vec<u8>; 2],
    /// Those that did well for one interval after an ejection.
    forgiven: BTreeSet<u8>,
}

impl Replay {
    fn new(case: &Value) -> Self {
        let endpoints = (0..number(&case["hosts"])).map(Endpoint::new);
        let balancer = balancer(RoundRobin::new(), config(&case["settings"]), endpoints);
        Self {
            balancer,
            now: Instant::ZERO,
            rng: ChaCha8Rng::seed_from_u64(1),
            before: Default::default(),
            forgiven: BTreeSet::new(),
        }
    }

    /// Ends an interval.
    ///
    /// An ejection is forgiven after one interval in service. That is as long as the time between
    /// two ends of intervals, so with Envoy microseconds decide if it is after one or two of them.
    fn end(&mut self) {
        self.balancer.handle_timeout(self.now);
        let ejected = self.ejected();
        let [last, older] = &self.before;
        let came_back = older.iter().filter(|addr| !last.contains(addr));
        self.forgiven.extend(came_back.filter(|addr| !ejected.contains(addr)));
        let [last, older] = &mut self.before;
        *older = core::mem::replace(last, ejected);
    }

    fn ejected(&self) -> Vec<u8> {
        let out = self.balancer.endpoints();
        let out = out.filter(|status| matches!(status.health, Health::Ejected { .. }));
        out.map(|status| status.endpoint.addr).collect()
    }

    /// Sends requests to an endpoint: "f" and "s" say how they end, "x" that Envoy had ejected it.
    /// It does so on another thread than that of requests: a few more failures may slip through.
    fn send(&mut self, addr: u8, kind: &str, count: u32, place: &str) {
        for sent in 0..count {
            if kind == "f" && sent > 0 && self.ejected().contains(&addr) {
                return;
            }
            self.send_one(addr, kind, place);
        }
    }

    fn send_one(&mut self, addr: u8, kind: &str, place: &str) {
        assert_eq!(self.ejected().contains(&addr), kind == "x", "{addr}, {place}");
        if kind == "x" {
            return;
        }
        let others = self.balancer.endpoints().filter(|status| status.endpoint.addr != addr);
        let others: Vec<Slot> = others.map(|status| status.slot).collect();
        let request = Request::at(self.now).avoiding(&others);
        let pick = self.balancer.pick_with(request, &mut self.rng).unwrap();
        assert_eq!(self.balancer.endpoint(&pick).unwrap().addr, addr);
        let outcome = if kind == "f" { Outcome::Failure } else { Outcome::Success };
        self.balancer.report(self.now, pick, outcome);
    }
}

#[test]
fn ejections() {
    let mut compared = 0;
    for case in read("ejection") {
        let mut replay = Replay::new(&case);
        for (number, interval) in case["seen"].as_array().unwrap().iter().enumerate() {
            let place = format!("{} {} in interval {number}", case["name"], case["settings"]);
            let begin = replay.now;
            replay.now = begin + INTERVAL / 4;
            for sent in interval["sent"].as_array().unwrap() {
                let addr = self::number(&sent[0]);
                for run in sent[1].as_str().unwrap().split(' ') {
                    let (kind, count) = run.split_at(1);
                    replay.send(addr, kind, count.parse().unwrap(), &place);
                }
            }
            assert_eq!(replay.ejected(), numbers::<u8>(&interval["out"]), "{place}");
            replay.now = begin + INTERVAL;
            replay.end();
            let (ours, theirs) = (replay.ejected(), numbers::<u8>(&interval["end"]));
            if is_unordered(&case["settings"]) && ours != theirs {
                assert_eq!(ours.len(), theirs.len(), "end of {place}");
                break;
            }
            if has_both_rules(&case["settings"]) && ours != theirs {
                assert!(ours.iter().all(|addr| theirs.contains(addr)), "end of {place}");
                assert_eq!(number, 1, "they come back an interval earlier");
                break;
            }
            if ours != theirs {
                let longer = |addr: &u8| ours.contains(addr) || replay.forgiven.contains(addr);
                assert!(theirs.iter().all(longer), "end of {place}: {ours:?} {theirs:?}");
                assert!(ours.iter().all(|addr| theirs.contains(addr)), "end of {place}");
                break;
            }
            compared += 1;
        }
    }
    assert!(compared > 900, "{compared} intervals");
}
