//! Who may be picked: the set, narrowed down to the candidates.

use core::fmt;

use crate::endpoint::{Address, Endpoint};
use crate::error::{InsertError, PickError};
use crate::set::{Change, Changes, EndpointSet, Observer, Slot};
use crate::store::{DebugList, List, Store};

/// The slow path of a balancer: the set of endpoints, and which of them are candidates.
///
/// The candidates are the endpoints of the lowest priority that has any with a weight above 0 and not draining. Both the
/// single-threaded [`Balancer`](crate::Balancer) and shared ones are built on it.
pub struct Cluster<A, #[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    set: EndpointSet<A, S>,
    candidates: Candidates<S>,
}

/// The endpoints that a policy chooses from, in the order of their addresses.
pub struct Candidates<S: Store> {
    slots: S::List<Slot>,
    weights: S::List<u32>,
    ids: S::List<u64>,
}

impl<A: Address, S: Store> Cluster<A, S> {
    /// A cluster without endpoints.
    pub fn new() -> Self {
        Self { set: EndpointSet::new(), candidates: Candidates::default() }
    }

    /// All endpoints.
    pub fn set(&self) -> &EndpointSet<A, S> {
        &self.set
    }

    /// The endpoints that may be picked.
    pub fn candidates(&self) -> &Candidates<S> {
        &self.candidates
    }

    /// Why there is no candidate, if there is none.
    ///
    /// # Errors
    /// [`PickError::NoEndpoints`] or [`PickError::AllDrained`].
    pub fn available(&self) -> Result<(), PickError> {
        if !self.candidates.is_empty() {
            Ok(())
        } else if self.set.is_empty() {
            Err(PickError::NoEndpoints)
        } else {
            Err(PickError::AllDrained)
        }
    }

    /// Replaces the whole set; see [`EndpointSet::update`].
    pub fn update(&mut self, endpoints: impl IntoIterator<Item = Endpoint<A>>) -> Changes {
        self.update_with(endpoints, &mut |_: Change<'_, A>| {})
    }

    /// Replaces the whole set and tells every difference to `observer`; see [`EndpointSet::update_with`].
    pub fn update_with(
        &mut self,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
        observer: &mut impl Observer<A>,
    ) -> Changes {
        let changes = self.set.update_with(endpoints, observer);
        self.refresh(changes);
        changes
    }

    /// Adds or changes one endpoint; see [`EndpointSet::insert_with`].
    ///
    /// # Errors
    /// [`InsertError::Full`] when the store has no room; nothing changes.
    pub fn insert(&mut self, endpoint: Endpoint<A>, observer: &mut impl Observer<A>) -> Result<Changes, InsertError> {
        let changes = self.set.insert_with(endpoint, observer)?;
        self.refresh(changes);
        Ok(changes)
    }

    /// Takes out one endpoint.
    pub fn remove(&mut self, addr: &A) -> Option<(Slot, Endpoint<A>)> {
        let removed = self.set.remove(addr)?;
        self.refresh(Changes { removed: 1, ..Changes::default() });
        Some(removed)
    }

    fn refresh(&mut self, changes: Changes) {
        if changes.is_empty() {
            return;
        }
        let eligible = || self.set.iter().filter(|(_, endpoint)| endpoint.eligible());
        let mut candidates = Candidates::default();
        if let Some(level) = eligible().map(|(_, endpoint)| endpoint.priority).min() {
            for (slot, endpoint) in eligible().filter(|(_, endpoint)| endpoint.priority == level) {
                candidates.push(slot, endpoint.weight, self.set.id(slot).unwrap_or_default());
            }
        }
        self.candidates = candidates;
    }
}

impl<S: Store> Candidates<S> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Their slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Their weights, all above 0.
    pub fn weights(&self) -> &[u32] {
        &self.weights
    }

    /// The hashes of their keys.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    fn push(&mut self, slot: Slot, weight: u32, id: u64) {
        // The lists have the capacity of the set.
        let _ = self.slots.try_push(slot);
        let _ = self.weights.try_push(weight);
        let _ = self.ids.try_push(id);
    }
}

impl<S: Store> Default for Candidates<S> {
    fn default() -> Self {
        Self { slots: S::List::default(), weights: S::List::default(), ids: S::List::default() }
    }
}

impl<S: Store> Clone for Candidates<S> {
    fn clone(&self) -> Self {
        let mut clone = Self::default();
        for place in 0..self.len() {
            clone.push(self.slots[place], self.weights[place], self.ids[place]);
        }
        clone
    }
}

impl<S: Store> fmt::Debug for Candidates<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.slots.iter().zip(&*self.weights)).finish()
    }
}

impl<A: Address, S: Store> Default for Cluster<A, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: fmt::Debug, S: Store> fmt::Debug for Cluster<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("set", &self.set)
            .field("candidates", &DebugList(self.candidates.slots()))
            .finish()
    }
}
