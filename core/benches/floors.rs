//! The barest code that could do the same.

use core::hint::{black_box, select_unpredictable};

use evenkeel_core::rand_core::Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedAliasIndex;

use crate::measure::{Row, Subject, repeated};
use crate::{load, rng, slots, weight};

pub(crate) const COUNTER: &str = "floor: counter, index";
pub(crate) const REMAINDER: &str = "floor: counter, remainder, index";
pub(crate) const BITS: &str = "floor: 32 bits, Lemire, index";
pub(crate) const ALIAS: &str = "floor: 64 bits, alias, index";
pub(crate) const LOADS: &str = "floor: 2 draws, 2 loads, index";
pub(crate) const KEPT_LOADS: &str = "floor: 2 draws, 2 loads, +1, -1, index";

pub(crate) fn rows(n: u32) -> Vec<Row> {
    vec![
        Row::new(COUNTER, counter(n)),
        Row::new(REMAINDER, remainder(n)),
        Row::new(BITS, bits(n)),
        Row::new(ALIAS, alias(n)),
        Row::new("rand_distr's WeightedAliasIndex, index", rand_distr_alias(n)).beside(ALIAS, None),
        Row::new("rand's WeightedIndex, index", rand_weighted_index(n)).beside(ALIAS, None),
        Row::new(LOADS, two_loads(n)),
        Row::new(KEPT_LOADS, two_kept_loads(n)),
    ]
}

fn counter(n: u32) -> Subject {
    let (slots, mut next) = (slots(n), 0);
    repeated(move || {
        let place = if next < slots.len() { next } else { 0 };
        next = place + 1;
        slots[place]
    })
}

fn remainder(n: u32) -> Subject {
    let (slots, mut next) = (slots(n), 0_usize);
    repeated(move || {
        next = next.wrapping_add(1);
        slots[next % slots.len()]
    })
}

fn bits(n: u32) -> Subject {
    let (slots, mut rng) = (slots(n), rng());
    repeated(move || slots[lemire(rng.next_u32(), slots.len())])
}

/// The lookup alone counts, so the table may be any.
fn alias(n: u32) -> Subject {
    let columns: Vec<(u32, u32)> = (0..n).map(|i| (weight(i) << 28, (i + 1) % n)).collect();
    let (slots, mut rng) = (slots(n), rng());
    repeated(move || {
        let bits = rng.next_u64();
        let place = lemire((bits >> 32) as u32, columns.len());
        let (cut, alias) = columns[place];
        slots[select_unpredictable((bits as u32) < cut, place, alias as usize)]
    })
}

fn rand_distr_alias(n: u32) -> Subject {
    let table = WeightedAliasIndex::new((0..n).map(weight).collect()).expect("weights");
    let (slots, mut rng) = (slots(n), rng());
    repeated(move || slots[table.sample(&mut rng)])
}

fn rand_weighted_index(n: u32) -> Subject {
    let table = rand::distr::weighted::WeightedIndex::new((0..n).map(weight)).expect("weights");
    let (slots, mut rng) = (slots(n), rng());
    repeated(move || slots[table.sample(&mut rng)])
}

fn two_loads(n: u32) -> Subject {
    let loads: Vec<u32> = (0..n).map(load).collect();
    let (slots, mut rng) = (slots(n), rng());
    repeated(move || {
        let (a, b) = two(rng.next_u64(), loads.len());
        slots[select_unpredictable(loads[a] <= loads[b], a, b)]
    })
}

fn two_kept_loads(n: u32) -> Subject {
    let mut loads: Vec<u32> = (0..n).map(load).collect();
    let (slots, mut rng) = (slots(n), rng());
    repeated(move || {
        let (a, b) = two(rng.next_u64(), loads.len());
        let place = select_unpredictable(loads[a] <= loads[b], a, b);
        loads[place] += 1;
        // The request is in between.
        let place = black_box(place);
        loads[place] -= 1;
        slots[place]
    })
}

fn two(bits: u64, n: usize) -> (usize, usize) {
    (lemire((bits >> 32) as u32, n), lemire(bits as u32, n))
}

fn lemire(word: u32, n: usize) -> usize {
    ((u64::from(word) * n as u64) >> 32) as usize
}
