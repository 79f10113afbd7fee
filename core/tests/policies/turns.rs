//! Rotations keep shares while candidates change, and retries take nobody's turn.

use evenkeel_core::policy::{AnyPolicy, Policy, RoundRobin, WeightedRoundRobin};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{Balancer, Book, Config, Endpoint, Instant, Outcome, Request, Slot, Why};
use rand_chacha::ChaCha8Rng;

type Weighted = Balancer<u32, WeightedRoundRobin>;

fn weighted(addr: u32, weight: u32) -> Endpoint<u32> {
    Endpoint::new(addr).with_weight(weight)
}

fn pick<P: Policy + Clone>(balancer: &mut Balancer<u32, P>, rng: &mut ChaCha8Rng) -> usize {
    let pick = balancer.pick(Instant::ZERO, rng).expect("a pick");
    let addr = balancer.endpoint(&pick).expect("it is there").addr;
    balancer.report(Instant::ZERO, pick, Outcome::Success);
    addr as usize
}

/// Picks, and what each endpoint was due at the weights of the moment.
struct Tally {
    counts: Vec<f64>,
    due: Vec<f64>,
}

impl Tally {
    fn new(endpoints: usize) -> Self {
        Self { counts: vec![0.0; endpoints], due: vec![0.0; endpoints] }
    }

    fn pick(&mut self, balancer: &mut Weighted, rng: &mut ChaCha8Rng, weights: &[u32]) {
        let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        for (due, &weight) in self.due.iter_mut().zip(weights) {
            *due += f64::from(weight) / sum;
        }
        self.counts[pick(balancer, rng)] += 1.0;
    }

    fn is_within(&self, percent: f64) -> bool {
        let within = |(count, due): (&f64, &f64)| (count - due).abs() <= due * percent / 100.0;
        self.counts.iter().zip(&self.due).all(within)
    }

    fn text(&self) -> String {
        format!("{:.1?} of {:.1?}", self.counts, self.due)
    }
}

/// 5:1:1 with a standby of another priority that comes and goes before every pick; and beyond the
/// longest cycle the same.
#[test]
fn a_standby_that_comes_and_goes_changes_no_share() {
    for weights in [[5, 1, 1], [500_000, 99_999, 100_001]] {
        for seed in 0..10 {
            let (mut balancer, mut rng) =
                (Weighted::new(WeightedRoundRobin::new()), ChaCha8Rng::seed_from_u64(seed));
            let set = (0..).zip(weights).map(|(addr, weight)| weighted(addr, weight));
            let _ = balancer.update(Instant::ZERO, set).expect("room");
            let mut tally = Tally::new(3);
            for turn in 0..7_000_u32 {
                let standby = Endpoint::new(9).with_priority(1);
                if turn.is_multiple_of(2) {
                    let _ = balancer.insert(Instant::ZERO, standby).expect("room");
                } else {
                    let _ = balancer.remove(Instant::ZERO, &9).expect("room");
                }
                tally.pick(&mut balancer, &mut rng, &weights);
            }
            assert!(tally.is_within(2.0), "{weights:?}: {}", tally.text());
        }
    }
}

/// Ten of weight 10 and one of weight 1, in which something changes every so many picks.
fn with_changes(every: u32, unit: u32, seed: u64, change: impl Fn(u32, &mut [u32])) -> Tally {
    let mut weights = [10 * unit; 11];
    weights[7] = unit;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut balancer = Weighted::new(WeightedRoundRobin::new());
    let mut tally = Tally::new(11);
    for turn in 0..20_000 {
        if turn % every == 0 {
            change(turn / every, &mut weights);
            let set = (0..).zip(weights).filter(|(_, weight)| *weight > 0);
            let set = set.map(|(addr, weight)| weighted(addr, weight));
            let _ = balancer.update(Instant::ZERO, set).expect("room");
        }
        tally.pick(&mut balancer, &mut rng, &weights);
    }
    tally
}

#[test]
fn the_light_one_gets_its_due_however_often_another_comes_and_goes() {
    // The second is beyond the longest cycle.
    for unit in [1, 100_003] {
        for every in [1, 2, 7, 10, 20, 40, 1_000] {
            for at in [0, 3, 10] {
                let leaves = |turn: u32, weights: &mut [u32]| {
                    weights[at] = if turn.is_multiple_of(2) { 0 } else { 10 * unit };
                };
                let moves = |turn: u32, weights: &mut [u32]| {
                    weights[at] = 10 * unit + if turn.is_multiple_of(2) { unit } else { 0 };
                };
                let in_turn = |turn: u32, weights: &mut [u32]| {
                    let places = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10];
                    for &place in &places {
                        weights[place] = 10 * unit;
                    }
                    weights[places[turn as usize % 10]] = 0;
                };
                for tally in [
                    with_changes(every, unit, 1, leaves),
                    with_changes(every, unit, 2, moves),
                    with_changes(every, unit, 3, in_turn),
                ] {
                    assert!(tally.is_within(20.0), "{unit} {every} {at}: {}", tally.text());
                }
            }
        }
    }
}

