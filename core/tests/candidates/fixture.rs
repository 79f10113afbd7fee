//! A balancer whose candidates can be seen from outside, group by group.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use evenkeel_core::error::TableFull;
use evenkeel_core::{
    Address, Balancer, Config, Cx, Endpoint, Heap, Instant, Policy, Request, Store, View, Why,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Notes the slots and weights that it is shown, and takes the first.
#[derive(Clone, Default)]
pub(crate) struct Spy {
    shown: Rc<RefCell<Vec<(usize, u32)>>>,
    rebuilt: Rc<Cell<usize>>,
}

impl Policy for Spy {
    type Load = ();

    fn pick(&self, view: &dyn View, _cx: &mut Cx<'_>) -> Option<usize> {
        let slots = (0..view.len()).filter_map(|place| view.at(place));
        *self.shown.borrow_mut() = slots.map(|slot| (slot, view.weight(slot))).collect();
        view.at(0)
    }

    fn rebuild(&mut self, _view: &dyn View) -> Result<(), TableFull> {
        self.rebuilt.set(self.rebuilt.get() + 1);
        Ok(())
    }
}

/// A group of candidates, in the order of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group<A> {
    pub(crate) share: u8,
    pub(crate) panic: bool,
    pub(crate) members: Vec<A>,
    pub(crate) weights: Vec<u32>,
}

pub(crate) struct Fixture<A: Address, S: Store = Heap> {
    pub(crate) balancer: Balancer<A, Spy, Config, S>,
    pub(crate) now: Instant,
    spy: Spy,
}

impl<A: Address, S: Store> Fixture<A, S> {
    pub(crate) fn new(config: Config) -> Self {
        let spy = Spy::default();
        let balancer = Balancer::with_config(spy.clone(), config).unwrap();
        Self { balancer, now: Instant::ZERO, spy }
    }

    pub(crate) fn with(config: Config, endpoints: impl IntoIterator<Item = Endpoint<A>>) -> Self {
        let mut fixture = Self::new(config);
        fixture.update(endpoints);
        fixture
    }

    pub(crate) fn update(&mut self, endpoints: impl IntoIterator<Item = Endpoint<A>>) {
        let _ = self.balancer.update(self.now, endpoints).unwrap();
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint<A>> {
        self.balancer.endpoints().map(|status| status.endpoint.clone()).collect()
    }

    /// Returns how often the policy was rebuilt.
    pub(crate) fn rebuilt(&self) -> usize {
        self.spy.rebuilt.get()
    }

    /// Returns the groups: each of the keys from 0 to 99 stands for one percent.
    pub(crate) fn groups(&mut self) -> Vec<Group<A>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut groups, mut last) = (Vec::<Group<A>>::new(), Vec::new());
        for key in 0..100 {
            let request = Request::at(self.now).with_key(key);
            let Ok(pick) = self.balancer.pick_with(request, &mut rng) else { break };
            let shown = self.spy.shown.take();
            let panic = match pick.why() {
                Why::Policy => false,
                Why::Panic => true,
                why => panic!("{why:?}"),
            };
            match groups.last_mut() {
                Some(group) if last == shown => {
                    assert_eq!(group.panic, panic);
                    group.share += 1;
                }
                _ => groups.push(self.group(&shown, panic)),
            }
            last = shown;
        }
        groups
    }

    fn group(&self, shown: &[(usize, u32)], panic: bool) -> Group<A> {
        assert!(shown.is_sorted(), "candidates are in the order of slots");
        let named = |status: evenkeel_core::Status<'_, A>| {
            let index = status.slot.index();
            let place = shown.binary_search_by_key(&index, |(slot, _)| *slot).ok()?;
            Some((status.endpoint.addr.clone(), shown[place].1))
        };
        let (members, weights): (Vec<_>, Vec<_>) =
            self.balancer.endpoints().filter_map(named).unzip();
        assert_eq!(members.len(), shown.len());
        Group { share: 1, panic, members, weights }
    }

    /// Returns the addresses of all candidates, group by group.
    pub(crate) fn members(&mut self) -> Vec<A> {
        self.groups().into_iter().flat_map(|group| group.members).collect()
    }
}
