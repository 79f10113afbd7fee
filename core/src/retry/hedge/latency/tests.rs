use alloc::string::ToString;
use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const MILLI: Duration = Duration::from_millis(1);

fn of(per_mille: u16) -> LatencyPercentile {
    LatencyPercentile::new(per_mille).expect("a good number")
}

#[test]
fn buckets_follow_each_other() {
    assert_eq!(bucket_of(Duration::ZERO), 0);
    let mut begin = 0;
    for bucket in 0..BUCKETS {
        let end = end_of(bucket as u32);
        assert_eq!(bucket_of(Duration::from_nanos(begin)), bucket, "from {begin} ns");
        assert_eq!(bucket_of(Duration::from_nanos(end - 1)), bucket, "to {end} ns");
        assert!(bucket == 0 || end - begin <= begin / 8, "bucket {bucket} is wider than an eighth");
        begin = end;
    }
    assert_eq!(begin, 1 << 37);
    assert_eq!(bucket_of(Duration::from_nanos(begin)), BUCKETS - 1);
    assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
}

/// Against the exact percentile of the same samples, of shapes with and without a long tail.
#[test]
fn error_is_within_its_bound() {
    let mut rng = ChaCha8Rng::seed_from_u64(24);
    let mut draw = |shape: u32| match shape {
        // Evenly from 0 to 0.5 s; octaves evenly from 1 µs to 60 s; 2 ms, and one in 32 about a
        // hundred times that.
        0 => rng.next_u64() % 500_000_000,
        1 => 1000 << (rng.next_u32() % 26),
        _ if rng.next_u32().is_multiple_of(32) => 100_000_000 + rng.next_u64() % 200_000_000,
        _ => 2_000_000 + rng.next_u64() % 100_000,
    };
    for shape in 0..3 {
        let samples: Vec<u64> = (0..20_000).map(|_| draw(shape)).collect();
        for per_mille in [1, 500, 900, 950, 990, 999] {
            let mut latencies = of(per_mille);
            // All at once, and then one after the refresh that does not change the rank.
            for &sample in &samples {
                latencies.observe(Instant::ZERO, Duration::from_nanos(sample));
            }
            let now = Instant::from_secs(3);
            latencies.observe(now, Duration::from_nanos(samples[0]));
            let got = nanos(latencies.delay(now).expect("20,000 samples"));
            let mut sorted = samples.clone();
            sorted.push(samples[0]);
            sorted.sort_unstable();
            let exact = sorted[(sorted.len() * usize::from(per_mille)).div_ceil(1000) - 1];
            let least = exact.max(1 << 20);
            assert!(
                got >= least && got <= (exact + exact / 8).max(least),
                "{per_mille} of {shape}: {got}, not {exact}"
            );
        }
    }
}

#[test]
fn too_few_samples_give_no_delay() {
    for (per_mille, least) in [(1, 20), (500, 20), (950, 20), (951, 21), (990, 100), (999, 1000)] {
        let mut latencies = of(per_mille);
        for sample in 1..=least {
            assert_eq!(latencies.delay(Instant::ZERO), None, "{sample} of {least}");
            latencies.observe(Instant::ZERO, 7 * MILLI);
        }
        let delay = latencies.delay(Instant::ZERO).expect("enough samples");
        assert!(delay > 7 * MILLI && delay <= 8 * MILLI, "{delay:?}");
    }
}

#[test]
fn delay_changes_every_three_seconds_and_forgets_after_half_a_minute() {
    let mut latencies = of(500);
    (0..1000).for_each(|_| latencies.observe(Instant::ZERO, 100 * MILLI));
    let slow = latencies.delay(Instant::ZERO).expect("enough samples");
    let after = |millis: u64, latencies: &mut LatencyPercentile, took| {
        latencies.observe(Instant::from_millis(millis), took);
        latencies.delay(Instant::from_millis(millis)).expect("enough samples")
    };
    for _ in 0..5000 {
        assert_eq!(after(2999, &mut latencies, 10 * MILLI), slow, "not before 3 s");
    }
    let fast = after(3000, &mut latencies, 10 * MILLI);
    assert!(fast < 12 * MILLI, "{fast:?}");
    // From 15 s on, these are of the window before, and from 30 s on forgotten.
    (0..100).for_each(|_| latencies.observe(Instant::from_secs(15), 50 * MILLI));
    assert_eq!(after(29_999, &mut latencies, 50 * MILLI), fast);
    let last = after(33_000, &mut latencies, 50 * MILLI);
    assert!(last > 50 * MILLI && last < 57 * MILLI, "{last:?}");
    assert_eq!(latencies.delay(Instant::from_millis(62_999)), Some(last));
    assert_eq!(
        latencies.delay(Instant::from_millis(63_000)),
        None,
        "half a minute without a sample"
    );
    let now = Instant::from_secs(100);
    (0..19).for_each(|_| latencies.observe(now, MILLI));
    assert_eq!(latencies.delay(now), None, "what was before does not count");
    latencies.observe(now, MILLI);
    assert!(latencies.delay(now).is_some_and(|delay| delay < 2 * MILLI));
}

#[test]
fn clock_may_go_backwards_and_counters_fill_up() {
    let mut latencies = of(950);
    let late = Instant::from_secs(1_000_000);
    (0..100).for_each(|_| latencies.observe(late, 100 * MILLI));
    (0..100_000).for_each(|_| latencies.observe(Instant::from_secs(1), 10 * MILLI));
    latencies.observe(Instant::from_secs(4), 10 * MILLI);
    assert!(
        latencies.delay(Instant::from_secs(4)).is_some_and(|delay| delay < 12 * MILLI),
        "counts from now on"
    );
    latencies.current.counts = [u32::MAX; BUCKETS];
    latencies.current.total = u64::from(u32::MAX) * BUCKETS as u64;
    latencies.previous = latencies.current.clone();
    latencies.observe(Instant::from_secs(8), Duration::MAX);
    assert!(latencies.delay(Instant::from_secs(8)).is_some());
}

/// Threads share a clock: one that was read before another's refresh is told after it. The windows
/// end all the same, and what was slow a minute ago is forgotten.
#[test]
fn windows_end_in_spite_of_disorder() {
    let mut latencies = of(950);
    for millis in 0..90_000_u64 {
        let took = if millis < 30_000 { 100 * MILLI } else { 10 * MILLI };
        let behind = millis % 2;
        latencies.observe(Instant::from_millis(1_000_000 + millis - 2 * behind), took);
    }
    let delay = latencies.delay(Instant::from_millis(1_090_000));
    assert!(delay.is_some_and(|delay| delay < 12 * MILLI), "{delay:?}");
}

#[test]
fn percentile_is_checked() {
    for (per_mille, text) in [
        (0, "0 per mille: it must be between 1 and 999"),
        (1000, "1000 per mille: it must be between 1 and 999"),
        (u16::MAX, "65535 per mille: it must be between 1 and 999"),
    ] {
        let error = LatencyPercentile::new(per_mille).expect_err("out of range");
        assert_eq!(
            (error, error.to_string().as_str()),
            (LatencyPercentileError::PerMille { per_mille }, text)
        );
    }
    assert!(LatencyPercentile::new(1).is_ok() && LatencyPercentile::new(999).is_ok());
}