/// Equal weights and others in turn: the plain rotation and the cycle keep their shares each.
#[test]
fn weights_that_are_equal_at_times() {
    for every in [1, 2, 3, 10] {
        let tally = with_changes(every, 1, 1, |turn, weights| {
            weights.fill(1);
            weights[7] = if turn.is_multiple_of(2) { 1 } else { 5 };
        });
        assert!(tally.is_within(10.0), "{every}: {}", tally.text());
    }
}

/// Ten endpoints whose weights move a little every second, over a minute.
#[test]
fn weights_that_move_every_second() {
    for (unit, seed) in [1, 1_000, 1_000_000].into_iter().flat_map(|unit| [(unit, 1), (unit, 2)]) {
        for a_second in [1, 10, 1_000] {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut balancer = Weighted::new(WeightedRoundRobin::new());
            let mut tally = Tally::new(10);
            for _ in 0..60 {
                let weights = [(); 10].map(|()| 97 * unit + chance.next_u32() % (7 * unit));
                let set = (0..).zip(weights).map(|(addr, weight)| weighted(addr, weight));
                let _ = balancer.update(Instant::ZERO, set).expect("room");
                for _ in 0..a_second {
                    tally.pick(&mut balancer, &mut rng, &weights);
                }
            }
            assert!(tally.is_within(20.0), "{unit} {a_second}: {}", tally.text());
        }
    }
}

/// First attempts of 1,000 calls, where the first `failing` of so many fail: each failure is tried
/// once more elsewhere.
fn first_attempts<P: Policy + Clone>(policy: P, weights: &[u32], failing: usize) -> Vec<u32> {
    let config = Config { book: Book::Off, ..Config::DEFAULT };
    let mut balancer = Balancer::<u32, P>::with_config(policy, config).expect("settings");
    let set = (0..).zip(weights.iter().copied()).map(|(addr, weight)| weighted(addr, weight));
    let _ = balancer.update(Instant::ZERO, set).expect("room");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut counts = vec![0; weights.len()];
    for _ in 0..1_000 {
        let mut tried: Vec<Slot> = Vec::new();
        loop {
            let request = Request::at(Instant::ZERO).avoiding(&tried);
            let pick = balancer.pick_with(request, &mut rng).expect("a pick");
            let addr = balancer.endpoint(&pick).expect("it is there").addr as usize;
            assert_eq!(pick.why() == Why::Policy, tried.is_empty());
            if tried.is_empty() {
                counts[addr] += 1;
            }
            let (slot, fails) = (pick.slot(), addr < failing);
            balancer.report(
                Instant::ZERO,
                pick,
                if fails { Outcome::Failure } else { Outcome::Success },
            );
            if !fails || tried.len() == 1 {
                break;
            }
            tried.push(slot);
        }
    }
    counts
}

#[test]
fn a_retry_takes_nobodys_turn() {
    let by_name = |name: &str| name.parse::<AnyPolicy>().expect("a policy");
    for counts in [
        first_attempts(RoundRobin::new(), &[1; 2], 1),
        first_attempts(WeightedRoundRobin::new(), &[1; 2], 1),
        first_attempts(by_name("round_robin"), &[3; 2], 1),
    ] {
        assert_eq!(counts, [500, 500]);
    }
    for (n, failing) in [(2, 1), (3, 1), (3, 2), (5, 2), (6, 3), (10, 5)] {
        for counts in [
            first_attempts(RoundRobin::new(), &vec![1; n], failing),
            first_attempts(by_name("weighted_round_robin"), &vec![1; n], failing),
        ] {
            let each = 1_000 / n as u32;
            assert!(counts.iter().all(|count| (each..=each + 1).contains(count)), "{counts:?}");
        }
    }
    // By weight: 5, 1, 1 and 5, 1, 1 over 14 turns.
    let counts = first_attempts(WeightedRoundRobin::new(), &[5, 1, 1, 5, 1, 1], 3);
    let due = [357, 71, 71, 357, 71, 71];
    assert!(counts.iter().zip(due).all(|(count, due)| count.abs_diff(due) <= 2), "{counts:?}");
}
