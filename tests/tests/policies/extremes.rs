//! One endpoint and very many, the largest weights and the least.

use core::iter::repeat_n;

use evenkeel_core::cluster::Group;
use evenkeel_core::policy::{AnyPolicy, Turn, Unknown, choose};
use evenkeel_core::{Balancer, Cx, Endpoint, EndpointSet, Heap, Inline, Instant, Policy, Slot, Store, View, Why};
use evenkeel_tests::policies::TEXTS;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const MANY: usize = 200_000;

/// Endpoints whose weights are given later.
struct Crowd {
    set: EndpointSet<u32>,
    slots: Vec<Slot>,
    ids: Vec<u64>,
}

impl Crowd {
    fn new(count: usize) -> Self {
        let mut set = EndpointSet::new();
        let _ = set.update((0..count as u32).map(Endpoint::new));
        let slots: Vec<Slot> = set.iter().map(|(slot, _)| slot).collect();
        let ids = slots.iter().filter_map(|&slot| set.id(slot)).collect();
        Self { set, slots, ids }
    }

    /// So many picks, each also with its own result to avoid; tells whether the table had room.
    fn check<S: Store>(&self, text: &str, weights: &[u32], picks: usize) -> bool {
        let mut policy: AnyPolicy<S> = text.parse().expect("valid");
        let count = self.slots.len();
        let group = Group { slots: &self.slots, weights, ids: &self.ids, share: 100, panic: false };
        let built = policy.rebuild(&View::new(group, &Unknown, &self.set, &[])).is_ok();
        let (mut turn, mut rng) = (Turn::UNSET, ChaCha8Rng::seed_from_u64(1));
        let mut pick = |key, avoid: &[Slot]| {
            let view = View::new(group, &Unknown, &self.set, avoid);
            choose(&policy, &view, &mut Cx::new(Instant::MAX, key, &mut turn, &mut rng)).ok()
        };
        let mut keys = ChaCha8Rng::seed_from_u64(2);
        for key in (0..picks).map(|_| keys.next_u64()).chain([0, u64::MAX]) {
            let picked = pick(Some(key), &[]);
            assert!(picked.is_some() || !built, "{text} declined");
            let Some((place, _)) = picked else { continue };
            assert!(place < count, "{text} named {place} of {count}");
            let expected = if count > 1 { Why::Retry } else { Why::LastResort };
            let (next, why) = pick(None, &self.slots[place..=place]).expect("it picked before");
            assert_eq!((why, next == place), (expected, count == 1), "{text}");
        }
        built
    }
}

/// All as light as can be, all as heavy, and one as light among the heavy.
fn weights(count: usize) -> [Vec<u32>; 3] {
    let one_light = repeat_n(u32::MAX, count / 2).chain([1]).chain(repeat_n(u32::MAX, count - 1 - count / 2));
    [vec![1; count], vec![u32::MAX; count], one_light.collect()]
}

#[test]
fn few_endpoints() {
    for crowd in (1..=3).map(Crowd::new) {
        for (kind, weights) in weights(crowd.slots.len()).iter().enumerate() {
            for text in TEXTS {
                let heavy = kind > 0 && weights.iter().any(|&weight| weight > 1);
                let too_small = text == "ketama" && heavy || text == "maglev(size=2)" && crowd.slots.len() > 2;
                assert_eq!(crowd.check::<Heap>(text, weights, 20), !too_small, "{text}, {weights:?}");
                crowd.check::<Inline<2>>(text, weights, 20);
                crowd.check::<Inline<64>>(text, weights, 20);
            }
        }
    }
}

#[test]
fn nobody() {
    let crowd = Crowd::new(0);
    for text in TEXTS {
        let mut policy: AnyPolicy = text.parse().expect("valid");
        let group = Group { slots: &[], weights: &[], ids: &[], share: 0, panic: false };
        assert_eq!(policy.rebuild(&View::new(group, &Unknown, &crowd.set, &[])), Ok(()), "{text}");
    }
}

/// What costs O(n) per pick is asked less often.
#[test]
fn very_many_endpoints() {
    let crowd = Crowd::new(MANY);
    for (text, picks, has_room) in [
        ("round_robin", 100, true),
        ("random", 100, true),
        ("weighted_round_robin", 100, true),
        ("weighted_random", 100, true),
        ("least_request", 100, true),
        ("least_request(full_scan)", 1, true),
        ("peak_ewma", 100, true),
        ("peak_ewma(full_scan)", 1, true),
        ("rendezvous", 1, true),
        ("rendezvous(bound=125)", 1, true),
        ("maglev", 100, false),
        ("maglev(size=200003)", 100, true),
        ("ring_hash(minimum=1024, maximum=200000)", 100, true),
        ("ketama", 100, false),
        ("pick_first", 1, true),
    ] {
        for weights in weights(MANY) {
            assert_eq!(crowd.check::<Heap>(text, &weights, picks), has_room, "{text}");
        }
    }
}

#[test]
fn a_balancer_of_very_many() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for text in ["weighted_round_robin", "least_request", "rendezvous(bound=125)"] {
        let mut balancer: Balancer<u32, AnyPolicy> = Balancer::new(text.parse().expect("valid"));
        let endpoints =
            (0..).zip(weights(MANY)[2].clone()).map(|(addr, weight)| Endpoint::new(addr).with_weight(weight));
        let changes = balancer.update(Instant::ZERO, endpoints).expect("there is room");
        assert_eq!((changes.added, balancer.len()), (MANY, MANY));
        for _ in 0..3 {
            let pick = balancer.pick(Instant::ZERO, &mut rng).expect("there are candidates");
            assert!(balancer.endpoint(&pick).is_some());
            assert_eq!(
                balancer.remove(Instant::ZERO, &(pick.slot().index() as u32)).map(|gone| gone.is_some()),
                Ok(true)
            );
        }
    }
}
