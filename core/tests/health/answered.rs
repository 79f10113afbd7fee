//! Answers whose body is still to come.

use evenkeel_core::health::Health;
use evenkeel_core::policy::PeakEwma;
use evenkeel_core::{Balancer, Config, Endpoint, Instant, Outcome, PickError, Why};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::fixture::{Fixture, OURS, millis, secs};

/// A balancer that counts requests in flight.
type Counting = Balancer<u8, PeakEwma>;

fn counting(number: u8, config: Config) -> (Counting, ChaCha8Rng) {
    let mut balancer = Counting::with_config(PeakEwma::new(), config).expect("counts");
    let _ = balancer.update(NOW, (0..number).map(Endpoint::new)).expect("room");
    (balancer, ChaCha8Rng::seed_from_u64(1))
}

const NOW: Instant = Instant::from_secs(100);

/// In flight, successes, failures, all together.
fn counts(balancer: &Counting) -> (u32, u64, u64) {
    let stats = balancer.endpoints().map(|status| status.stats);
    stats.fold((0, 0, 0), |(all, good, bad), stats| {
        let (successes, failures) = (u64::from(stats.successes), u64::from(stats.failures));
        (all + stats.in_flight, good + successes, bad + failures)
    })
}

#[test]
fn the_head_tells_and_the_body_is_in_flight() {
    let (mut balancer, mut rng) = counting(2, OURS);
    let pick = balancer.pick(NOW, &mut rng).expect("there are two");
    let head = NOW + millis(20);
    let body = balancer.answered(head, pick, Outcome::Success).expect("it is there");
    assert_eq!(counts(&balancer), (1, 1, 0));
    let known: Vec<_> = balancer.endpoints().map(|status| status.estimate.nanos).collect();
    balancer.withdraw(NOW + secs(60), body);
    assert_eq!(counts(&balancer), (0, 1, 0), "its end says nothing more");
    let after: Vec<_> = balancer.endpoints().map(|status| status.estimate.nanos).collect();
    assert_eq!(after, known, "answer times are those of heads");
}

#[test]
fn a_body_that_breaks_is_a_failure() {
    let mut fixture = Fixture::of(3, OURS);
    for _ in 0..5 {
        let pick = fixture.send(0);
        let body = fixture.balancer.answered(fixture.now, pick, Outcome::Success).expect("there");
        fixture.report(body, Outcome::Failure);
    }
    let stats = fixture.status(0).stats;
    assert_eq!((stats.successes, stats.failures), (5, 5));
    assert_eq!(fixture.health(0), Health::Healthy, "heads are successes: no row, a share of half");
    // Where half of at least 20 requests break, that is no reason either; all of them are.
    let picks: Vec<_> = (0..5).map(|_| fixture.send(0)).collect();
    for pick in picks {
        fixture.report(pick, Outcome::Failure);
    }
    assert_eq!(fixture.ejected(), [0]);
}

/// The head decides a probe: a stream may last for hours.
#[test]
fn a_probe_is_decided_by_the_head() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.open(0);
    let pick = fixture.pick();
    assert_eq!(pick.why(), Why::Probe);
    let body = fixture.balancer.answered(fixture.now, pick, Outcome::Success).expect("there");
    assert_eq!(fixture.health(0), Health::Healthy);
    fixture.wait(secs(3_600));
    fixture.handle_timeout();
    assert_eq!(fixture.health(0), Health::Healthy);
    fixture.report(body, Outcome::Failure);
    assert_eq!(fixture.health(0), Health::Healthy, "one broken body is one failure");
}

#[test]
fn a_body_takes_the_room_of_a_request() {
    let (mut balancer, mut rng) = counting(1, Config { max_in_flight: 1, ..OURS });
    let pick = balancer.pick(NOW, &mut rng).expect("there is room");
    let body = balancer.answered(NOW, pick, Outcome::Success).expect("there");
    let refused = balancer.pick(NOW, &mut rng);
    assert_eq!(refused, Err(PickError::Busy { until: None }));
    balancer.withdraw(NOW, body);
    assert!(balancer.pick(NOW, &mut rng).is_ok());
}

#[test]
fn one_that_left_has_no_body() {
    let (mut balancer, mut rng) = counting(2, OURS);
    let picks = [(); 2].map(|()| balancer.pick(NOW, &mut rng).expect("there are two"));
    let _ = balancer.update(NOW, []).expect("none needs no room");
    let [first, second] = picks;
    assert_eq!(balancer.answered(NOW, first, Outcome::Success), None);
    // Another balancer's pick says nothing here.
    let (mut other, _) = counting(2, OURS);
    assert_eq!(other.answered(NOW, second, Outcome::Success), None);
    assert_eq!(counts(&other), (0, 0, 0));
}
