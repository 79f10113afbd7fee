//! How endpoints are doing, as the cluster is told and asked.

use super::Cluster;
use crate::balancer::Outcome;
use crate::config::{Config, ConfigError};
use crate::endpoint::Address;
use crate::health::{Health, OutlierDetection, Report, Scope, Table, judge};
use crate::set::Slot;
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, S: Store> Cluster<A, S> {
    /// How the endpoint in `slot` is doing.
    pub fn health(&self, slot: Slot) -> Health {
        self.health.row(slot.index()).health()
    }

    /// Whether the end of a request with this outcome changes an endpoint's health: mostly a success does not.
    #[inline]
    pub fn heeds(&self, outcome: Outcome) -> bool {
        self.health.heeds(outcome)
    }

    /// Whether a request to the endpoint in `slot`, sent then, tells nothing of its health any more, unless it comes back as
    /// overloaded: the endpoint has been ejected since, and has come back. Requests that hung must not eject it again.
    #[cold]
    pub fn outdated(&self, slot: Slot, sent: Instant) -> bool {
        self.set.get(slot).is_some() && self.health.outdated(slot.index(), sent)
    }

    /// Learns from the end of a request to the endpoint in `slot`. One that was a [probe](Self::start_probe), or was sent in
    /// panic, says when it was sent: it decides whether an ejected endpoint comes back.
    ///
    /// O(1), except with [`SuccessRate`](crate::health::SuccessRate): O(n) for some failures.
    #[cold]
    pub fn observe(&mut self, now: Instant, slot: Slot, outcome: Outcome, decides: Option<Instant>) {
        self.with_health(now, slot, |health, scope| health.observe(scope, slot, Report { outcome, decides }));
    }

    /// Takes over what active checks find of the endpoint in `slot`: see [`Checker`](crate::health::Checker).
    pub fn set_down(&mut self, now: Instant, slot: Slot, down: bool) {
        self.with_health(now, slot, |health, scope| health.set_down(scope, slot, down));
    }

    /// Ejects by other rules from now on, or no longer: then all that are ejected come back.
    ///
    /// # Errors
    /// [`ConfigError`] for settings that make no sense; nothing changes.
    pub fn set_outlier_detection(
        &mut self,
        now: Instant,
        settings: Option<OutlierDetection>,
    ) -> Result<(), ConfigError> {
        let config = Config { outlier_detection: settings, ..self.config };
        config.check()?;
        self.config = config;
        self.follow_clock(now);
        let Self { set, health, events, touched, .. } = self;
        let mut scope = Scope { now, hosts: set.len(), slot: &|index| set.live(index), events, touched };
        health.configure(&mut scope, settings, judge::<S>);
        self.note_due();
        Ok(())
    }

    /// The slots of half-open endpoints whose next request decides. O(n)
    pub fn probes(&self) -> impl Iterator<Item = Slot> {
        let worst = self.health.probes().then(|| self.worst_priority());
        let slots = self.set.iter().filter(move |(slot, endpoint)| {
            let in_use = endpoint.eligible() && worst.is_some_and(|worst| endpoint.priority <= worst);
            in_use && self.health(*slot) == Health::HalfOpen
        });
        slots.map(|(slot, _)| slot)
    }

    /// Starts a probe of a half-open endpoint, if there is one at a priority in use: the next request has to go to it, and what
    /// becomes of it has to be [told](Self::observe).
    pub fn start_probe(&mut self, now: Instant) -> Option<Slot> {
        if !self.health.probes() {
            return None;
        }
        self.follow_clock(now);
        let worst = self.worst_priority();
        let Self { set, health, events, touched, .. } = self;
        let mut scope = Scope { now, hosts: set.len(), slot: &|index| set.live(index), events, touched };
        let probe = health.start_probe(&mut scope, |slot| {
            set.get(slot).is_some_and(|endpoint| endpoint.eligible() && endpoint.priority <= worst)
        });
        self.note_due();
        probe
    }

    /// Whether the health of the endpoint in `slot` changed since the candidates were formed.
    pub(crate) fn pends(&self, slot: Slot) -> bool {
        self.touched.holds(slot)
    }

    pub(super) fn with_health(
        &mut self,
        now: Instant,
        slot: Slot,
        change: impl FnOnce(&mut Table<S>, &mut Scope<'_, S>),
    ) {
        self.follow_clock(now);
        let Self { set, health, events, touched, .. } = self;
        if set.get(slot).is_some() {
            change(health, &mut Scope { now, hosts: set.len(), slot: &|index| set.live(index), events, touched });
            self.note_due();
        }
    }
}
