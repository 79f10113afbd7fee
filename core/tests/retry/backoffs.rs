//! Waits between attempts: the published formulas, their bounds and means, extremes.

use core::time::Duration;

use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Backoff, Jitter};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use crate::proptest_config;

const ZERO: Duration = Duration::ZERO;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Waits after the same number of failures.
fn waits(backoff: Backoff, failures: u32, previous: Duration) -> Vec<Duration> {
    let mut rng = rng();
    (0..40_000).map(|_| backoff.wait(failures, previous, &mut rng)).collect()
}

/// Whether waits are spread evenly over `low..=high`: sixteen bins, each within four standard
/// deviations.
fn spread_evenly(waits: &[Duration], low: Duration, high: Duration) -> bool {
    let mut bins = [0_u32; 16];
    for &wait in waits {
        if wait < low || wait > high {
            return false;
        }
        let place =
            (wait.as_nanos() - low.as_nanos()) * 16 / (high.as_nanos() - low.as_nanos() + 1);
        bins[place as usize] += 1;
    }
    let share = waits.len() as u32 / 16;
    bins.iter().all(|bin| bin.abs_diff(share).pow(2) <= 16 * share)
}

#[test]
fn without_jitter_waits_double_up_to_the_cap() {
    let backoff = Backoff::exponential(millis(25), millis(250)).with_jitter(Jitter::None);
    let waits = [0, 1, 2, 3, 4, 5, 6, 64, 65, u32::MAX]
        .map(|failures| backoff.wait(failures, ZERO, &mut rng()));
    assert_eq!(waits, [25, 25, 50, 100, 200, 250, 250, 250, 250, 250].map(millis));
    let odd =
        Backoff::exponential(Duration::from_nanos(3), Duration::MAX).with_jitter(Jitter::None);
    let exact = |failures| odd.wait(failures, ZERO, &mut rng()).as_nanos();
    assert_eq!((exact(1), exact(40), exact(63)), (3, 3 << 39, 3 << 62));
    assert_eq!(exact(64), u128::from(u64::MAX), "584 years are the most");
}

#[test]
fn full_jitter_is_anything_up_to_the_wait() {
    let backoff = Backoff::exponential(millis(25), millis(250));
    for (failures, most) in [(1, 25), (2, 50), (3, 100), (4, 200), (5, 250), (70, 250)] {
        assert!(spread_evenly(&waits(backoff, failures, ZERO), ZERO, millis(most)), "{failures}");
    }
}

#[test]
fn equal_jitter_is_anything_from_half_the_wait() {
    let backoff = Backoff::exponential(millis(25), millis(250)).with_jitter(Jitter::Equal);
    for (failures, most) in [(1, 25), (2, 50), (3, 100), (4, 200), (5, 250), (70, 250)] {
        assert!(
            spread_evenly(&waits(backoff, failures, ZERO), millis(most) / 2, millis(most)),
            "{failures}"
        );
    }
}

#[test]
fn decorrelated_jitter_follows_from_the_wait_before() {
    let backoff = Backoff::exponential(millis(25), Duration::MAX).with_jitter(Jitter::Decorrelated);
    // The first follows from the base; the number of failures does not matter.
    for (failures, previous, most) in
        [(1, 0, 75), (9, 25, 75), (2, 24, 75), (2, 26, 78), (3, 1000, 3000)]
    {
        assert!(
            spread_evenly(&waits(backoff, failures, millis(previous)), millis(25), millis(most)),
            "{previous}"
        );
    }
    // What lies beyond the cap is the cap: of U(25, 325), a quarter.
    let capped = Backoff::exponential(millis(25), millis(250)).with_jitter(Jitter::Decorrelated);
    let waits = waits(capped, 2, Duration::from_nanos(325_000_000 / 3));
    let at_cap = waits.iter().filter(|&&wait| wait == millis(250)).count();
    assert!(at_cap.abs_diff(10_000) < 400, "{at_cap}");
    let below: Vec<_> = waits.into_iter().filter(|&wait| wait < millis(250)).take(28_800).collect();
    assert!(spread_evenly(&below, millis(25), millis(250)));
}

#[test]
fn decorrelated_waits_settle_where_the_published_simulator_has_them() {
    // sleep = min(cap, uniform(base, sleep * 3)) from sleep = base; base 5, cap 2,000, in the
    // article's units.
    let (base, cap) = (Duration::from_secs(5), Duration::from_secs(2000));
    let backoff = Backoff::exponential(base, cap).with_jitter(Jitter::Decorrelated);
    let (mut rng, mut means) = (rng(), [0; 3]);
    for _ in 0..20_000 {
        let mut previous = ZERO;
        for (failures, mean) in (1..).zip(&mut means) {
            let wait = backoff.wait(failures, previous, &mut rng);
            assert!(wait >= base && wait <= (previous.max(base) * 3).min(cap));
            *mean += wait.as_micros() as u64 / 20_000;
            previous = wait;
        }
    }
    // Each mean is half of (base + 3 times the mean before): 10, 17.5, 28.75.
    for (mean, expected) in means.into_iter().zip([10_000_000_u64, 17_500_000, 28_750_000]) {
        assert!(mean.abs_diff(expected) < expected / 50, "{means:?}");
    }
}

