//! In which order to try SRV records.

use rand_core::Rng;

use super::{SrvRecord, weight};
use crate::time::high_product;

/// Puts `records` into the order in which RFC 2782 has a client try them, to the letter.
///
/// The lower priority goes first. Within a priority, records of weight 0 are put before the others,
/// which keep their order; then one record after the other is drawn: the first whose running sum of
/// weights reaches a random number in 0..=S, S being the sum of all that are left.
///
/// That is S + 1 numbers for S shares, and the first record in the list has the extra one (the
/// RFC's errata say so, too): of weights 1 and 1, the first leads 2 times in 3; of 0, 1 and 1, each
/// as often; of weights 0 alone, always the order they came in. [`order_by_share`] has no such
/// bias. O(n²) for `n` records, in place.
///
/// ```
/// use evenkeel_core::srv::{self, SrvRecord};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let record = |priority, weight, target| SrvRecord { priority, weight, port: 80, target };
/// let mut records = [record(5, 0, "backup."), record(0, 60, "a."), record(0, 30, "b.")];
/// srv::order(&mut records, &mut ChaCha8Rng::seed_from_u64(1));
/// assert_eq!(records[2].target, "backup.");
/// ```
pub fn order<T>(records: &mut [SrvRecord<T>], rng: &mut impl Rng) {
    sort(records);
    for level in records.chunk_by_mut(|a, b| a.priority == b.priority) {
        draw(level, 0, |record| record.weight.into(), rng);
    }
}

/// Puts `records` into an order in which each leads in proportion to its weight.
///
/// The lower priority goes first. Within a priority, each next record is drawn from those left with
/// the weights that [`endpoints`](super::endpoints) gives them: with `z` records of weight 0, these
/// have 1 each and the others `z` times their own, so that all zeros together have the very small
/// chance that RFC 2782 means, and weights 0 alone are shuffled. O(n²) for `n` records, in place.
pub fn order_by_share<T>(records: &mut [SrvRecord<T>], rng: &mut impl Rng) {
    sort(records);
    for level in records.chunk_by_mut(|a, b| a.priority == b.priority) {
        let zeros = level.iter().filter(|record| record.weight == 0).count();
        draw(level, 1, |record| weight(record.weight, zeros).into(), rng);
    }
}

/// Sorts by priority, zero weights first, and keeps the order of equals: `sort_unstable` would not,
/// and another compiler's might differ.
fn sort<T>(records: &mut [SrvRecord<T>]) {
    let rank = |record: &SrvRecord<T>| (record.priority, record.weight != 0);
    for sorted in 1..records.len() {
        let Some((record, before)) = records.get(..=sorted).and_then(<[_]>::split_last) else {
            return;
        };
        let at = before.partition_point(|other| rank(other) <= rank(record));
        move_to_front(records.get_mut(at..=sorted));
    }
}

/// Moves to the front, again and again, the first record whose running sum reaches a random number
/// in `least..=sum`.
fn draw<T>(
    level: &mut [SrvRecord<T>],
    least: u64,
    weight: impl Fn(&SrvRecord<T>) -> u64,
    rng: &mut impl Rng,
) {
    let mut rest = level;
    while !rest.is_empty() {
        let sum: u64 = rest.iter().map(&weight).sum();
        let number = least + below(sum + 1 - least, rng);
        let mut running = 0;
        let chosen = rest.iter().position(|record| {
            running += weight(record);
            running >= number
        });
        move_to_front(rest.get_mut(..=chosen.unwrap_or(0)));
        rest = rest.split_first_mut().map_or_else(Default::default, |(_, left)| left);
    }
}

/// Moves the last record before all others.
fn move_to_front<T>(records: Option<&mut [SrvRecord<T>]>) {
    if let Some(records) = records
        && !records.is_empty()
    {
        records.rotate_right(1);
    }
}

/// Returns a random number in `0..n`, biased by less than n/2⁶⁴.
fn below(n: u64, rng: &mut impl Rng) -> u64 {
    high_product(rng.next_u64(), n)
}
