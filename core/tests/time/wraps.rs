//! A clock of 32 bits begins anew every 49.7 days: what lies longer ago than half of that looks as
//! if it were to come. Nothing that has happened once may be taken for that.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::WeightedRoundRobin;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Config, Endpoint, Instant, Outcome, Pick, Request, Slot, Why};
use rand_chacha::ChaCha8Rng;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: u64 = 24;

struct Fixture {
    balancer: Balancer<u8, WeightedRoundRobin>,
    now: Instant,
    rng: ChaCha8Rng,
}

impl Fixture {
    fn new(config: Config) -> Self {
        let balancer = Balancer::with_config(WeightedRoundRobin::new(), config).unwrap();
        let now = Instant::from_secs(86_400);
        let mut fixture = Self { balancer, now, rng: ChaCha8Rng::seed_from_u64(5) };
        let _ = fixture.balancer.update(now, (0..4).map(Endpoint::new)).unwrap();
        fixture
    }

    fn slot(&self, addr: u8) -> Slot {
        self.balancer.endpoints().find(|status| status.endpoint.addr == addr).unwrap().slot
    }

    fn health(&self, addr: u8) -> Health {
        self.balancer.endpoints().find(|status| status.endpoint.addr == addr).unwrap().health
    }

    fn pick_of(&mut self, addr: u8) -> Pick {
        let others = (0..4).filter(|other| *other != addr);
        let others: Vec<_> = others.map(|other| self.slot(other)).collect();
        let request = Request::at(self.now).avoiding(&others);
        self.balancer.pick_with(request, &mut self.rng).unwrap()
    }

    fn fail(&mut self, addr: u8, times: u32) {
        for _ in 0..times {
            let pick = self.pick_of(addr);
            self.balancer.report(self.now, pick, Outcome::Failure);
        }
    }

    fn request(&mut self, outcome: Outcome) -> Why {
        let pick = self.balancer.pick(self.now, &mut self.rng).unwrap();
        let why = pick.why();
        self.balancer.report(self.now, pick, outcome);
        why
    }

    /// Ejects an endpoint, and brings it back.
    fn eject_and_return(&mut self, addr: u8) -> Duration {
        self.fail(addr, 5);
        let Health::Ejected { until, .. } = self.health(addr) else {
            panic!("{:?} at {}", self.health(addr), self.now)
        };
        let took = until.saturating_since(self.now);
        self.now = until;
        assert_eq!(self.request(Outcome::Success), Why::Probe);
        assert_eq!(self.health(addr), Health::Healthy);
        took
    }

    /// Lets time pass, with or without requests.
    fn pass(&mut self, hours: u64, each: impl Fn(&mut Self)) {
        for _ in 0..hours {
            self.now = self.now + HOUR;
            each(self);
        }
    }
}

/// What may go on meanwhile.
const MEANWHILE: [fn(&mut Fixture); 4] = [
    |fixture| fixture.balancer.handle_timeout(fixture.now),
    |fixture| assert_eq!(fixture.request(Outcome::Success), Why::Policy),
    |fixture| {
        assert_eq!(fixture.request(Outcome::Failure), Why::Policy);
        for _ in 0..4 {
            assert_eq!(fixture.request(Outcome::Success), Why::Policy);
        }
    },
    |fixture| assert!(fixture.balancer.update(fixture.now, (0..4).map(Endpoint::new)).is_ok()),
];

#[test]
fn an_ejection_long_ago_keeps_nobody_in_service() {
    for meanwhile in MEANWHILE {
        for days in [1, 12, 20, 24, 25, 26, 35, 45, 49, 50, 60, 74, 75, 99, 200] {
            let mut fixture = Fixture::new(Config::DEFAULT);
            fixture.eject_and_return(0);
            fixture.pass(days * DAY, meanwhile);
            let pick = fixture.pick_of(0);
            fixture.balancer.report(fixture.now, pick, Outcome::Success);
            let took = fixture.eject_and_return(0);
            assert!(took <= Duration::from_secs(5), "{took:?}: all is forgiven after {days} days");
        }
    }
}

/// Failures of a window long ago do not count with those of today.
#[test]
fn a_window_long_ago_is_closed() {
    let config = Config {
        consecutive_failures: 0,
        failure_percentage: 100,
        failure_percentage_request_volume: 5,
        ..Config::DEFAULT
    };
    for days in [1, 12, 24, 25, 30, 40, 49, 50, 60, 75] {
        let mut fixture = Fixture::new(config);
        fixture.fail(0, 4);
        fixture.pass(days * DAY, MEANWHILE[0]);
        fixture.fail(0, 4);
        assert_eq!(fixture.health(0), Health::Healthy, "after {days} days");
        fixture.fail(0, 1);
        assert!(matches!(fixture.health(0), Health::Ejected { .. }), "after {days} days");
    }
}

/// Who has warmed up stays warm.
#[test]
fn a_slow_start_long_ago_is_over() {
    let config = Config { slow_start: Duration::from_secs(60), ..Config::DEFAULT };
    let weights = |fixture: &Fixture| {
        fixture.balancer.endpoints().map(|status| status.weight).collect::<Vec<_>>()
    };
    for days in [1, 12, 24, 25, 30, 40, 49, 50, 60, 75] {
        let mut fixture = Fixture::new(config);
        fixture.eject_and_return(0);
        let _ = fixture.balancer.insert(fixture.now, Endpoint::new(4)).unwrap();
        assert_eq!(weights(&fixture), [1, 10, 10, 10, 1]);
        fixture.pass(days * DAY, MEANWHILE[0]);
        assert_eq!(weights(&fixture), [1; 5], "after {days} days");
        let _ = fixture.balancer.insert(fixture.now, Endpoint::new(5)).unwrap();
        assert_eq!(weights(&fixture), [10, 10, 10, 10, 10, 1], "after {days} days");
        fixture.now = fixture.now + Duration::from_secs(60);
        fixture.balancer.handle_timeout(fixture.now);
        assert_eq!(weights(&fixture), [1; 6], "after {days} days");
    }
}

/// By Envoy's and gRPC's books, too, those ejected come back across the wrap, in time.
#[test]
fn ejections_across_the_wrap_end_in_time() {
    const WRAP: u64 = 1 << 32;
    for book in [Config::DEFAULT, Config::ENVOY, Config::GRPC] {
        let config =
            Config { consecutive_failures: 5, half_open: false, max_ejection_percent: 50, ..book };
        for before in [1, 1_000, 10_000, 29_999] {
            let mut fixture = Fixture::new(config);
            fixture.pass(48 * DAY, MEANWHILE[0]);
            fixture.now = Instant::from_millis(WRAP - before);
            fixture.fail(0, 5);
            assert!(matches!(fixture.health(0), Health::Ejected { .. }), "{before} ms before");
            let mut waited = 0;
            while fixture.health(0) != Health::Healthy {
                fixture.now = fixture.now + Duration::from_millis(500);
                fixture.request(Outcome::Success);
                waited += 1;
            }
            assert!((5..=90).contains(&waited), "{:?}, {before}: {waited}", config.book);
        }
    }
}
