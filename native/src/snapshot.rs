//! What a pick reads: the candidates, their clients and the policy, all immutable.

use std::sync::Arc;

use evenkeel_core::cluster::Candidates;
use evenkeel_core::{Cluster, Heap, Policy, TableFull, View};

use crate::counters::Counters;
use crate::lease::Client;
use crate::target::Target;

/// One state of the set, replaced as a whole.
#[derive(Debug)]
pub(crate) struct Snapshot<C, P> {
    /// Above 0, and different for each snapshot of a balancer.
    pub(crate) version: u64,
    pub(crate) candidates: Candidates<Heap>,
    /// The client of each candidate.
    pub(crate) clients: Vec<Arc<Client<C>>>,
    pub(crate) policy: P,
    /// For each slot ever used, the place of the candidate that follows its endpoint.
    successors: Vec<u32>,
}

impl<C, P: Policy> Snapshot<C, P> {
    /// The snapshot of `cluster`; `client` knows every endpoint in it.
    pub(crate) fn new(
        version: u64,
        cluster: &Cluster<Target, Heap>,
        client: impl Fn(&Target) -> Option<Arc<Client<C>>>,
        mut policy: P,
        counters: &Counters,
    ) -> Result<Self, TableFull> {
        let candidates = cluster.candidates().clone();
        let address = |slot| cluster.set().get(slot).map(|endpoint| &endpoint.addr);
        let clients = candidates.slots().iter().filter_map(|&slot| client(address(slot)?)).collect();
        policy.rebuild(&View::new(&candidates, counters, &[]))?;
        let successors = successors(cluster);
        Ok(Self { version, candidates, clients, policy, successors })
    }
}

impl<C, P> Snapshot<C, P> {
    /// The place of the candidate after the endpoint that has, or had last, the slot with this index.
    pub(crate) fn successor(&self, slot_index: usize) -> usize {
        self.successors.get(slot_index).map_or(0, |&place| place as usize)
    }
}

fn successors(cluster: &Cluster<Target, Heap>) -> Vec<u32> {
    const UNKNOWN: u32 = u32::MAX;
    let candidates = cluster.candidates().slots();
    let mut successors = vec![UNKNOWN; cluster.set().slots()];
    let mut place = 0;
    for (slot, _) in cluster.set().iter() {
        if candidates.get(place) == Some(&slot) {
            place += 1;
        }
        successors[slot.index()] = place as u32;
    }
    for (index, successor) in successors.iter_mut().enumerate().filter(|(_, place)| **place == UNKNOWN) {
        let departed = cluster.set().last_address(index);
        let before = |slot: &_| cluster.set().get(*slot).map(|endpoint| &endpoint.addr) < departed;
        *successor = candidates.partition_point(before) as u32;
    }
    successors
}
