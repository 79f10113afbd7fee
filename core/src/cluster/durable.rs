use super::{Cluster, GROUPS};
use crate::endpoint::Address;
use crate::health::Scope;
use crate::set::Slot;
use crate::state::{ImportError, Imported, LONGEST, Latency, Learned, Next, State};
use crate::stats::{Estimate, Estimator};
use crate::store::{List, Store};
use crate::time::{Instant, nanos};

impl<A: Address, S: Store> Cluster<A, S> {
    /// What was learned of the endpoints, to be kept; `estimate` knows their answer times. It does not say whose turn is next. O(n)
    pub fn export(&self, now: Instant, estimate: impl Fn(Slot) -> Estimate) -> State<A, S> {
        self.export_with(now, estimate, [const { None }; GROUPS])
    }

    /// The same, with whose turn is next.
    pub(crate) fn export_with(
        &self,
        now: Instant,
        estimate: impl Fn(Slot) -> Estimate,
        next: [Option<Next<A>>; GROUPS],
    ) -> State<A, S> {
        // A clock that is behind has not moved.
        let now = now.max(self.last);
        let mut endpoints = <S::List<Learned<A>>>::default();
        for (slot, endpoint) in self.set.iter() {
            let Estimate { nanos, stamp } = estimate(slot);
            let latency = Latency { nanos: nanos.min(LONGEST), age: now.nanos_since(stamp).min(LONGEST) };
            let latency = (nanos > 0).then_some(latency);
            let health = self.health.export(slot.index(), now);
            let warming = self.warming(slot, now);
            if latency.is_some() || health.is_some() || warming > 0 {
                // The list has the capacity of the set.
                let _ = endpoints.try_push(Learned { addr: endpoint.addr.clone(), latency, health, warming });
            }
        }
        State::new(endpoints, next, self.health.rounds(now))
    }

    /// Goes on with what is known in `state`, except of endpoints of which something was reported here: that is newer.
    ///
    /// `adopt` gets the slot and the answer time of each endpoint that it may go on with, and tells whether it may: that nothing was
    /// reported of it. What changes the candidates takes effect with [`handle_timeout`](Self::handle_timeout), which is due then.
    /// O(n log n)
    ///
    /// # Errors
    /// [`ImportError`] for a state that cannot be used; nothing changes.
    pub fn import<T: Store>(
        &mut self,
        now: Instant,
        state: &State<A, T>,
        estimator: &Estimator,
        mut adopt: impl FnMut(Slot, Estimate) -> bool,
    ) -> Result<Imported, ImportError> {
        state.check()?;
        let addresses = || {
            let next = state.next.iter().flatten().map(|next| &next.addr);
            state.endpoints.iter().map(|learned| &learned.addr).chain(next)
        };
        // The one endpoint whose turn is next may have left, where nothing else is known.
        let about_others = !state.is_empty() && !addresses().any(|addr| self.set.find(addr).is_some());
        if about_others || self.set.is_empty() && addresses().next().is_some() {
            return Err(ImportError::Foreign { addresses: addresses().count(), set: self.set.len() });
        }
        self.follow_clock(now);
        let intervals = state.rounds.interval_left.is_some();
        let mut imported = Imported::default();
        for learned in state.endpoints.iter() {
            let Some(slot) = self.set.find(&learned.addr) else {
                imported.unknown += 1;
                continue;
            };
            let latency = learned.latency.map_or(Estimate::default(), |Latency { nanos, age }| {
                estimator.recall(nanos, age.saturating_add(state.age), now)
            });
            if !self.health.blank(slot.index()) || !adopt(slot, latency) {
                imported.kept += 1;
                continue;
            }
            imported.endpoints += 1;
            if let Some(slow_start) = self.config.slow_start {
                let left = learned.warming.saturating_sub(state.age).min(nanos(slow_start.window));
                self.warmth.set_end(slot, now.later(left));
            }
            if let Some(record) = &learned.health {
                let Self { set, health, events, touched, .. } = self;
                let mut scope = Scope { now, hosts: set.len(), slot: &|index| set.live(index), events, touched };
                health.import(&mut scope, slot, record, state.age, intervals);
            }
        }
        if imported.kept == 0 {
            self.health.go_on(now, state.age, state.rounds);
        }
        if self.config.slow_start.is_some() {
            // Weights are found anew.
            self.step = now;
        }
        self.note_due();
        Ok(imported)
    }

    /// How long an endpoint's slow start still takes.
    fn warming(&self, slot: Slot, now: Instant) -> u64 {
        let Some(slow_start) = self.config.slow_start else { return 0 };
        let end = self.warmth.end(slot, self.health.row(slot.index()), slow_start);
        if end == Instant::MAX { 0 } else { end.nanos_since(now).min(LONGEST) }
    }
}
