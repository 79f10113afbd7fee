use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use evenkeel_core::policy::{AnyPolicy, RoundRobin, WeightedRoundRobin};
use evenkeel_core::{
    Balancer, Config, Cx, Endpoint, Inline, Instant, Outcome, PickError, Policy, TableFull,
    UpdateError, View, Zone,
};
use evenkeel_tests::policies::TEXTS;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Counts how often it is told to rebuild.
#[derive(Clone, Default)]
struct Counting(Rc<Cell<u32>>);

impl Policy for Counting {
    type Load = ();

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        RoundRobin.pick(view, cx)
    }

    fn rebuild(&mut self, _view: &dyn View) -> Result<(), TableFull> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

fn endpoint(addr: u32) -> Endpoint<u32> {
    Endpoint::new(addr)
        .with_weight(addr % 3)
        .with_priority((addr % 4) as u16)
        .with_zone(Zone::new((addr % 5) as u16))
}

fn configs() -> [Config; 4] {
    let levels = Config { overprovisioning_percent: 140, ..Config::default() };
    let (zone, slow_start) = (Zone::new(1), Duration::from_secs(10));
    [
        Config::default(),
        levels,
        Config { zone, subset: 7, ..Config::default() },
        Config { zone, subset: 9, slow_start, ..levels },
    ]
}

#[test]
fn an_identical_update_rebuilds_nothing() {
    for config in configs() {
        let policy = Counting::default();
        let rebuilds = Rc::clone(&policy.0);
        let mut balancer: Balancer<u32, Counting> =
            Balancer::with_config(policy, config).expect("valid settings");
        let _ = balancer.update(Instant::ZERO, (0..100).map(endpoint)).expect("no table");
        let before = rebuilds.replace(0);
        assert!((1..=4).contains(&before), "once for each group: {before}");

        let later = Instant::from_millis(1);
        assert!(
            balancer.update(later, (0..100).map(endpoint)).is_ok_and(|changes| changes.is_empty())
        );
        assert!(
            balancer
                .update(later, (0..100).rev().map(endpoint))
                .is_ok_and(|changes| changes.is_empty())
        );
        let twice = (0..100).chain(0..100).map(endpoint);
        assert!(balancer.update(later, twice).is_ok_and(|changes| changes.is_empty()));
        assert!(balancer.insert(later, endpoint(7)).is_ok_and(|changes| changes.is_empty()));
        assert_eq!(balancer.remove(later, &100), Ok(None));
        balancer.handle_timeout(later);
        assert_eq!(rebuilds.get(), 0, "{config:?}");

        let _ = balancer.insert(later, endpoint(7).with_weight(5)).expect("no table");
        assert!((1..=4).contains(&rebuilds.get()), "the count counts");
    }
}

#[test]
fn without_a_weight_there_is_nothing_to_pick() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (text, config) in TEXTS.iter().flat_map(|text| configs().map(|config| (text, config))) {
        let policy: AnyPolicy = text.parse().expect("valid");
        if evenkeel_core::policy::honours(&policy, &config).is_err() {
            continue;
        }
        let mut balancer: Balancer<u32, _> =
            Balancer::with_config(policy, config).expect("valid settings");
        assert_eq!(balancer.pick(Instant::ZERO, &mut rng), Err(PickError::NoEndpoints));
        let weightless = |addr| endpoint(addr).with_weight(0);
        let _ = balancer.update(Instant::ZERO, (0..20).map(weightless)).expect("nothing to build");
        assert_eq!(balancer.pick(Instant::ZERO, &mut rng), Err(PickError::AllDrained), "{text}");
    }
}

#[test]
fn a_group_without_room_does_not_hold_up_the_others() {
    let config = Config { overprovisioning_percent: 140, ..Config::default() };
    let policy = AnyPolicy::<Inline<8>>::WeightedRoundRobin(WeightedRoundRobin::in_store());
    let mut balancer: Balancer<u32, _> =
        Balancer::with_config(policy, config).expect("valid settings");
    let heavy =
        |addr, priority| Endpoint::new(addr).with_priority(priority).with_weight(1 + addr % 2);
    // Half of the first level drains, so that the second has a share, and a table.
    let level = |count| (0..2 * count).map(move |addr| heavy(addr, 0).with_draining(addr < count));
    let _ = balancer
        .update(Instant::ZERO, level(4).chain((100..105).map(|addr| heavy(addr, 1))))
        .expect("room");
    // Now the first has more than fit, and the second has fewer than before.
    let full = balancer
        .update(Instant::ZERO, level(20).chain((100..102).map(|addr| heavy(addr, 1))))
        .unwrap_err();
    assert_eq!(full, UpdateError::Table(TableFull { needed: 20, capacity: 8 }));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        let pick = balancer
            .pick(Instant::ZERO, &mut rng)
            .expect("weights are ignored where the table has no room");
        balancer.report(Instant::ZERO, pick, Outcome::Success);
    }
}
