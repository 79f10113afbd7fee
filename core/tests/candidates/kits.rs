//! Parts that a kit leaves out are missing without a difference in what is picked.

use core::time::Duration;

use evenkeel_core::balancer::Stats;
use evenkeel_core::health::Health;
use evenkeel_core::policy::{
    LeastRequest, Policy, Random, RoundRobin, WeightedRandom, WeightedRoundRobin,
};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{
    Balancer, Book, Config, Defaults, Endpoint, Inline, Instant, Kit, NoHealth, Outcome, Pick,
    PickError, Why,
};
use rand_chacha::ChaCha8Rng;

/// A client's life as chance has it: what it picked, and how its endpoints were doing.
struct Script<P: Policy, S: Kit> {
    balancer: Balancer<u8, P, S, Inline<8>>,
    chance: ChaCha8Rng,
    now: Instant,
    open: Vec<Pick>,
}

/// What was picked, if anything was to be; and of each endpoint if it is a candidate, its health,
/// and its weight.
type Seen = (Option<Result<(u8, Why), PickError>>, Vec<(u8, bool, Health, u32)>);

impl<P: Policy + Clone, S: Kit> Script<P, S> {
    fn new(policy: P, settings: S, seed: u64) -> Self {
        let balancer = Balancer::with_settings(policy, settings);
        let chance = ChaCha8Rng::seed_from_u64(seed);
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
                let count = self.below(12);
                let addrs: Vec<_> = (0..count).map(|_| self.chance.next_u32() as u8 % 16).collect();
                let weight = |addr: u8| self.now.as_millis() as u32 % 3 + u32::from(addr % 2);
                let new = |addr| Endpoint::new(addr).with_weight(weight(addr));
                let _ = self.balancer.update(self.now, addrs.into_iter().map(new)).unwrap();
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
                let retry_after = Some(Duration::from_millis(700));
                let outcome = match outcome {
                    31 => Outcome::Abandoned,
                    32 => Outcome::Overloaded { retry_after },
                    33..=40 => Outcome::Success,
                    _ => Outcome::Failure,
                };
                self.balancer.report(self.now, self.open.swap_remove(index), outcome);
            }
        }
        let status = self.balancer.endpoints();
        let status = status.map(|s| (s.endpoint.addr, s.candidate, s.health, s.weight));
        (picked, status.collect())
    }
}

/// Compares a kit with the settings that say the same; tells how often an endpoint was ejected.
fn same<P: Policy + Clone>(policy: impl Fn() -> P, kit: impl Kit, config: Config) -> usize {
    let mut ejected = 0;
    for seed in 0..20 {
        let mut whole = Script::new(policy(), config, seed);
        let mut small = Script::new(policy(), kit, seed);
        for step in 0..1_000 {
            let answer = whole.step();
            assert_eq!(small.step(), answer, "seed {seed}, step {step}");
            let out = |known: &&(u8, bool, Health, u32)| matches!(known.2, Health::Ejected { .. });
            ejected += answer.1.iter().filter(out).count();
        }
        assert!(whole.balancer.events().next().is_some());
        assert!(small.balancer.events().next().is_none());
        let counted = |stats: Stats| (stats.successes, stats.failures, stats.canceled) != (0, 0, 0);
        assert!(small.balancer.endpoints().all(|status| !counted(status.stats)));
    }
    ejected
}

#[test]
fn the_defaults_pick_the_same() {
    let ejected = same(RoundRobin::new, Defaults, Config::DEFAULT);
    assert!(ejected > 250, "{ejected}");
    same(Random::new, Defaults, Config::DEFAULT);
    same(LeastRequest::new, Defaults, Config::DEFAULT);
    same(LeastRequest::full_scan, Defaults, Config::DEFAULT);
    same(WeightedRandom::<Inline<8>>::default, Defaults, Config::DEFAULT);
    same(WeightedRoundRobin::<Inline<64>>::default, Defaults, Config::DEFAULT);
}

#[test]
fn no_health_picks_the_same() {
    let config = Config { book: Book::Off, max_retry_after: Duration::ZERO, ..Config::DEFAULT };
    assert_eq!(same(RoundRobin::new, NoHealth, config), 0);
    same(Random::new, NoHealth, config);
    same(LeastRequest::new, NoHealth, config);
    same(LeastRequest::full_scan, NoHealth, config);
    same(WeightedRandom::<Inline<8>>::default, NoHealth, config);
    same(WeightedRoundRobin::<Inline<64>>::default, NoHealth, config);
}

/// Settings beside the balancer, as in flash, are those settings.
#[test]
fn settings_by_reference_pick_the_same() {
    const CONFIG: Config = Config { consecutive_failures: 2, ..Config::DEFAULT };
    for seed in 0..20 {
        let mut by_value = Script::new(LeastRequest::new(), CONFIG, seed);
        let mut by_reference = Script::new(LeastRequest::new(), &CONFIG, seed);
        for step in 0..1_000 {
            assert_eq!(by_reference.step(), by_value.step(), "seed {seed}, step {step}");
        }
    }
}

#[test]
fn it_takes_less_memory() {
    let whole = size_of::<Balancer<u32, LeastRequest, Config, Inline<8>>>();
    let small = size_of::<Balancer<u32, LeastRequest, Defaults, Inline<8>>>();
    let bare = size_of::<Balancer<u32, LeastRequest, NoHealth, Inline<8>>>();
    assert!(small < whole * 3 / 4 && bare < small * 3 / 4, "{bare}, {small} of {whole}");
}
