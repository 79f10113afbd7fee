//! Who chooses hosts: the core's balancer, or another one.

use core::fmt;

use evenkeel_core::policy::{AnyPolicy, RoundRobin};
use evenkeel_core::{
    Balancer, Config, Endpoint, EventKind, Instant, Outcome, Pick, Request, Slot, Why,
};
use rand_chacha::ChaCha8Rng;

use super::Scenario;

/// Takes what a balancer tells: when, of which host, and what.
pub type Tell<'a> = &'a mut dyn FnMut(Instant, Option<u32>, EventKind);

/// A balancer of hosts, each known by its place in the scenario.
pub trait Balance {
    /// The token of a request.
    type Pick;

    /// Takes over the hosts; those that stay may have other weights.
    fn update(&mut self, now: Instant, hosts: &[Endpoint<u32>]);

    /// Chooses a host, none of `avoid` if there are others; of the next level, if the call leaves its
    /// own.
    fn pick(
        &mut self,
        now: Instant,
        avoid: &[u32],
        leave_level: bool,
        rng: &mut ChaCha8Rng,
    ) -> Option<Picked<Self::Pick>>;

    /// Takes back a choice of which nothing was sent.
    fn withdraw(&mut self, now: Instant, pick: Self::Pick);

    /// Learns how a request ended.
    fn report(&mut self, now: Instant, pick: Self::Pick, outcome: Outcome);

    /// Tells what changed since it was asked last.
    fn events(&mut self, tell: Tell<'_>);
}

/// A choice.
#[derive(Debug)]
pub struct Picked<T> {
    /// The host.
    pub host: u32,
    /// Why this one.
    pub why: Why,
    /// To be given back.
    pub pick: T,
}

/// The slots that hosts have in a balancer that gets all of them at once.
///
/// # Panics
/// Never: there is room for all.
pub fn slots(hosts: u32) -> Vec<Slot> {
    let mut balancer: Balancer<u32, RoundRobin> = Balancer::new(RoundRobin::new());
    let _added =
        balancer.update(Instant::ZERO, (0..hosts).map(Endpoint::new)).expect("room for all hosts");
    balancer.endpoints().map(|status| status.slot).collect()
}

/// The core's balancer.
pub struct Ours {
    balancer: Balancer<u32, AnyPolicy>,
    slots: Vec<Slot>,
}

impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.balancer.fmt(f)
    }
}

impl Ours {
    /// A balancer with a scenario's policy and settings.
    ///
    /// # Panics
    /// If the settings make no sense.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let config = Config { seed, ..scenario.config };
        let balancer = Balancer::with_config(scenario.policy.clone(), config)
            .expect("settings that make sense");
        Self { balancer, slots: slots(scenario.hosts.len() as u32) }
    }
}

impl Balance for Ours {
    type Pick = Pick;

    fn update(&mut self, now: Instant, hosts: &[Endpoint<u32>]) {
        let _changes = self.balancer.update(now, hosts.iter().copied()).expect("room for all");
    }

    fn pick(
        &mut self,
        now: Instant,
        avoid: &[u32],
        leave_level: bool,
        rng: &mut ChaCha8Rng,
    ) -> Option<Picked<Pick>> {
        let avoid: Vec<_> =
            avoid.iter().filter_map(|host| self.slots.get(*host as usize).copied()).collect();
        let request = Request::at(now).avoiding(&avoid).leaving_level(leave_level);
        let pick = self.balancer.pick_with(request, rng).ok()?;
        let host = self.balancer.endpoint(&pick)?.addr;
        Some(Picked { host, why: pick.why(), pick })
    }

    fn withdraw(&mut self, now: Instant, pick: Pick) {
        self.balancer.withdraw(now, pick);
    }

    fn report(&mut self, now: Instant, pick: Pick, outcome: Outcome) {
        self.balancer.report(now, pick, outcome);
    }

    fn events(&mut self, tell: Tell<'_>) {
        for event in self.balancer.events() {
            let host = event.endpoint.and_then(|(_, addr)| addr.copied());
            tell(event.at, host, event.kind);
        }
    }
}
