//! What candidate groups look like from outside.

#[path = "cases.rs"]
mod cases;

pub(crate) use cases::proptest_config;
use evenkeel_core::{Address, Cluster, Store};

/// A group of candidates, by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group<A> {
    pub(crate) share: u8,
    pub(crate) panic: bool,
    pub(crate) members: Vec<A>,
    pub(crate) weights: Vec<u32>,
}

/// The groups of a cluster.
pub(crate) fn groups<A: Address, S: Store>(cluster: &Cluster<A, S>) -> Vec<Group<A>> {
    let candidates = cluster.candidates();
    let address = |slot| cluster.set().get(slot).expect("candidates are in the set").addr.clone();
    let groups = (0..candidates.groups()).map(|index| candidates.group(index));
    let groups = groups.map(|group| {
        let ids = group.slots.iter().map(|&slot| cluster.set().id(slot).unwrap());
        assert!(ids.eq(group.ids.iter().copied()));
        let members = group.slots.iter().map(|&slot| address(slot)).collect();
        Group { share: group.share, panic: group.panic, members, weights: group.weights.to_vec() }
    });
    groups.collect()
}
