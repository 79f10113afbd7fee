use crate::cluster::Cluster;
use crate::endpoint::Address;
use crate::kit::Kit;
use crate::load::Load;
use crate::policy::View;
use crate::set::Slots;
use crate::slot::Turn;
use crate::store::Store;
use crate::time::Instant;

/// A view of a cluster: the slots that may be picked, and what is known of each.
pub(crate) struct Over<'a, X, A, L: Load, S: Kit, St: Store> {
    slots: X,
    cluster: &'a Cluster<A, L, S, St>,
}

impl<'a, X: Slots, A: Address, L: Load, S: Kit, St: Store> Over<'a, X, A, L, S, St> {
    #[inline]
    pub(crate) fn new(slots: X, cluster: &'a Cluster<A, L, S, St>) -> Self {
        Self { slots, cluster }
    }
}

impl<X: Slots, A: Address, L: Load, S: Kit, St: Store> View for Over<'_, X, A, L, S, St> {
    #[inline]
    fn len(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    fn at(&self, place: usize) -> Option<usize> {
        self.slots.at(place)
    }

    #[inline]
    fn has(&self, slot: usize) -> bool {
        self.slots.has(slot)
    }

    #[inline]
    fn is_cut(&self) -> bool {
        self.slots.is_cut()
    }

    #[inline]
    fn next(&self, turn: &mut Turn) -> Option<usize> {
        self.slots.next(turn)
    }

    #[inline]
    fn weight(&self, slot: usize) -> u32 {
        self.cluster.rows().weight(slot).unwrap_or(0)
    }

    #[inline]
    fn in_flight(&self, slot: usize) -> u32 {
        self.cluster.rows().look(slot, |row| row.load.in_flight()).unwrap_or(0)
    }

    #[inline]
    fn cost(&self, slot: usize, now: Instant) -> u64 {
        let cost = |load: &L| load.cost(self.cluster.tuning(), now);
        self.cluster.rows().look(slot, |row| cost(&row.load)).unwrap_or(0)
    }

    #[inline]
    fn in_flight_and_weight(&self, slot: usize) -> (u32, u32) {
        self.cluster.rows().load_and_weight(slot, L::in_flight).unwrap_or((0, 0))
    }

    #[inline]
    fn cost_and_weight(&self, slot: usize, now: Instant) -> (u64, u32) {
        let cost = |load: &L| load.cost(self.cluster.tuning(), now);
        self.cluster.rows().load_and_weight(slot, cost).unwrap_or((0, 0))
    }

    #[inline]
    fn id(&self, slot: usize) -> u64 {
        self.cluster.rows().id(slot).unwrap_or(0)
    }

    fn write_key(&self, slot: usize, sink: &mut dyn FnMut(&[u8])) {
        if let Some(endpoint) = self.cluster.rows().last_endpoint(slot) {
            endpoint.addr.key(sink);
        }
    }

    fn after(&self, slot: Option<usize>) -> Option<usize> {
        self.cluster.after(slot).find(|&slot| self.slots.has(slot))
    }
}
