//! What Envoy's own tests expect of its ring hash and Maglev: figures from `ring_hash_lb_test.cc` and `maglev_lb_test.cc`
//! of envoyproxy/envoy (`test/extensions/load_balancing_policies`).

use core::net::SocketAddr;

use evenkeel_core::policy::{Maglev, RingHash};
use evenkeel_core::{Heap, hash};

use crate::fixture::Fixture;

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Ports from `first` on, with these weights.
fn ports<const N: usize>(first: u16, weights: [u32; N]) -> Fixture<SocketAddr> {
    Fixture::new((first..).map(local).zip(weights))
}

fn ring<A: evenkeel_core::Address>(fixture: &Fixture<A>, minimum: u32, maximum: u32) -> RingHash {
    fixture.built(RingHash::with_sizes(minimum, maximum).expect("valid sizes"))
}

fn maglev<A: evenkeel_core::Address>(fixture: &Fixture<A>, size: u32) -> Vec<usize> {
    let policy: Maglev<Heap> = fixture.built(Maglev::with_size(size).expect("a prime"));
    (0..u64::from(size)).map(|key| fixture.pick(&policy, key)).collect()
}

fn counts<A: evenkeel_core::Address>(fixture: &Fixture<A>, ring: &RingHash, keys: u64) -> Vec<u64> {
    let mut counts = vec![0; fixture.len()];
    for i in 0..keys {
        counts[fixture.pick(ring, i * (u64::MAX / keys))] += 1;
    }
    counts
}

#[test]
fn xxh64() {
    // xxHash's specification and sanity checks.
    assert_eq!(hash::bytes(b""), 0xef46_db37_51d8_e999);
    assert_eq!(hash::str("a"), 0xd24e_c4f1_a98c_6e5b);
    assert_eq!(hash::str("abc"), 0x44bc_2cf5_ad77_0999);
}

const BASIC: [(u64, usize); 12] = [
    (833_437_586_790_550_860, 4),
    (928_266_305_478_181_108, 2),
    (1_033_482_794_131_418_490, 0),
    (3_551_244_743_356_806_947, 5),
    (3_851_675_632_748_031_481, 3),
    (5_583_722_120_771_150_861, 1),
    (6_311_230_543_546_372_928, 1),
    (7_700_377_290_971_790_572, 3),
    (13_144_177_310_400_110_813, 5),
    (13_444_792_449_719_432_967, 2),
    (15_516_499_411_664_133_160, 4),
    (16_117_243_373_044_804_889, 0),
];

#[test]
fn ring_basic() {
    let fixture = ports(90, [1; 6]);
    let ring = ring(&fixture, 12, RingHash::<Heap>::MAXIMUM_SIZE);
    assert_eq!(ring.size(), 12);
    for (i, (point, place)) in BASIC.into_iter().enumerate() {
        assert_eq!(fixture.pick(&ring, point), place);
        assert_eq!(fixture.pick(&ring, point + 1), BASIC[(i + 1) % BASIC.len()].1);
    }
    assert_eq!([0, u64::MAX].map(|key| fixture.pick(&ring, key)), [4, 4]);
}

#[test]
fn ring_walks_on() {
    let fixture = ports(90, [1; 6]);
    let ring = ring(&fixture, 12, 12);
    assert_eq!(fixture.pick_avoiding(&ring, 0, &[4]), 2);
    assert_eq!(fixture.pick_avoiding(&ring, 0, &[4, 2]), 0);
    assert_eq!(fixture.pick_avoiding(&ring, 0, &[4, 2, 0]), 5);
    assert_eq!(fixture.pick_avoiding(&ring, u64::MAX, &[4, 2, 0, 5, 3]), 1);
    assert_eq!(fixture.pick_avoiding(&ring, 0, &[0, 1, 2, 3, 4, 5]), 4);
}

#[test]
fn ring_of_names() {
    let fixture = Fixture::new(["90", "91", "92", "93", "94", "95"].map(|name| (name, 1)));
    let ring = ring(&fixture, 12, 12);
    let points = [
        (1_975_508_444_536_362_413, 5),
        (2_376_063_919_839_173_711, 5),
        (2_386_806_903_309_390_596, 3),
        (6_749_904_478_991_551_885, 4),
        (6_803_900_775_736_438_537, 3),
        (7_225_015_537_174_310_577, 2),
        (8_787_465_352_164_086_522, 0),
        (11_282_020_843_382_717_940, 2),
        (13_723_418_369_486_627_818, 1),
        (13_776_502_110_861_797_421, 0),
        (14_338_313_586_354_474_791, 1),
        (15_364_271_037_087_512_980, 4),
    ];
    for (point, place) in points {
        assert_eq!(fixture.pick(&ring, point), place);
    }
}

