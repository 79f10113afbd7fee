//! The orders over SRV records: every draw of RFC 2782's rule, and the shares that follow.

use core::convert::Infallible;

use evenkeel_core::srv::{self, SrvRecord};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{SeedableRng, TryRng};

fn records(list: &[(u16, u16)]) -> Vec<SrvRecord<usize>> {
    let record = |(target, &(priority, weight))| SrvRecord { priority, weight, port: 80, target };
    list.iter().enumerate().map(record).collect()
}

fn weights(weights: &[u16]) -> Vec<SrvRecord<usize>> {
    records(&weights.iter().map(|&weight| (0, weight)).collect::<Vec<_>>())
}

fn targets(records: &[SrvRecord<usize>]) -> Vec<usize> {
    records.iter().map(|record| record.target).collect()
}

/// Gives the numbers that make a draw among `n` give `number`, for each (number, n) in turn.
struct Script(Vec<(u64, u64)>);

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("draws take 64 bits")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let (number, n) = self.0.remove(0);
        Ok((u128::from(number) << 64).div_ceil(u128::from(n)) as u64)
    }

    fn try_fill_bytes(&mut self, _bytes: &mut [u8]) -> Result<(), Infallible> {
        unreachable!("draws take 64 bits")
    }
}

/// How often each record leads, over every number that may be drawn first.
fn leads(list: &[u16]) -> Vec<usize> {
    let sum: u64 = list.iter().copied().map(u64::from).sum();
    let mut leads = vec![0; list.len()];
    for number in 0..=sum {
        let mut records = weights(list);
        let mut script = Script([(number, sum + 1)].into_iter().chain([(0, 1); 9]).collect());
        srv::order(&mut records, &mut script);
        leads[records[0].target] += 1;
    }
    leads
}

#[test]
fn the_extra_share_is_the_first_records() {
    // The RFC's errata.
    assert_eq!(leads(&[1, 1]), [2, 1]);
    assert_eq!(leads(&[0, 1, 1]), [1, 1, 1]);
    assert_eq!(leads(&[10, 20, 70]), [11, 20, 70]);
    assert_eq!(leads(&[1, 0, 1]), [1, 1, 1]);
    assert_eq!(leads(&[0, 0, 5]), [1, 0, 5]);
    assert_eq!(leads(&[0, 0]), [1, 0]);
    assert_eq!(leads(&[7]), [8]);
}

/// RFC 2782 step by step, drawing the numbers of `script`.
fn oracle(records: &[SrvRecord<usize>], script: &[(u64, u64)]) -> Vec<usize> {
    let mut levels: Vec<u16> = records.iter().map(|record| record.priority).collect();
    levels.sort_unstable();
    levels.dedup();
    let (mut order, mut draws) = (Vec::new(), script.iter());
    for level in levels {
        let of_level = |zero: bool| {
            records
                .iter()
                .filter(move |record| record.priority == level && (record.weight == 0) == zero)
        };
        let mut left: Vec<_> = of_level(true).chain(of_level(false)).collect();
        while !left.is_empty() {
            let (number, _) = draws.next().expect("a number for each record");
            let running: Vec<u64> = (1..=left.len())
                .map(|count| left[..count].iter().map(|record| u64::from(record.weight)).sum())
                .collect();
            let chosen = running.iter().position(|sum| sum >= number).expect("at most the sum");
            order.push(left.remove(chosen).target);
        }
    }
    order
}

#[test]
fn every_sequence_of_draws() {
    let lists: [&[(u16, u16)]; 4] = [
        &[(0, 1), (0, 0), (0, 2), (0, 0)],
        &[(7, 1), (0, 2), (7, 0), (0, 1), (3, 0)],
        &[(1, 3), (1, 1), (0, 0)],
        &[],
    ];
    for list in lists {
        // All scripts, built up draw by draw: what is left in a level decides how many numbers
        // there are.
        let mut scripts = vec![vec![]];
        for _ in 0..list.len() {
            scripts = scripts
                .into_iter()
                .flat_map(|script: Vec<(u64, u64)>| {
                    let next = next_range(list, &script);
                    (0..next).map(move |number| [&script[..], &[(number, next)]].concat())
                })
                .collect();
        }
        for script in scripts {
            let mut records = records(list);
            srv::order(&mut records, &mut Script(script.clone()));
            assert_eq!(targets(&records), oracle(&self::records(list), &script));
        }
    }
}

/// How many numbers the draw after `script` has: one more than the weights left in its level.
fn next_range(list: &[(u16, u16)], script: &[(u64, u64)]) -> u64 {
    let all = records(list);
    let drawn = oracle(&all, &[script, &vec![(0, 1); list.len()]].concat());
    let next = &all[drawn[script.len()]];
    let left = drawn[script.len()..].iter().map(|&target| &all[target]);
    left.filter(|record| record.priority == next.priority)
        .map(|record| u64::from(record.weight))
        .sum::<u64>()
        + 1
}

#[test]
fn is_a_permutation_from_the_seed() {
    let list: Vec<(u16, u16)> =
        (0..500).map(|i| (i * 7 % 5, [0, 1, u16::MAX, i][usize::from(i % 4)])).collect();
    for order in [srv::order::<usize>, srv::order_by_share::<usize>] {
        let shuffled = |seed| {
            let mut records = records(&list);
            order(&mut records, &mut ChaCha8Rng::seed_from_u64(seed));
            records
        };
        let once = shuffled(1);
        assert!(once.is_sorted_by_key(|record| record.priority));
        let mut all = targets(&once);
        all.sort_unstable();
        assert_eq!(all, (0..500).collect::<Vec<_>>());
        assert_eq!(once, shuffled(1));
        assert_ne!(once, shuffled(2));
    }
}

/// The chi-square statistic of how often each record leads in 100,000 orders by share.
fn statistic(list: &[u16], shares: &[u32]) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut leads = vec![0_u32; list.len()];
    for _ in 0..100_000 {
        let mut records = weights(list);
        srv::order_by_share(&mut records, &mut rng);
        leads[records[0].target] += 1;
    }
    let sum: f64 = shares.iter().copied().map(f64::from).sum();
    let expected = shares.iter().map(|&share| 100_000.0 * f64::from(share) / sum);
    leads
        .iter()
        .zip(expected)
        .map(|(&count, expected)| (f64::from(count) - expected).powi(2) / expected)
        .sum()
}

#[test]
fn leads_by_share() {
    // With 1, 2 and 3 degrees of freedom, chance exceeds these limits in 1 of 1,000,000 runs.
    assert!(statistic(&[1, 1], &[1, 1]) < 23.9);
    assert!(statistic(&[10, 20, 70], &[10, 20, 70]) < 27.6);
    assert!(statistic(&[0, 0, 0], &[1, 1, 1]) < 27.6);
    assert!(statistic(&[0, 5, 0, 5], &[1, 10, 1, 10]) < 30.7);
}

#[test]
fn second_place_by_share() {
    // As with exponential clocks: P(1 after 0) = 1/6 · 2/5.
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut count = 0_u32;
    for _ in 0..100_000 {
        let mut records = weights(&[1, 2, 3]);
        srv::order_by_share(&mut records, &mut rng);
        count += u32::from(targets(&records) == [0, 1, 2]);
    }
    let (expected, deviation) = (100_000.0 / 15.0, (100_000.0_f64 / 15.0 * 14.0 / 15.0).sqrt());
    assert!((f64::from(count) - expected).abs() < 4.75 * deviation, "{count}");
}
