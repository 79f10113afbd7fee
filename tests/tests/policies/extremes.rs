//! One endpoint and very many, the largest weights and the least.

use core::iter::repeat_n;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::slot::Turn;
use evenkeel_core::{Balancer, Cx, Endpoint, Heap, Inline, Instant, Policy, Store, View};
use evenkeel_tests::policies::{Scene, TEXTS};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const MANY: usize = 200_000;

fn crowd(count: usize) -> Scene<u32> {
    Scene::new(0..count as u32)
}

/// Makes so many picks, each also with its own result to avoid; tells that the table had room.
fn check<S: Store>(crowd: &Scene<u32>, text: &str, picks: usize) -> bool {
    let mut policy: AnyPolicy<S> = text.parse().expect("valid");
    let count = crowd.slots().len();
    let built = policy.rebuild(&crowd.all()).is_ok();
    let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(1));
    let mut pick = |view: &dyn View, key| {
        let slot = policy.pick(view, &mut Cx::new(Instant::MAX, key, &mut turn, &mut rng));
        assert!(slot.is_none_or(|slot| view.has(slot)), "{text} named {slot:?} of {count}");
        slot
    };
    let mut keys = ChaCha8Rng::seed_from_u64(2);
    for key in (0..picks).map(|_| keys.next_u64()).chain([0, u64::MAX]) {
        let picked = pick(&crowd.all(), Some(key));
        assert!(picked.is_some() || !built, "{text} declined");
        let Some(slot) = picked else { continue };
        let next = pick(&crowd.less(&[slot]), None).expect("it picked before");
        assert_eq!(next == slot, count == 1, "{text}");
    }
    built
}

/// All as light as can be, all as heavy, and one as light among the heavy.
fn weights(count: usize) -> [Vec<u32>; 3] {
    let one_light =
        repeat_n(u32::MAX, count / 2).chain([1]).chain(repeat_n(u32::MAX, count - 1 - count / 2));
    [vec![1; count], vec![u32::MAX; count], one_light.collect()]
}

#[test]
fn few_endpoints() {
    for count in 1..=3 {
        let mut crowd = crowd(count);
        for (kind, weights) in weights(count).iter().enumerate() {
            crowd.weigh(weights.iter().copied());
            for text in TEXTS {
                let heavy = kind > 0 && weights.iter().any(|&weight| weight > 1);
                let too_small = text == "ketama" && heavy || text == "maglev(size=2)" && count > 2;
                assert_eq!(check::<Heap>(&crowd, text, 20), !too_small, "{text}, {weights:?}");
                check::<Inline<2>>(&crowd, text, 20);
                check::<Inline<64>>(&crowd, text, 20);
            }
        }
    }
}

#[test]
fn nobody() {
    let crowd = crowd(0);
    for text in TEXTS {
        let mut policy: AnyPolicy = text.parse().expect("valid");
        assert_eq!(policy.rebuild(&crowd.all()), Ok(()), "{text}");
    }
}

/// What costs O(n) per pick is asked less often.
#[test]
fn very_many_endpoints() {
    let crowds = weights(MANY).map(|weights| {
        let mut crowd = crowd(MANY);
        crowd.weigh(weights);
        crowd
    });
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
        for crowd in &crowds {
            assert_eq!(check::<Heap>(crowd, text, picks), has_room, "{text}");
        }
    }
}

#[test]
fn a_balancer_of_very_many() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for text in ["weighted_round_robin", "least_request", "rendezvous(bound=125)"] {
        let mut balancer: Balancer<u32, AnyPolicy> = Balancer::new(text.parse().expect("valid"));
        let endpoints = (0..)
            .zip(weights(MANY)[2].clone())
            .map(|(addr, weight)| Endpoint::new(addr).with_weight(weight));
        let changes = balancer.update(Instant::ZERO, endpoints).expect("there is room");
        assert_eq!((changes.added, balancer.len()), (MANY, MANY));
        for _ in 0..3 {
            let pick = balancer.pick(Instant::ZERO, &mut rng).expect("there are candidates");
            assert!(balancer.endpoint(&pick).is_some());
            assert_eq!(
                balancer
                    .remove(Instant::ZERO, &(pick.slot().index() as u32))
                    .map(|gone| gone.is_some()),
                Ok(true)
            );
        }
    }
}
