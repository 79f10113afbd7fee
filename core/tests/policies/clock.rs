//! Answer times follow a clock that goes back: what was slow is tried again as soon as without.

use core::time::Duration;

use evenkeel_core::policy::{AnyPolicy, LeastRequest, PeakEwma, RoundRobin};
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Pick, Policy, Request, Slot};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SLOW: Duration = Duration::from_secs(5);
const FAST: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

struct Client<P: Policy> {
    balancer: Balancer<u16, P>,
    now: Instant,
    rng: ChaCha8Rng,
}

impl<P: Policy + Clone> Client<P> {
    /// Knows that endpoint 0 answers in 5 s, and nothing of the others; so many days after the
    /// clock's origin.
    fn new(policy: P, endpoints: u16, days: u64) -> Self {
        let now = Instant::from_secs(days * 86_400);
        let mut client =
            Self { balancer: Balancer::new(policy), now, rng: ChaCha8Rng::seed_from_u64(7) };
        client.update(1);
        let pick = client.send(0);
        client.now = client.now + SLOW;
        client.balancer.report(client.now, pick, Outcome::Success);
        client.update(endpoints);
        client
    }

    fn update(&mut self, endpoints: u16) {
        let _ = self.balancer.update(self.now, (0..endpoints).map(Endpoint::new)).unwrap();
    }

    fn send(&mut self, addr: u16) -> Pick {
        let others = self.balancer.endpoints().filter(|status| status.endpoint.addr != addr);
        let others: Vec<Slot> = others.map(|status| status.slot).collect();
        let request = Request::at(self.now).avoiding(&others);
        self.balancer.pick_with(request, &mut self.rng).unwrap()
    }

    /// Sends `at_once` requests every 20 ms, which all take that long; returns how long it takes
    /// until endpoint 0 gets one.
    fn returns_after(&mut self, at_once: usize) -> Option<Duration> {
        let begin = self.now;
        let mut in_flight: Vec<Pick> = Vec::new();
        while self.now.saturating_since(begin) < 2 * MINUTE {
            for pick in in_flight.drain(..) {
                self.balancer.report(self.now, pick, Outcome::Success);
            }
            for _ in 0..at_once {
                let request = Request::at(self.now).with_key(self.rng.next_u64());
                let pick = self.balancer.pick_with(request, &mut self.rng).unwrap();
                let found = self.balancer.endpoint(&pick).unwrap().addr == 0;
                in_flight.push(pick);
                if found {
                    for pick in in_flight {
                        self.balancer.report(self.now, pick, Outcome::LostRace);
                    }
                    return Some(self.now.saturating_since(begin));
                }
            }
            self.now = self.now + FAST;
        }
        None
    }
}

/// Goes back by so much, and asserts that endpoint 0 is picked as soon as if it had not.
fn follows(
    policy: impl Policy + Clone,
    name: &str,
    endpoints: u16,
    back: Duration,
    at_once: usize,
) {
    let returned = |back: Duration| {
        let mut client = Client::new(policy.clone(), endpoints, 10);
        client.now = client.now.saturating_sub(back);
        client.returns_after(at_once)
    };
    let (without, with) = (returned(Duration::ZERO).unwrap(), returned(back));
    let place = format!("{name}, {endpoints} endpoints, {back:?} back, {at_once} at once");
    let with = with.unwrap_or_else(|| panic!("{place}: never"));
    assert!(with <= MINUTE, "{place}: {with:?}");
    assert!(with <= without + Duration::from_secs(3), "{place}: {with:?}, else {without:?}");
}

#[test]
fn one_slow_answer_and_an_hour_back() {
    follows(PeakEwma::new(), "peak_ewma", 2, HOUR, 1);
}

#[test]
fn sizes_jumps_and_concurrency() {
    for back in [1, 2, 30, 60, 3_600, 9 * 86_400].map(Duration::from_secs) {
        follows(PeakEwma::new(), "peak_ewma", 3, back, 1);
    }
    for (endpoints, at_once) in [(2, 1), (2, 16), (3, 2), (5, 4), (10, 64), (1_000, 16)] {
        follows(PeakEwma::new(), "peak_ewma", endpoints, HOUR, at_once);
    }
}

#[test]
fn every_policy() {
    follows(LeastRequest::new(), "LeastRequest", 3, HOUR, 1);
    follows(RoundRobin::new(), "RoundRobin", 3, HOUR, 1);
    for text in AnyPolicy::NAMES {
        // It sends everything to one endpoint.
        if *text != "pick_first" {
            follows(text.parse::<AnyPolicy>().unwrap(), text, 3, HOUR, 16);
        }
    }
}

/// Back and forth: each time, what was measured last counts.
#[test]
fn again_and_again() {
    let mut client = Client::new(PeakEwma::new(), 3, 10);
    for _ in 0..5 {
        client.now = client.now.saturating_sub(HOUR);
        assert!(client.returns_after(1).is_some_and(|time| time <= MINUTE));
        let pick = client.send(0);
        client.now = client.now + SLOW;
        client.balancer.report(client.now, pick, Outcome::Success);
    }
}

/// Endpoints that come after the clock went back are not all that is picked.
#[test]
fn beside_new_endpoints() {
    let mut client = Client::new(PeakEwma::new(), 1, 10);
    client.now = client.now.saturating_sub(HOUR);
    client.update(3);
    assert!(client.returns_after(1).is_some_and(|time| time <= MINUTE));
}

/// Less than a second back is disorder among threads: nothing is forgotten.
#[test]
fn a_little_disorder_changes_nothing() {
    let mut client = Client::new(PeakEwma::new(), 2, 10);
    for step in 0..100 {
        let ahead = Duration::from_millis(999 * (step % 2));
        let (now, pick) = (client.now, client.send(1));
        client.balancer.report(now + ahead, pick, Outcome::Success);
    }
    let status = client.balancer.endpoints().next().unwrap();
    assert_eq!(status.estimate.nanos, SLOW.as_nanos() as u64);
    assert_eq!(status.estimate.stamp, client.now, "the clock stood still");
}
