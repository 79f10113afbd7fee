//! A retry whose level has been tried goes on to the next level.

use evenkeel_core::policy::{AnyPolicy, RoundRobin};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{
    Balancer, Config, Endpoint, Heap, Inline, Instant, Outcome, Policy, Request, Slot, Store, Why,
    hash,
};
use rand_chacha::ChaCha8Rng;

const NOW: Instant = Instant::from_secs(9);

/// Addresses and their levels.
fn levels<const N: usize>(of: [(u8, u16); N]) -> [Endpoint<u8>; N] {
    of.map(|(addr, level)| Endpoint::new(addr).with_priority(level))
}

/// Returns who gets the attempts of a call that all fail, and why.
fn tried<P: Policy + Clone, St: Store>(
    balancer: &mut Balancer<u8, P, Config, St>,
    attempts: usize,
    seed: u64,
) -> Vec<(u8, Why)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut avoid, mut tried) = (Vec::<Slot>::new(), Vec::new());
    for _ in 0..attempts {
        let request = Request::at(NOW).with_key(hash::bytes(&seed.to_le_bytes())).avoiding(&avoid);
        let pick = balancer.pick_with(request, &mut rng).unwrap();
        tried.push((balancer.endpoint(&pick).unwrap().addr, pick.why()));
        avoid.push(pick.slot());
        balancer.report(NOW, pick, Outcome::Ignorable);
    }
    tried
}

fn goes_on<St: Store>(name: &str, config: Config) {
    let policy: AnyPolicy = name.parse().unwrap();
    let mut balancer: Balancer<u8, AnyPolicy, Config, St> =
        Balancer::with_config(policy, config).unwrap();
    let endpoints = levels([(0, 0), (1, 1), (2, 1), (3, 5)]);
    let _ =
        balancer.update(NOW, endpoints.map(|new| new.with_weight(10 + 7 * u32::from(new.addr))));
    for seed in 0..40 {
        let tried = tried(&mut balancer, 5, seed);
        let whys = [Why::Policy, Why::Retry, Why::Retry, Why::Retry, Why::LastResort];
        assert!(tried.iter().map(|(_, why)| *why).eq(whys), "{name}: {tried:?}");
        let level = [tried[1].0, tried[2].0];
        assert!(level == [1, 2] || level == [2, 1], "{name}: {tried:?}");
        assert_eq!((tried[0].0, tried[3].0), (0, 3), "{name}: {tried:?}");
        assert_eq!(tried[4].0, 0, "{name}: as if none were to be avoided");
    }
    let mut firsts = [0; 2];
    for seed in 0..40 {
        firsts[usize::from(tried(&mut balancer, 2, seed)[1].0) - 1] += 1;
    }
    assert!(name == "pick_first" || firsts.iter().all(|count| *count > 4), "{name}: {firsts:?}");
}

#[test]
fn with_every_policy_and_store() {
    for name in AnyPolicy::NAMES {
        goes_on::<Heap>(name, Config::DEFAULT);
        // Groups are formed.
        goes_on::<Heap>(name, Config { subset: 3, ..Config::DEFAULT });
    }
    for name in ["round_robin", "random", "least_request", "peak_ewma", "weighted_random"] {
        goes_on::<Inline<8>>(name, Config::DEFAULT);
    }
}

fn leaves<St: Store>(name: &str, config: Config) {
    let policy: AnyPolicy = name.parse().unwrap();
    let mut balancer: Balancer<u8, AnyPolicy, Config, St> =
        Balancer::with_config(policy, config).unwrap();
    let endpoints = levels([(0, 0), (1, 0), (2, 0), (3, 2), (4, 2), (5, 7)]);
    let _ = balancer.update(NOW, endpoints).unwrap();
    let slots: Vec<Slot> = balancer.endpoints().map(|status| status.slot).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for seed in 0..40_u64 {
        let mut pick = |avoid: &[usize], leave_level| {
            let avoid: Vec<Slot> = avoid.iter().map(|&at| slots[at]).collect();
            let request = Request::at(NOW).with_key(hash::bytes(&seed.to_le_bytes()));
            let request = request.avoiding(&avoid).leaving_level(leave_level);
            let pick = balancer.pick_with(request, &mut rng).unwrap();
            let picked = (balancer.endpoint(&pick).unwrap().addr, pick.why());
            balancer.report(NOW, pick, Outcome::Ignorable);
            picked
        };
        assert_eq!(pick(&[0, 2], false), (1, Why::Retry), "{name}");
        let (second, why) = pick(&[0, 2], true);
        assert!((3..5).contains(&second) && why == Why::Retry, "{name}: {second} {why:?}");
        assert_eq!(pick(&[0, 2, 3], true), (4, Why::Retry), "{name}");
        assert_eq!(pick(&[0, 2, 3, 4], true), (5, Why::Retry), "{name}");
        // There is no level beyond: it comes back.
        assert_eq!(pick(&[0, 2, 3, 4, 5], true), (1, Why::Retry), "{name}");
        let (last, why) = pick(&[0, 1, 2, 3, 4, 5], true);
        assert!(last < 3 && why == Why::LastResort, "{name}: {last} {why:?}");
        // Whoever has tried nothing has no level to leave.
        let (first, why) = pick(&[], true);
        assert!(first < 3 && why == Why::Policy, "{name}: {first} {why:?}");
    }
}

