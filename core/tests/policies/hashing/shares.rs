//! How evenly keys spread: the chi-square statistic of [`assert_shares`].

use evenkeel_core::policy::{Ketama, Maglev, PickFirst, Rendezvous, RingHash};
use evenkeel_core::{Heap, Policy, hash};

use crate::fixture::{Fixture, assert_shares, keys};

fn fixture(weights: &[u32]) -> Fixture<String> {
    Fixture::new(weights.iter().enumerate().map(|(i, &weight)| (format!("10.0.0.{i}:80"), weight)))
}

fn counts(
    fixture: &Fixture<String>,
    policy: &impl Policy,
    keys: impl Iterator<Item = u64>,
) -> Vec<u64> {
    let mut counts = vec![0; fixture.len()];
    keys.for_each(|key| counts[fixture.pick(policy, key)] += 1);
    counts
}

fn shares(fixture: &Fixture<String>) -> Vec<u64> {
    fixture.weights.iter().map(|&weight| u64::from(weight)).collect()
}

const WEIGHTS: [&[u32]; 5] = [
    &[1; 10],
    &[1, 2, 3, 4, 5, 6, 7],
    &[1, 100],
    &[u32::MAX, u32::MAX / 2, u32::MAX / 3],
    &[5, 5, 5, 6],
];

#[test]
fn rendezvous() {
    for weights in WEIGHTS {
        let fixture = fixture(weights);
        assert_shares(&counts(&fixture, &Rendezvous::new(), keys(30, 100_000)), &shares(&fixture));
        // Keys that are no hashes.
        assert_shares(&counts(&fixture, &Rendezvous::new(), 0..100_000), &shares(&fixture));
    }
}

#[test]
fn second_choices() {
    // Of the keys of endpoint 0, the others get theirs by weight.
    let fixture = fixture(&[4, 1, 2, 3]);
    let mut counts = vec![0; 3];
    for key in keys(31, 100_000).filter(|&key| fixture.pick(&Rendezvous::new(), key) == 0) {
        counts[fixture.pick_avoiding(&Rendezvous::new(), key, &[0]) - 1] += 1;
    }
    assert_shares(&counts, &[1, 2, 3]);
}

#[test]
fn maglev_entries() {
    for weights in WEIGHTS {
        let fixture = fixture(weights);
        let policy = fixture.built(Maglev::new());
        let total: u64 = shares(&fixture).iter().sum();
        let counts = counts(&fixture, &policy, 0..65_537);
        for (count, weight) in counts.into_iter().zip(shares(&fixture)) {
            let ideal = 65_537.0 * weight as f64 / total as f64;
            assert!((count as f64 - ideal).abs() <= 2.0, "{count} entries instead of {ideal}");
        }
    }
}

#[test]
fn ring_points() {
    // A ring's shares are as uneven as its points: with p points each, the standard deviation is 1/√p of the share.
    for weights in WEIGHTS {
        let fixture = fixture(weights);
        let policy: RingHash<Heap> =
            fixture.built(RingHash::with_sizes(100_000, 200_000).expect("valid sizes"));
        let total: u64 = shares(&fixture).iter().sum();
        for (count, weight) in
            counts(&fixture, &policy, keys(32, 100_000)).into_iter().zip(shares(&fixture))
        {
            let share = weight as f64 / total as f64;
            let deviation = (share / 100_000.0).sqrt() * 2.0;
            assert!(
                (count as f64 / 100_000.0 - share).abs() < 5.0 * deviation,
                "{count} at {share}"
            );
        }
    }
}

#[test]
fn ketama_points() {
    let fixture = fixture(&[10, 20, 30, 40]);
    let policy = fixture.built(Ketama::new());
    for (count, share) in
        counts(&fixture, &policy, keys(33, 100_000)).into_iter().zip([0.1, 0.2, 0.3, 0.4])
    {
        let deviation = f64::sqrt(share / 16_000.0) * 2.0;
        assert!((count as f64 / 100_000.0 - share).abs() < 5.0 * deviation, "{count} at {share}");
    }
}

#[test]
fn clients_of_pick_first() {
    let fixture = fixture(&[1; 20]);
    let mut counts = vec![0; 20];
    for seed in 0..100_000 {
        counts[fixture.pick(&fixture.built(PickFirst::with_seed(seed)), 0)] += 1;
    }
    assert_shares(&counts, &[1; 20]);
}

#[test]
fn bits_of_mixed_numbers() {
    // Each bit is set half of the time, whatever small numbers are mixed.
    let mut counts = [0; 64];
    for (a, b) in (0..200).flat_map(|a| (0..200).map(move |b| (a, b))) {
        for (bit, count) in counts.iter_mut().enumerate() {
            *count += hash::mix(a, b) >> bit & 1;
        }
    }
    for count in counts {
        assert_shares(&[count, 40_000 - count], &[1, 1]);
    }
}
