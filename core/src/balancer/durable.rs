use super::Balancer;
use crate::endpoint::Address;
use crate::hash::mix;
use crate::policy::{Policy, Turn};
use crate::state::{ImportError, Imported, Next, State};
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, P: Policy, S: Store> Balancer<A, P, S> {
    /// What was learned, to be kept over a restart; the [module](crate::state) says what that is. O(n)
    pub fn export(&self, now: Instant) -> State<A, S> {
        let next = |index: usize| {
            let turn = self.turns[index];
            let (addr, place) = (self.next_address(index, turn)?.clone(), turn.place()? as u32);
            Some(Next { addr, place, cycle: self.cycle(index) })
        };
        self.cluster.export_with(now, |slot| self.stats.estimate(slot.index()), core::array::from_fn(next))
    }

    /// Goes on with what another balancer knew, perhaps in another process.
    ///
    /// [`update`](Self::update) first: what is known of endpoints that are not in the set is left out. An endpoint of which
    /// something was reported here keeps what was learned from that, as it is newer; so does a rotation that has begun. The
    /// settings of this balancer rule: nothing is ejected for longer, and no more endpoints are, than they allow. O(n log n)
    ///
    /// A policy whose table is too small for the candidates that are left goes on as it does after an [`update`](Self::update),
    /// which would say so.
    ///
    /// # Errors
    /// [`ImportError`] for a state that is damaged, older than [`MAX_AGE`](crate::state::MAX_AGE), of another version, or about
    /// other endpoints; nothing changes.
    pub fn import<T: Store>(&mut self, now: Instant, state: &State<A, T>) -> Result<Imported, ImportError> {
        let Self { cluster, stats, .. } = self;
        let estimator = stats.estimator();
        let imported = cluster.import(now, state, &estimator, |slot, latency| stats.adopt(slot.index(), latency))?;
        self.handle_timeout(now);
        for (index, next) in state.next.iter().enumerate().take(self.cluster.candidates().groups()) {
            if let (Some(Next { addr, place, cycle }), Turn::UNSET) = (next, self.turns[index]) {
                let same = Turn::at(*place as usize);
                if self.cycle(index) == *cycle && self.next_address(index, same) == Some(addr) {
                    self.turns[index] = same;
                } else {
                    self.go_on_at(index, addr);
                }
            }
        }
        Ok(imported)
    }

    /// A hash of the candidates of a group and their weights.
    fn cycle(&self, index: usize) -> u64 {
        let group = self.cluster.candidates().group(index);
        let set = self.cluster.set();
        let parts = group.slots.iter().zip(group.weights);
        parts.fold(0, |hash, (&slot, &weight)| mix(mix(hash, set.id(slot).unwrap_or(0)), weight.into()))
    }
}