/// Two attempts have failed in a level of three: the third endpoint is as likely to be dead.
#[test]
fn a_call_leaves_its_level_before_all_of_it_is_tried() {
    for name in AnyPolicy::NAMES {
        leaves::<Heap>(name, Config::DEFAULT);
        leaves::<Heap>(name, Config { subset: 3, ..Config::DEFAULT });
    }
    for name in ["round_robin", "random", "least_request", "peak_ewma", "weighted_random"] {
        leaves::<Inline<8>>(name, Config::DEFAULT);
    }
}

/// Of a level of three, a subset of one is all that this client connects to.
#[test]
fn within_its_subset() {
    let all = levels([(0, 0), (1, 1), (2, 1), (3, 1), (4, 2)]);
    for seed in 0..20 {
        let config = Config { subset: 1, seed, ..Config::DEFAULT };
        let mut balancer: Balancer<u8, RoundRobin, Config> =
            Balancer::with_config(RoundRobin::new(), config).unwrap();
        let _ = balancer.update(NOW, all).unwrap();
        let went_on = tried(&mut balancer, 4, seed);
        // Where the first level is gone, the subset of the second is used by all.
        let _ = balancer.remove(NOW, &0);
        let (second, _) = tried(&mut balancer, 1, seed)[0];
        let expected =
            [(0, Why::Policy), (second, Why::Retry), (4, Why::Retry), (0, Why::LastResort)];
        assert_eq!(went_on, expected);
    }
}

