//! What a pick reads: the candidates, their clients and the policies, all immutable.

use std::sync::Arc;

use evenkeel_core::cluster::Candidates;
use evenkeel_core::policy::Keys;
use evenkeel_core::{Address, Cluster, Heap, Instant, Policy, Slot, TableFull, View};

use crate::client::Client;
use crate::counters::Counters;
use crate::target::Target;

/// One state of the set, replaced as a whole.
#[derive(Debug)]
pub(crate) struct Snapshot<C, P> {
    /// Above 0, and different for each snapshot of a balancer.
    pub(crate) version: u64,
    pub(crate) candidates: Candidates<Heap>,
    /// The client of each candidate, group by group; then those of the probes.
    pub(crate) clients: Vec<Arc<Client<C>>>,
    /// Never empty: without candidates, there is the policy that waits for some.
    pub(crate) groups: Arc<[Group<P>]>,
    /// Half-open endpoints that wait for a request which decides: almost always none.
    pub(crate) probes: Vec<Slot>,
}

/// What belongs to one group of candidates.
#[derive(Debug)]
pub(crate) struct Group<P> {
    pub(crate) policy: P,
    /// The place of its first candidate among all clients.
    pub(crate) start: usize,
    /// For each slot ever used, where in the policy's cycle the candidate that follows its endpoint has its turn.
    successors: Vec<u32>,
}

impl<C, P: Policy + Clone> Snapshot<C, P> {
    /// The snapshot of `cluster`; `client` knows every endpoint in it.
    pub(crate) fn new(
        version: u64,
        cluster: &Cluster<Target, Heap>,
        client: impl Fn(Slot) -> Option<Arc<Client<C>>>,
        policy: &P,
        counters: &Counters,
    ) -> Result<Self, TableFull> {
        let candidates = cluster.candidates().clone();
        let clients = candidates.slots().iter().filter_map(|&slot| client(slot)).collect();
        let mut groups = Vec::new();
        let mut start = 0;
        for index in 0..candidates.groups().max(1) {
            let (group, mut policy) = (candidates.group(index), policy.clone());
            policy.rebuild(&View::new(group, counters, cluster.set(), &[]))?;
            let place = |candidate| if candidate < group.slots.len() { policy.place_of(candidate) as u32 } else { 0 };
            let successors = successors(cluster, group.slots).into_iter().map(place).collect();
            groups.push(Group { policy, start, successors });
            start += group.slots.len();
        }
        Ok(Self { version, candidates, clients, groups: groups.into(), probes: Vec::new() })
    }
}

impl<C, P> Snapshot<C, P> {
    /// The same candidates, with other probes beside them.
    pub(crate) fn probing(&self, probes: Vec<(Slot, Arc<Client<C>>)>) -> Self {
        let (probes, probed): (Vec<_>, Vec<_>) = probes.into_iter().unzip();
        let clients = self.clients.iter().take(self.candidates.len()).cloned().chain(probed).collect();
        let (candidates, groups) = (self.candidates.clone(), Arc::clone(&self.groups));
        Self { version: self.version, candidates, clients, groups, probes }
    }

    /// The place of a probe that is this pick's from now on.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_probe(&self, now: Instant) -> Option<(usize, Slot)> {
        let places = self.candidates.len()..;
        places.zip(&self.probes).find_map(|(place, &slot)| {
            let client = &self.clients[place];
            let taken = client.vitals.take_probe(now);
            taken.then(|| {
                client.counters.marks.mark(slot.index());
                (place, slot)
            })
        })
    }
}

impl<P> Group<P> {
    /// The turn after the endpoint that has, or had last, the slot with this index.
    pub(crate) fn after(&self, slot_index: usize) -> usize {
        self.successors.get(slot_index).map_or(0, |&place| place as usize)
    }
}

impl<C, P> Keys for Snapshot<C, P> {
    /// O(n): policies write keys when they are rebuilt, and that is from the cluster.
    fn write_key(&self, slot: Slot, sink: &mut dyn FnMut(&[u8])) {
        if let Some(place) = self.candidates.slots().iter().position(|&candidate| candidate == slot) {
            self.clients[place].target.key(sink);
        }
    }
}

/// For each slot ever used, the candidate that follows its endpoint; their number, after the last.
fn successors(cluster: &Cluster<Target, Heap>, candidates: &[Slot]) -> Vec<usize> {
    const UNKNOWN: usize = usize::MAX;
    let mut successors = vec![UNKNOWN; cluster.set().slots()];
    let mut next = 0;
    for (slot, _) in cluster.set().iter() {
        if candidates.get(next) == Some(&slot) {
            next += 1;
        }
        successors[slot.index()] = next;
    }
    for (index, successor) in successors.iter_mut().enumerate().filter(|(_, next)| **next == UNKNOWN) {
        let departed = cluster.set().last_address(index);
        let before = |slot: &_| cluster.set().get(*slot).map(|endpoint| &endpoint.addr) < departed;
        *successor = candidates.partition_point(before);
    }
    successors
}
