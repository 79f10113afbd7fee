//! Each policy against the plainest form of its rule, written independently of it.

use core::hash::Hasher;
use std::collections::BTreeMap;

use evenkeel_core::policy::{Ketama, Maglev, PickFirst, Rendezvous, RingHash};
use evenkeel_core::{Inline, Policy, hash};
use twox_hash::XxHash64;

use crate::fixture::{Fixture, keys};

fn xxh64(text: &str, seed: u64) -> u64 {
    let mut hasher = XxHash64::with_seed(seed);
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Fixtures of random sizes and weights; most keys are longer than one block of the hash, some than one window of the
/// comparison.
fn fixtures() -> impl Iterator<Item = Fixture<String>> {
    keys(2, 40).enumerate().map(|(round, random)| {
        let n = 1 + random as usize % 40;
        let weight = move |i: usize| match round % 4 {
            0 => 1,
            1 => 1 + (random.rotate_left(i as u32) % 9) as u32,
            2 => 1 + (random.rotate_left(i as u32) % 1_000_003) as u32,
            _ => u32::MAX - (random.rotate_left(i as u32) % 3) as u32,
        };
        let long = "a".repeat(if round % 3 == 0 { 100 } else { 3 });
        Fixture::new(
            (0..n).map(move |i| (format!("{long}-{}:{}", i * 7 % 40, 8000 + i), weight(i))),
        )
    })
}

/// The places of all candidates, from the first choice of the policy to the last, by having tried those before.
fn order<P: Policy>(fixture: &Fixture<String>, policy: &P, key: u64) -> Vec<usize> {
    let mut order = Vec::new();
    for _ in 0..fixture.len() {
        order.push(fixture.pick_avoiding(policy, key, &order));
    }
    assert_eq!(
        fixture.pick_avoiding(policy, key, &order),
        order[0],
        "with all tried, the first choice"
    );
    order
}

#[test]
fn rendezvous() {
    for fixture in fixtures() {
        for key in keys(3, 10) {
            let score = |place: usize| {
                let u = (hash::mix(key, fixture.ids[place]) as f64 + 0.5) / 2_f64.powi(64);
                f64::from(fixture.weights[place]) / -u.ln()
            };
            let mut oracle: Vec<usize> = (0..fixture.len()).collect();
            oracle.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            assert_eq!(order(&fixture, &Rendezvous::new(), key), oracle);
        }
    }
}

#[test]
fn pick_first() {
    for fixture in fixtures() {
        for seed in keys(4, 10) {
            let policy = fixture.built(PickFirst::with_seed(seed));
            let mut oracle: Vec<usize> = (0..fixture.len()).collect();
            oracle.sort_by_key(|&place| hash::mix(seed, fixture.ids[place]));
            assert_eq!(order(&fixture, &policy, 0), oracle);
        }
    }
}

/// The first points at or after `key`, around the ring, each endpoint once.
fn around<H: Ord + Copy>(ring: &BTreeMap<H, usize>, key: H) -> Vec<usize> {
    let mut order = Vec::new();
    for &place in ring.range(key..).chain(ring.range(..key)).map(|(_, place)| place) {
        if !order.contains(&place) {
            order.push(place);
        }
    }
    order
}

#[test]
fn ring_hash() {
    for (round, fixture) in fixtures().enumerate() {
        let (least, most) = [(1, 1), (50, 60), (64, 1000), (1024, 5000)][round % 4];
        let policy =
            fixture.built(RingHash::<Inline<5000>>::in_store(least, most).expect("valid sizes"));
        let weights: Vec<u128> = fixture.weights.iter().copied().map(u128::from).collect();
        let (total, lightest) =
            (weights.iter().sum::<u128>(), *weights.iter().min().expect("not empty"));
        // Envoy's loop in fractions: the scale is points / per.
        let whole = (1..=5000)
            .find(|whole| whole * total >= lightest * u128::from(least))
            .expect("no more than the minimum");
        let (points, per) = if whole * total > u128::from(most) * lightest {
            (most.into(), total)
        } else {
            (whole, lightest)
        };
        let (mut current, mut target, mut ring) = (0, 0, BTreeMap::new());
        // And in floating point, from the same number of points.
        let (mut current_f64, mut target_f64) = (0.0, 0.0);
        for (place, &weight) in weights.iter().enumerate() {
            target += points * weight;
            let mut number = 0;
            while current * per < target {
                ring.insert(hash::str(&format!("{}_{number}", fixture.addr(place))), place);
                number += 1;
                current += 1;
            }
            let scale = (points as f64 / (per as f64 / total as f64)).min(f64::from(most));
            target_f64 += scale * (weight as f64 / total as f64);
            let before = current_f64;
            while current_f64 < target_f64 {
                current_f64 += 1.0;
            }
            assert!(
                (current_f64 - before - f64::from(number)).abs() <= 1.0,
                "off by more than one point"
            );
        }
        assert_eq!(policy.size(), ring.len());
        assert!(policy.size() <= most as usize);
        for key in keys(5, 10).chain([0, u64::MAX]) {
            let oracle = around(&ring, key);
            assert_eq!(order(&fixture, &policy, key)[..oracle.len()], oracle);
        }
    }
}

/// CRC-32 bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

fn ketama_points(server: &[u8], weight: u32, place: usize, ring: &mut BTreeMap<u32, usize>) {
    let mut point = 0_u32;
    for _ in 0..160 * weight {
        point = crc32(&[server, &point.to_le_bytes()].concat());
        ring.entry(point).or_insert(place);
    }
}

#[test]
fn ketama() {
    let servers: [(&str, &[u8]); 8] = [
        ("10.0.0.1:80", b"10.0.0.1\x0080"),
        ("[::1]:443", b"[::1]\x00443"),
        ("a.example", b"a.example\x00"),
        ("a.example:", b"a.example\x00"),
        ("b.example:80x", b"b.example:80x\x00"),
        ("unix:/run/a:1", b"/run/a:1\x00"),
        ("UNIX:", b"\x00"),
        ("unix", b"unix\x00"),
    ];
    let fixture = Fixture::new(
        servers.iter().zip(1..).map(|((addr, _), weight)| (String::from(*addr), weight)),
    );
    let policy: Ketama = fixture.built(Ketama::new());
    let mut ring = BTreeMap::new();
    for place in 0..fixture.len() {
        let (_, server) =
            servers.iter().find(|(addr, _)| fixture.addr(place) == *addr).expect("one of them");
        ketama_points(server, fixture.weights[place], place, &mut ring);
    }
    assert_eq!(policy.size(), ring.len());
    for key in keys(6, 1000).chain([0, u64::MAX]) {
        // "a.example" and "a.example:" are the same server to nginx: the one listed first has all the points they share.
        let oracle = around(&ring, key as u32);
        assert_eq!(order(&fixture, &policy, key)[..oracle.len()], oracle);
    }
}

#[test]
fn maglev() {
    for (round, fixture) in fixtures().enumerate() {
        let size = [41, 251, 1021][round % 3];
        let policy = fixture.built(Maglev::<Inline<1021>>::in_store(size).expect("a prime"));
        let mut hosts: Vec<(String, usize)> =
            (0..fixture.len()).map(|place| (fixture.addr(place), place)).collect();
        hosts.sort();
        let heaviest = u64::from(fixture.weights.iter().copied().max().expect("not empty"));
        let size = u64::from(size);
        let mut table = vec![None; size as usize];
        let mut targets = vec![(0, 0); hosts.len()];
        let mut left = size;
        for iteration in 1.. {
            for ((key, place), (target, next)) in hosts.iter().zip(&mut targets) {
                if left == 0 || iteration * u64::from(fixture.weights[*place]) < *target {
                    continue;
                }
                *target += heaviest;
                let (offset, skip) = (xxh64(key, 0) % size, xxh64(key, 1) % (size - 1) + 1);
                let entry = |next: u64| ((offset + skip * next) % size) as usize;
                while table[entry(*next)].is_some() {
                    *next += 1;
                }
                table[entry(*next)] = Some(*place);
                *next += 1;
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        let built: Vec<_> = (0..size).map(|key| Some(fixture.pick(&policy, key))).collect();
        assert_eq!(built, table);
        for key in keys(7, 200) {
            assert_eq!(Some(fixture.pick(&policy, key)), table[(key % size) as usize]);
            let first = fixture.pick(&policy, key);
            let altered = |attempt: u64| table[((key ^ (u64::MAX - attempt + 1)) % size) as usize];
            let next = (1..=16).filter_map(altered).find(|&place| place != first);
            if let Some(next) = next {
                assert_eq!(fixture.pick_avoiding(&policy, key, &[first]), next);
            }
        }
        order(&fixture, &policy, 5);
    }
}

#[test]
fn remainders_are_exact() {
    for size in [2, 3, 5, 65_537, 5_000_011] {
        let fixture = Fixture::new([("a", 1), ("b", 1)]);
        let policy: Maglev = fixture.built(Maglev::with_size(size).expect("a prime"));
        let size = u64::from(size);
        let multiples =
            [0, 1, size - 1, size, u64::MAX / size * size - 1, u64::MAX / size * size, u64::MAX];
        for key in keys(8, 1000).chain(multiples) {
            assert_eq!(fixture.pick(&policy, key), fixture.pick(&policy, key % size));
        }
    }
}