#[test]
fn jitter_below_a_second_is_kept() {
    // A base of whole seconds must not make waits of whole seconds.
    for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
        let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(64))
            .with_jitter(jitter);
        let parts = waits(backoff, 3, ZERO)
            .into_iter()
            .map(|wait| Duration::from_nanos(wait.subsec_nanos().into()));
        assert!(
            spread_evenly(&parts.collect::<Vec<_>>(), ZERO, Duration::from_nanos(999_999_999)),
            "{jitter:?}"
        );
    }
}

#[test]
fn nothing_but_decorrelated_jitter_looks_at_the_wait_before() {
    for &jitter in Jitter::ALL {
        let backoff = Backoff::exponential(millis(25), millis(250)).with_jitter(jitter);
        let wait = |previous| backoff.wait(2, previous, &mut rng());
        let same = [millis(1), millis(40), Duration::MAX]
            .iter()
            .all(|&previous| wait(previous) == wait(ZERO));
        assert_eq!(same, jitter != Jitter::Decorrelated, "{jitter:?}");
    }
}

#[test]
fn the_default_is_envoys_setting() {
    let full = Backoff::Exponential { base: millis(25), cap: millis(250), jitter: Jitter::Full };
    assert_eq!((Backoff::default(), Jitter::default()), (full, Jitter::Full));
    for other in [Backoff::None, Backoff::Constant(millis(7))] {
        assert_eq!(other.with_jitter(Jitter::Equal), other);
    }
    assert_eq!(Backoff::None.wait(1, millis(9), &mut rng()), ZERO);
    assert_eq!(Backoff::Constant(millis(7)).wait(9, millis(9), &mut rng()), millis(7));
}

#[test]
fn the_same_seed_gives_the_same_waits_in_every_version() {
    let waits = [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated].map(|jitter| {
        let backoff = Backoff::exponential(millis(25), millis(250)).with_jitter(jitter);
        backoff.wait(3, millis(60), &mut rng()).as_nanos()
    });
    assert_eq!(waits, [100_000_000, 40_248_566, 70_124_283, 87_385_278]);
}

fn time() -> impl Strategy<Value = Duration> {
    let nanos = prop_oneof![any::<u64>(), 0..5_000_000_000_u64, 0..4_u64, Just(u64::MAX)];
    prop_oneof![9 => nanos.prop_map(Duration::from_nanos), 1 => Just(Duration::MAX)]
}

/// 2⁶⁴ nanoseconds are the most.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn no_wait_is_beyond_its_bounds(
        base in time(),
        cap in time(),
        previous in time(),
        failures: u32,
        near in 0..70_u32,
        seed: u64,
    ) {
        let jitters = |n| Jitter::ALL.iter().map(move |&jitter| (n, jitter));
        for (failures, jitter) in [failures, near].into_iter().flat_map(jitters) {
            let rng = || ChaCha8Rng::seed_from_u64(seed);
            let backoff = |cap| Backoff::exponential(base, cap).with_jitter(jitter);
            let wait = nanos(backoff(cap).wait(failures, previous, &mut rng()));
            prop_assert!(wait <= nanos(cap));

            let factor = 1_u128.checked_shl(failures.saturating_sub(1)).unwrap_or(u128::MAX);
            let doubled = u128::from(nanos(base)).saturating_mul(factor);
            let plain = doubled.min(nanos(cap).into()) as u64;
            let (low, high) = match jitter {
                Jitter::None => (plain, plain),
                Jitter::Full => (0, plain),
                Jitter::Equal => (plain / 2, plain),
                Jitter::Decorrelated => {
                    let most = nanos(previous).max(nanos(base)).saturating_mul(3);
                    (nanos(base).min(nanos(cap)), most)
                }
            };
            prop_assert!(low <= wait && wait <= high, "{low} <= {wait} <= {high}, {jitter:?}");

            // With the same random number, a higher cap and more failures never mean a shorter
            // wait.
            let higher = backoff(Duration::MAX).wait(failures, previous, &mut rng());
            prop_assert!(higher >= Duration::from_nanos(wait));
            let next = backoff(cap).wait(failures.saturating_add(1), previous, &mut rng());
            prop_assert!(next >= Duration::from_nanos(wait));
        }
    }
}