#[test]
fn only_to_what_is_in_service_and_has_room() {
    let config = Config { max_in_flight: 1, overflow: false, ..Config::DEFAULT };
    let mut balancer: Balancer<u8, AnyPolicy> =
        Balancer::with_config("least_request".parse().unwrap(), config).unwrap();
    let endpoints = levels([(0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]);
    let [primary, full, weightless, draining, down, last] = endpoints;
    let all = [primary, full, weightless.with_weight(0), draining.with_draining(true), down, last];
    let _ = balancer.update(NOW, all).unwrap();
    let slot = |balancer: &Balancer<u8, AnyPolicy>, addr| {
        balancer.endpoints().find(|status| status.endpoint.addr == addr).unwrap().slot
    };
    let down = slot(&balancer, 4);
    balancer.set_down(NOW, down, true);
    let avoid = [slot(&balancer, 0)];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut go_on = |balancer: &mut Balancer<u8, AnyPolicy>| {
        let pick = balancer.pick_with(Request::at(NOW).avoiding(&avoid), &mut rng).unwrap();
        (balancer.endpoint(&pick).unwrap().addr, pick)
    };
    let (to, first) = go_on(&mut balancer);
    assert_eq!(to, 1);
    let (to, second) = go_on(&mut balancer);
    assert_eq!(to, 5, "1 is full");
    let (to, third) = go_on(&mut balancer);
    assert_eq!((to, third.why()), (0, Why::LastResort));
    for pick in [first, second, third] {
        balancer.report(NOW, pick, Outcome::Success);
    }
}

/// Retries elsewhere take nobody's turn, nor do they change who is a candidate.
#[test]
fn the_first_level_goes_on_as_before() {
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = balancer.update(NOW, levels([(0, 0), (1, 0), (2, 3)])).unwrap();
    let firsts: Vec<_> = (0..20).map(|_| tried(&mut balancer, 3, 7)).collect();
    for calls in firsts.windows(2) {
        assert_ne!(calls[0][0].0, calls[1][0].0, "turn by turn");
        assert_eq!(calls[0][2], (2, Why::Retry));
    }
}

/// Returns a balancer of some endpoints, of which those of `dead` were ejected.
fn with_ejected<St: Store>(
    name: &str,
    config: Config,
    endpoints: &[Endpoint<u8>],
    dead: &[u8],
) -> Balancer<u8, AnyPolicy, Config, St> {
    let mut balancer: Balancer<u8, AnyPolicy, Config, St> =
        Balancer::with_config(name.parse().unwrap(), config).unwrap();
    let _ = balancer.update(NOW, endpoints.iter().copied()).unwrap();
    let slots: Vec<Slot> = balancer.endpoints().map(|status| status.slot).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..8 {
        for slot in &slots {
            let others: Vec<Slot> = slots.iter().copied().filter(|other| other != slot).collect();
            let request = Request::at(NOW).avoiding(&others);
            let pick = balancer.pick_with(request, &mut rng).unwrap();
            let dies = dead.contains(&balancer.endpoint(&pick).unwrap().addr);
            balancer.report(NOW, pick, if dies { Outcome::Failure } else { Outcome::Success });
        }
    }
    let ejected = balancer.endpoints().filter(|status| status.health.is_ejected());
    let mut ejected: Vec<u8> = ejected.map(|status| status.endpoint.addr).collect();
    ejected.sort_unstable();
    assert_eq!(ejected, dead, "{name}");
    balancer
}

fn tries_ejected_ones<St: Store>(name: &str) {
    let endpoints = levels([(0, 0), (1, 0), (2, 0), (3, 0)]);
    let mut balancer = with_ejected::<St>(name, Config::DEFAULT, &endpoints, &[1, 2]);
    for seed in 0..40 {
        let tried = tried(&mut balancer, 5, seed);
        let whys = [Why::Policy, Why::Retry, Why::Retry, Why::Retry, Why::LastResort];
        assert!(tried.iter().map(|(_, why)| *why).eq(whys), "{name}: {tried:?}");
        let sorted = |at: [usize; 2]| {
            let mut addresses = at.map(|at| tried[at].0);
            addresses.sort_unstable();
            addresses
        };
        assert_eq!((sorted([0, 1]), sorted([2, 3])), ([0, 3], [1, 2]), "{name}: {tried:?}");
        assert!([0, 3].contains(&tried[4].0), "{name}: as if none were to be avoided");
    }
}

/// An ejected endpoint may be well again; one that this call has tried has just failed.
#[test]
fn an_ejected_endpoint_is_tried_before_the_same_again() {
    for name in AnyPolicy::NAMES.iter().filter(|name| **name != "pick_first") {
        tries_ejected_ones::<Heap>(name);
    }
    for name in ["round_robin", "random", "least_request", "peak_ewma", "weighted_random"] {
        tries_ejected_ones::<Inline<8>>(name);
    }
}

/// First what is in service, level by level; then what is ejected, level by level.
#[test]
fn ejected_endpoints_of_the_best_level_come_after_all_levels() {
    let endpoints = levels([(0, 0), (1, 0), (2, 2), (3, 2), (4, 7)]);
    let mut balancer = with_ejected::<Heap>("round_robin", Config::DEFAULT, &endpoints, &[1]);
    for seed in 0..10 {
        let tried = tried(&mut balancer, 6, seed);
        let addresses: Vec<u8> = tried.iter().map(|(addr, _)| *addr).collect();
        let level = if addresses[1] == 2 { [2, 3] } else { [3, 2] };
        assert_eq!(addresses, [0, level[0], level[1], 4, 1, 0]);
    }
}

/// What asks to be left alone, or is known to be down, gets no retry; nor does what leaves a level
/// that has others go to an ejected one.
#[test]
fn what_rests_or_is_down_is_not_tried() {
    let endpoints = levels([(0, 0), (1, 0), (2, 0), (3, 0)]);
    let mut balancer = with_ejected::<Heap>("round_robin", Config::DEFAULT, &endpoints, &[1]);
    let slots: Vec<Slot> = balancer.endpoints().map(|status| status.slot).collect();
    balancer.set_down(NOW, slots[2], true);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let rests = Request::at(NOW).avoiding(&slots[..1]);
    let rests = balancer.pick_with(rests, &mut rng).unwrap();
    assert_eq!(rests.slot(), slots[3]);
    let mut pick = |avoid: &[usize], leave_level| {
        let avoid: Vec<Slot> = avoid.iter().map(|&at| slots[at]).collect();
        let request = Request::at(NOW).avoiding(&avoid).leaving_level(leave_level);
        let pick = balancer.pick_with(request, &mut rng).unwrap();
        (pick.slot().index(), pick.why())
    };
    assert_eq!(pick(&[0], true), (3, Why::Retry), "another one of its level is in service");
    assert_eq!(pick(&[0, 3], true), (1, Why::Retry));
    let (again, why) = pick(&[0, 1, 3], false);
    assert!([0, 3].contains(&again) && why == Why::LastResort, "{again} {why:?}");
    let pushed_back = Outcome::Overloaded { retry_after: Some(core::time::Duration::from_secs(9)) };
    balancer.report(NOW, rests, pushed_back);
    let request = Request::at(NOW).avoiding(&slots[..2]);
    let last = balancer.pick_with(request, &mut rng).unwrap();
    assert_eq!((last.slot(), last.why()), (slots[0], Why::LastResort), "3 rests");
}
