//! Changes that do not concern the candidates: what is asked of a view says that nothing is
//! rebuilt.

use core::cell::Cell;
use std::rc::Rc;

use evenkeel_core::error::TableFull;
use evenkeel_core::policy::{LeastRequest, PeakEwma, WeightedRandom, WeightedRoundRobin};
use evenkeel_core::slot::Turn;
use evenkeel_core::{Balancer, Config, Cx, Endpoint, Instant, Outcome, Policy, View};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A policy whose rebuilds count how often they ask for a weight.
#[derive(Clone)]
struct Watched<P> {
    policy: P,
    asked: Rc<Cell<usize>>,
}

impl<P: Policy> Policy for Watched<P> {
    type Load = P::Load;

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.policy.pick(view, cx)
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        self.policy.rebuild(&Counted { view, asked: &self.asked })
    }
}

struct Counted<'a> {
    view: &'a dyn View,
    asked: &'a Cell<usize>,
}

impl View for Counted<'_> {
    fn len(&self) -> usize {
        self.view.len()
    }

    fn at(&self, place: usize) -> Option<usize> {
        self.view.at(place)
    }

    fn has(&self, slot: usize) -> bool {
        self.view.has(slot)
    }

    fn is_cut(&self) -> bool {
        self.view.is_cut()
    }

    fn next(&self, turn: &mut Turn) -> Option<usize> {
        self.view.next(turn)
    }

    fn weight(&self, slot: usize) -> u32 {
        self.asked.set(self.asked.get() + 1);
        self.view.weight(slot)
    }

    fn in_flight(&self, slot: usize) -> u32 {
        self.view.in_flight(slot)
    }

    fn cost(&self, slot: usize, now: Instant) -> u64 {
        self.view.cost(slot, now)
    }

    fn id(&self, slot: usize) -> u64 {
        self.view.id(slot)
    }

    fn write_key(&self, slot: usize, sink: &mut dyn FnMut(&[u8])) {
        self.view.write_key(slot, sink);
    }

    fn after(&self, slot: Option<usize>) -> Option<usize> {
        self.view.after(slot)
    }
}

struct Bed<P: Policy> {
    balancer: Balancer<u32, Watched<P>>,
    asked: Rc<Cell<usize>>,
    now: Instant,
}

const STANDBY: u32 = 9_000;

/// An endpoint with one of the weights `unit` and twice that.
fn endpoint(addr: u32, unit: u32) -> Endpoint<u32> {
    Endpoint::new(addr).with_weight(unit + addr % 2)
}

impl<P: Policy + Clone> Bed<P> {
    fn new(policy: P, n: u32, unit: u32) -> Self {
        let asked = Rc::new(Cell::new(0));
        let policy = Watched { policy, asked: Rc::clone(&asked) };
        let balancer = Balancer::with_config(policy, Config::DEFAULT).expect("settings");
        let mut bed = Self { balancer, asked, now: Instant::ZERO };
        let set = (0..n).map(|addr| endpoint(addr, unit)).chain([standby(), standby_too()]);
        let _ = bed.balancer.update(bed.now, set).expect("room");
        bed
    }

    fn insert(&mut self, endpoint: Endpoint<u32>) {
        let _ = self.balancer.insert(self.now, endpoint).expect("room");
    }

    fn set_down(&mut self, addr: u32, down: bool) {
        let of = |status: &evenkeel_core::Status<'_, u32>| status.endpoint.addr == addr;
        let slot = self.balancer.endpoints().find(of).expect("it is there").slot;
        self.balancer.set_down(self.now, slot, down);
    }

    /// Returns how often a weight was asked for.
    fn asks(&mut self, change: impl FnOnce(&mut Self)) -> usize {
        self.asked.set(0);
        change(self);
        self.asked.take()
    }
}

fn standby() -> Endpoint<u32> {
    Endpoint::new(STANDBY).with_priority(1)
}

fn standby_too() -> Endpoint<u32> {
    Endpoint::new(STANDBY + 1).with_priority(1).with_weight(5)
}

type Change<'a, P> = &'a dyn Fn(&mut Bed<P>);

/// Each change may ask if weights are equal, and who is there: at most twice as many questions as
/// candidates, and one.
fn asks_little<P: Policy + Clone>(policy: P, n: u32, unit: u32) {
    let mut bed = Bed::new(policy, n, unit);
    let most = 2 * n as usize + 1;
    let changes: [(&str, Change<'_, P>); 9] = [
        ("weight", &|bed| bed.insert(standby().with_weight(7))),
        ("drains", &|bed| bed.insert(standby().with_draining(true))),
        ("priority", &|bed| bed.insert(standby().with_priority(2))),
        ("down", &|bed| bed.set_down(STANDBY, true)),
        ("up", &|bed| bed.set_down(STANDBY, false)),
        ("leaves", &|bed| {
            assert!(bed.balancer.remove(bed.now, &STANDBY).is_ok_and(|was| was.is_some()));
        }),
        ("comes", &|bed| bed.insert(standby())),
        ("nobody", &|bed| {
            let set = (0..n).map(|addr| endpoint(addr, unit)).chain([standby(), standby_too()]);
            let _ = bed.balancer.update(bed.now, set).expect("room");
        }),
        ("fails", &|bed| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let pick = bed.balancer.pick(bed.now, &mut rng).expect("a pick");
            bed.balancer.report(bed.now, pick, Outcome::Failure);
        }),
    ];
    for (name, change) in changes {
        let asked = bed.asks(|bed| change(bed));
        assert!(asked <= most, "{name}, {n} of {unit}: {asked} of {most}");
    }
    // One that concerns them asks for more: the count counts.
    let asked = bed.asks(|bed| bed.insert(endpoint(0, unit).with_weight(unit + 2)));
    assert!(asked > most, "{n} of {unit}: {asked} of {most}");
}

#[test]
fn a_change_that_does_not_concern_the_group_rebuilds_nothing() {
    // 100,003 makes cycles that are too long to be kept.
    for unit in [1, 100_003] {
        for n in [2, 3, 5, 10, 1_000] {
            asks_little(WeightedRoundRobin::new(), n, unit);
            asks_little(WeightedRandom::new(), n, unit);
            asks_little(LeastRequest::new(), n, unit);
            asks_little(PeakEwma::new(), n, unit);
            asks_little(PeakEwma::full_scan(), n, unit);
        }
    }
}