#[test]
fn ring_rounds_up_to_whole_points() {
    let fixture = ports(80, [1; 2]);
    let ring = ring(&fixture, 3, RingHash::<Heap>::MAXIMUM_SIZE);
    assert_eq!(ring.size(), 4);
    let points = [
        5_454_692_015_285_649_509,
        7_859_399_908_942_313_493,
        13_838_424_394_637_650_569,
        16_064_866_803_292_627_174,
    ];
    assert_eq!(points.map(|point| fixture.pick(&ring, point)), [0, 1, 0, 1]);
}

#[test]
fn ring_with_weights() {
    let fixture = ports(90, [1, 2, 3]);
    let tiny = ring(&fixture, 6, 6);
    assert_eq!(tiny.size(), 6);
    let points = [
        (928_266_305_478_181_108, 2),
        (4_443_673_547_860_492_590, 2),
        (5_583_722_120_771_150_861, 1),
        (6_311_230_543_546_372_928, 1),
        (13_444_792_449_719_432_967, 2),
        (16_117_243_373_044_804_889, 0),
    ];
    for (point, place) in points {
        assert_eq!(fixture.pick(&tiny, point), place);
    }
    let large = ring(&fixture, 6144, RingHash::<Heap>::MAXIMUM_SIZE);
    assert_eq!(large.size(), 6144);
    assert_eq!(counts(&fixture, &large, 6000), [987, 1932, 3081]);
}

#[test]
fn ring_with_weights_of_localities() {
    // Localities of weight 1 and 2, in each two hosts of weight 1 and 2.
    let fixture = ports(90, [1, 2, 2, 4]);
    let large = ring(&fixture, 9216, RingHash::<Heap>::MAXIMUM_SIZE);
    assert_eq!(large.size(), 9216);
    assert_eq!(counts(&fixture, &large, 9000), [924, 2009, 2053, 4014]);
}

#[test]
fn ring_with_fractions_of_points() {
    let fixture = ports(90, [1; 2]);
    let odd = ring(&fixture, 1023, 1023);
    assert_eq!(odd.size(), 1023);
    assert_eq!(counts(&fixture, &odd, 1023), [526, 497]);

    let fixture = ports(90, [1; 4]);
    let small = ring(&fixture, 2, 2);
    assert_eq!(counts(&fixture, &small, 1024).iter().filter(|&&count| count == 0).count(), 2);
}

#[test]
fn ring_smaller_than_its_hosts() {
    // One host has 127/128 of the weight, 1,023 others share the rest: every 128th of them gets one of 8 points.
    let fixture =
        Fixture::new((0..1024).map(|port| (local(port), if port == 0 { 127 * 1023 } else { 1 })));
    let ring = ring(&fixture, 1024, 1024);
    assert_eq!(ring.size(), 1024);
    let points = [
        (11_664_790_346_325_243_808, 1),
        (15_894_554_872_961_148_518, 128),
        (13_958_138_884_277_627_155, 256),
        (15_803_774_069_438_192_949, 384),
        (3_829_253_010_855_396_576, 512),
        (17_918_147_347_826_565_154, 640),
        (6_442_769_608_292_299_103, 768),
        (5_881_074_926_069_334_434, 896),
    ];
    for (point, place) in points {
        assert_eq!(fixture.pick(&ring, point), place);
    }
}

#[test]
fn maglev_tables() {
    assert_eq!(maglev(&ports(90, [1; 6]), 7), [2, 4, 0, 1, 5, 0, 3]);
    let names = Fixture::new(["90", "91", "92", "93", "94", "95"].map(|name| (name, 1)));
    assert_eq!(maglev(&names, 7), [2, 5, 0, 3, 4, 1, 0]);
    let weighted = [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1];
    assert_eq!(maglev(&ports(90, [1, 2]), 17), weighted);
    let equal = [1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1];
    assert_eq!(maglev(&ports(90, [1, 1]), 17), equal);
    // Localities of weight 8 and 2.
    let uneven = [1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    assert_eq!(maglev(&ports(90, [8, 2]), 17), uneven);
    assert_eq!(maglev(&ports(90, [7]), 17), [0; 17]);
}

#[test]
fn maglev_retries() {
    let fixture = ports(90, [1; 6]);
    let policy: Maglev = fixture.built(Maglev::with_size(7).expect("a prime"));
    assert_eq!(fixture.pick(&policy, 10), 1);
    assert_eq!(fixture.pick_avoiding(&policy, 10, &[1]), 0);
    // Envoy's second retry of this key.
    assert_eq!(fixture.pick_avoiding(&policy, 10, &[1, 0]), 5);
}
