//! A cluster that is told of outcomes in bulk draws the conclusions of one that is told of each.

use evenkeel_core::health::{Counted, Health, Tally};
use evenkeel_core::rand_core::Rng;
use evenkeel_core::{Config, Endpoint, Heap, Instant, Outcome, Slot};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const ENDPOINTS: u32 = 8;

type Cluster = evenkeel_core::Cluster<u32, (), Config, Heap>;

fn cluster(config: Config) -> Cluster {
    let mut cluster = Cluster::new(Config { seed: 7, ..config });
    let _ = cluster.update(Instant::ZERO, (0..ENDPOINTS).map(Endpoint::new));
    cluster
}

fn healths(cluster: &Cluster) -> Vec<Health> {
    cluster.iter().map(|(slot, _)| cluster.health(slot)).collect()
}

fn settings() -> [Config; 5] {
    let ours = Config { max_ejection_percent: 50, ..Config::DEFAULT };
    let shares = Config { consecutive_failures: 0, ..ours };
    let rates = Config { success_rate: true, failure_percentage: 0, ..shares };
    let theirs = |settings| Config { max_ejection_percent: 50, ..settings };
    [ours, shares, rates, theirs(Config::ENVOY), theirs(Config::GRPC)]
}

/// What a shell counts of one endpoint.
#[derive(Clone, Copy, Default)]
struct Counts {
    tally: Tally,
}

impl Counts {
    fn note(&mut self, failed: bool) {
        let tally = &mut self.tally;
        tally.streak = if failed { tally.streak + 1 } else { 0 };
        tally.successes += u32::from(!failed);
        tally.failures += u32::from(failed);
        tally.longest = if failed { tally.longest.max(tally.streak) } else { tally.longest };
    }

    fn take(&mut self) -> Tally {
        let next = Tally { streak: self.tally.streak, ..Tally::default() };
        core::mem::replace(&mut self.tally, next)
    }
}

#[test]
fn one_by_one_a_tally_is_a_report() {
    for (number, settings) in settings().into_iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
        let [mut told, mut counted] = [cluster(settings), cluster(settings)];
        let slots: Vec<Slot> = told.iter().map(|(slot, _)| slot).collect();
        let mut counts = [Counts::default(); ENDPOINTS as usize];
        let (mut now, mut unwatched, mut ejections) = (Instant::ZERO, 0, 0);
        for _ in 0..60_000 {
            now = Instant::from_nanos(now.as_nanos() + u64::from(rng.next_u32() % 10_000_000));
            let index = rng.next_u32() as usize % slots.len();
            // Each has bad times of its own.
            let bad = (now.as_nanos() >> 33) as usize % slots.len() == index;
            let failed = rng.next_u32() % 100 < if bad { 70 } else { 2 };
            let slot = slots[index];
            let outcome = if failed { Outcome::Failure } else { Outcome::Success };
            told.observe(now, slot, outcome, None);
            if failed || counted.watches(slot) {
                counts[index].note(failed);
                if counted.tally(now, slot, counts[index].take()) {
                    counts[index] = Counts::default();
                }
            } else {
                unwatched += 1;
            }
            for cluster in [&mut told, &mut counted] {
                cluster.handle_timeout(now);
                if let Some(probe) = cluster.start_probe(now) {
                    cluster.observe(now, probe, Outcome::Success, Some(now));
                    cluster.handle_timeout(now);
                }
            }
            ejections += healths(&told).iter().filter(|health| **health != Health::Healthy).count();
            assert_eq!(healths(&told), healths(&counted), "settings {number} at {now}");
            assert!(told.candidates().eq(counted.candidates()));
        }
        assert!(ejections > 100, "settings {number}: {ejections}");
        assert_eq!(unwatched > 1_000, number < 2, "where not all successes count: {unwatched}");
    }
}

#[test]
fn in_bulk_failures_in_a_row_are_found_wherever_they_were() {
    let mut cluster = cluster(Config::DEFAULT);
    let slots: Vec<Slot> = cluster.iter().map(|(slot, _)| slot).collect();
    let tally = |successes, failures, streak, longest| Tally {
        successes,
        failures,
        streak,
        longest,
        ..Tally::default()
    };
    let _ = cluster.tally(Instant::ZERO, slots[0], tally(10, 12, 0, 4));
    let _ = cluster.tally(Instant::ZERO, slots[0], tally(10, 4, 4, 4));
    assert_eq!(cluster.health(slots[0]), Health::Healthy);
    let _ = cluster.tally(Instant::ZERO, slots[0], tally(3, 1, 0, 5));
    let _ = cluster.tally(Instant::ZERO, slots[1], tally(0, u32::MAX, u32::MAX, u32::MAX));
    assert!(matches!(cluster.health(slots[0]), Health::Ejected { .. }));
    assert!(matches!(cluster.health(slots[1]), Health::Ejected { .. }));
    assert_eq!(cluster.candidates().count(), 6, "at once");
    assert!(!cluster.handle_timeout(Instant::ZERO));
}

#[test]
fn a_probe_that_was_sent_a_moment_ago() {
    let mut cluster = cluster(Config::DEFAULT);
    let slot = cluster.iter().next().unwrap().0;
    let at = Instant::from_millis;
    assert!(!cluster.begin_probe(at(0), slot, at(0)));
    let _ = cluster.tally(
        at(0),
        slot,
        Tally { failures: 5, streak: 5, longest: 5, ..Tally::default() },
    );
    cluster.handle_timeout(at(5_000));
    assert!(cluster.probes().eq([slot]));
    assert!(cluster.begin_probe(at(5_010), slot, at(5_002)));
    assert!(!cluster.begin_probe(at(5_010), slot, at(5_003)), "there is one under way");
    assert_eq!(cluster.probes().count(), 0);
    let Health::Probing { until } = cluster.health(slot) else { panic!() };
    assert_eq!(until, at(15_002), "the timeout counts from when it was sent");
    cluster.observe(at(5_020), slot, Outcome::Success, Some(at(5_001)));
    assert!(matches!(cluster.health(slot), Health::Probing { .. }), "sent before the probe");
    cluster.observe(at(5_030), slot, Outcome::Success, Some(at(5_002)));
    assert_eq!(cluster.health(slot), Health::Healthy);
}

#[test]
fn what_is_counted_of_all_is_judged_after_that() {
    let failed = Tally { failures: 9, streak: 9, longest: 9, ..Tally::default() };
    let given_up = Tally { cancels: 100, ..Tally::default() };
    for tally in [failed, given_up] {
        let (mut cluster, mut other) = (cluster(Config::DEFAULT), cluster(Config::DEFAULT));
        let slots: Vec<Slot> = cluster.iter().map(|(slot, _)| slot).collect();
        let counted: Vec<_> =
            slots.iter().map(|&slot| cluster.count_tally(Instant::ZERO, slot, tally)).collect();
        assert!(counted.iter().all(Counted::is_suspect));
        for counted in counted {
            assert!(!cluster.settle_tally(counted), "nobody else is well");
        }
        assert_eq!(cluster.candidates().count(), slots.len());
        // Those who are told one by one find the others well.
        for &slot in &slots {
            let _ = other.tally(Instant::ZERO, slot, tally);
        }
        assert!(other.candidates().count() < slots.len());
        let quiet = cluster.count_tally(Instant::ZERO, slots[0], Tally::default());
        assert!(!quiet.is_suspect());
        let _ = cluster.settle_tally(quiet);
    }
}
