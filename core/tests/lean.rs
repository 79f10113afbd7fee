//! Lists that nothing needs are left out without a difference.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::{LeastRequest, Policy, Random, RoundRobin, WeightedRandom, WeightedRoundRobin};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::store::Lean;
use evenkeel_core::{Balancer, Endpoint, Inline, Instant, Outcome, Pick, PickError, Store, Why};
use rand_chacha::ChaCha8Rng;

type Small = Inline<8>;

/// A client's life as chance has it: what it picked, and how its endpoints were doing.
struct Life<P, S: Store> {
    balancer: Balancer<u8, P, S>,
    chance: ChaCha8Rng,
    now: Instant,
    open: Vec<Pick>,
}

/// What was picked, if anything was to be; and of each endpoint whether it is a candidate, its health, and its weight.
type Seen = (Option<Result<(u8, Why), PickError>>, Vec<(u8, bool, Health, u32)>);

impl<P: Policy, S: Store> Life<P, S> {
    fn new(policy: P, seed: u64) -> Self {
        let (balancer, chance) = (Balancer::new(policy), ChaCha8Rng::seed_from_u64(seed));
        Self { balancer, chance, now: Instant::ZERO, open: Vec::new() }
    }

    fn below(&mut self, n: u32) -> u32 {
        self.chance.next_u32() % n
    }

    fn step(&mut self) -> Seen {
        self.now = self.now + Duration::from_millis([0, 1, 30, 2_000][self.below(4) as usize]);
        let mut picked = None;
        match self.below(64) {
            60.. => {
                let endpoints: Vec<u8> = (0..self.below(12)).map(|_| self.chance.next_u32() as u8 % 16).collect();
                let weight = |addr: u8| self.now.as_nanos() as u32 % 3 + u32::from(addr % 2);
                let endpoints = endpoints.into_iter().map(|addr| Endpoint::new(addr).with_weight(weight(addr)));
                let _ = self.balancer.update(self.now, endpoints).unwrap();
            }
            0..=30 => {
                let pick = self.balancer.pick(self.now, &mut self.chance);
                picked = Some(pick.map(|pick| {
                    let answer = (self.balancer.endpoint(&pick).unwrap().addr, pick.why());
                    self.open.push(pick);
                    answer
                }));
            }
            _ if self.open.is_empty() => {}
            outcome => {
                let index = self.below(self.open.len() as u32) as usize;
                let outcome = match outcome {
                    31 => Outcome::Canceled,
                    32 => Outcome::Overloaded { retry_after: Some(Duration::from_millis(700)) },
                    33..=40 => Outcome::Success,
                    _ => Outcome::Failure,
                };
                self.balancer.report(self.now, self.open.swap_remove(index), outcome);
            }
        }
        let status = self.balancer.endpoints();
        (picked, status.map(|known| (known.endpoint.addr, known.candidate, known.health, known.weight)).collect())
    }
}

fn same<P: Policy>(policy: impl Fn() -> P) -> usize {
    let mut ejected = 0;
    for seed in 0..20 {
        let mut whole = Life::<P, Small>::new(policy(), seed);
        let mut lean = Life::<P, Lean<Small>>::new(policy(), seed);
        for step in 0..1_000 {
            let answer = whole.step();
            assert_eq!(lean.step(), answer, "seed {seed}, step {step}");
            ejected += answer.1.iter().filter(|known| matches!(known.2, Health::Ejected { .. })).count();
        }
        assert!(whole.balancer.events().next().is_some() && lean.balancer.events().next().is_none());
    }
    ejected
}

#[test]
fn a_lean_balancer_does_the_same() {
    let ejected = same(RoundRobin::new);
    assert!(ejected > 300, "{ejected}");
    same(Random::new);
    same(LeastRequest::new);
    same(LeastRequest::full_scan);
    same(WeightedRandom::<Inline<8>>::default);
    same(WeightedRoundRobin::<Inline<64>>::default);
}

#[test]
fn it_takes_less_memory() {
    let (whole, lean) =
        (size_of::<Balancer<u32, LeastRequest, Small>>(), size_of::<Balancer<u32, LeastRequest, Lean<Small>>>());
    assert!(lean < whole * 3 / 4, "{lean} of {whole}");
}
