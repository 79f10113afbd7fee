//! Endpoints on the heap and in place, with bits of 32 and of 64: the same.

use core::time::Duration;
use std::thread;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Config, Defaults, Heap, Inline, Instant, NoHealth};
use rand_chacha::ChaCha8Rng;

use super::script::Script;
use super::settings::{POLICIES, settings};
use super::world::{Answer, Settle, World};

/// Steps of a script.
const STEPS: u32 = 1_500;

/// Scripts of each policy with settings of its own, in a usual run.
const SCRIPTS: u64 = 10;

/// What scripts came to, all together.
#[derive(Debug, Default)]
struct Sum {
    picks: u32,
    errors: u32,
    events: usize,
}

/// Runs a script with all stores, step by step.
fn run<S: Settle>(policy: &str, settings: S, seed: u64, sum: &mut Sum) {
    let mut script = Script::new(seed, true);
    let mut heap = World::<S, Heap>::new(policy, settings, seed);
    let mut few = World::<S, Inline<32>>::new(policy, settings, seed);
    let mut more = World::<S, Inline<64, u64>>::new(policy, settings, seed);
    let mut now = Instant::from_secs(1_000_000);
    for number in 0..STEPS {
        let pause = script.pause();
        let length = Duration::from_millis(pause.unsigned_abs());
        now = if pause < 0 { now.saturating_sub(length) } else { now + length };
        let step = script.step(heap.open(), |back| heap.addr_of(back));
        let [a, b, c] = [heap.apply(now, &step), few.apply(now, &step), more.apply(now, &step)];
        sum.picks += u32::from(matches!(a, Answer::Picked(Ok(_))));
        sum.errors += u32::from(matches!(a, Answer::Picked(Err(_))));
        let told = || format!("{policy}, script {seed}, step {number} at {now}: {step:?}");
        assert!(a == b && a == c, "{}: {a:?}, {b:?}, {c:?}", told());
        // What is seen takes longer than what happens.
        if number % 5 == 0 || !matches!(a, Answer::Picked(_)) {
            let [a, b, c] = [heap.see(a), few.see(b), more.see(c)];
            sum.events += a.events.len();
            for other in [b, c] {
                assert!(a == other, "{}:\n{}", told(), a.differs_from(&other));
            }
        }
    }
}

/// Runs with a stack for tables in place.
pub(crate) fn with_room(run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(64 << 20).spawn(run).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Returns how many times as many scripts as usual are to be run.
fn deep() -> u64 {
    std::env::var("EVENKEEL_DEEP").map_or(1, |times| times.parse().expect("a number"))
}

/// Runs scripts of some policies with settings as chance has them.
fn scripts(policies: &'static [&'static str]) {
    with_room(move || {
        let mut sum = Sum::default();
        for policy in policies {
            for seed in 0..SCRIPTS * deep() {
                let config = settings(&mut ChaCha8Rng::seed_from_u64(seed ^ 0x5e77));
                run(policy, config, seed, &mut sum);
            }
        }
        println!("{sum:?}");
        let scripts = policies.len() * SCRIPTS as usize;
        assert!(sum.picks as usize > scripts * 400, "{sum:?}");
        assert!(sum.errors as usize > scripts && sum.events > scripts * 50, "{sum:?}");
    });
}

#[test]
fn each_policy_is_there() {
    for name in AnyPolicy::<Heap>::NAMES {
        let has = |policy: &&str| policy.split('(').next() == Some(name);
        assert!(POLICIES.iter().any(has), "{name} has no script");
    }
}

#[test]
fn rotations_and_chance() {
    let (policies, _) = POLICIES.split_at(4);
    scripts(policies);
}

#[test]
fn loads() {
    scripts(&POLICIES[4..8]);
}

#[test]
fn keys_without_a_table() {
    scripts(&POLICIES[8..10]);
}

#[test]
fn keys_with_a_table() {
    scripts(&POLICIES[10..]);
}

/// Kits that leave parts out, with all policies.
#[test]
fn kits() {
    with_room(|| {
        let mut sum = Sum::default();
        for policy in POLICIES {
            for seed in 0..deep() {
                run(policy, Defaults, seed, &mut sum);
                run(policy, NoHealth, seed, &mut sum);
                run(policy, Config { seed, ..Config::DEFAULT }, seed, &mut sum);
            }
        }
        println!("{sum:?}");
    });
}
