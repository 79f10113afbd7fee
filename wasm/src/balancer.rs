//! Balancers: what JavaScript's handles stand for.

use alloc::boxed::Box;
use alloc::vec::Vec;

use evenkeel_core::balancer::Status;
#[cfg(feature = "full")]
use evenkeel_core::policy::honours;
use evenkeel_core::random::SplitMix64;
use evenkeel_core::retry::LatencyPercentile;
use evenkeel_core::{
    Changes, Endpoint, Instant, Outcome, Pick, PickError, Policy as _, Request, Slot,
};
use wasm_bindgen::prelude::*;

#[cfg(feature = "full")]
use crate::fault::Fault;
#[cfg(feature = "full")]
use crate::memory;
use crate::parts::{Kit, Policy};
use crate::slab::Shelf;
use crate::tickets::{self, Tickets};
use crate::url::Url;

type Core = evenkeel_core::Balancer<Url, Policy, Kit>;

pub(crate) static BALANCERS: Shelf<Box<Balancer>> = Shelf::new();

/// The core's balancer over URLs, and what lies ready for its next pick or change.
#[derive(Debug)]
pub(crate) struct Balancer {
    pub(crate) core: Core,
    pub(crate) rng: SplitMix64,
    pub(crate) policy: Policy,
    pub(crate) settings: Kit,
    #[cfg(feature = "full")]
    pub(crate) fault: Option<Fault>,
    pub(crate) staged: Vec<Endpoint<Url>>,
    /// The slot behind each index.
    slots: Vec<Option<Slot>>,
    pub(crate) avoid: Vec<Slot>,
    #[cfg(feature = "full")]
    pub(crate) key: Option<u64>,
    pub(crate) tickets: Tickets,
    /// When there will be something to pick, if the last pick found nothing.
    pub(crate) until: Option<Instant>,
    pub(crate) percentiles: Vec<(u16, LatencyPercentile)>,
}

/// Makes a balancer without endpoints, with the default policy; to be configured and seeded before
/// the first pick.
#[wasm_bindgen]
pub fn new_balancer() -> u32 {
    BALANCERS.open().keep(Box::new(Balancer {
        core: empty(Policy::default(), Kit::default()),
        rng: SplitMix64::new(0),
        policy: Policy::default(),
        settings: Kit::default(),
        #[cfg(feature = "full")]
        fault: None,
        staged: Vec::new(),
        slots: Vec::new(),
        avoid: Vec::new(),
        #[cfg(feature = "full")]
        key: None,
        tickets: Tickets::new(),
        until: None,
        percentiles: Vec::new(),
    }))
}

/// Makes the core's balancer, in one place: there are many fields.
#[inline(never)]
fn empty(policy: Policy, settings: Kit) -> Core {
    Core::with_settings(policy, settings)
}

/// Ends a balancer. Its URLs are to be forgotten by who kept them.
#[wasm_bindgen]
pub fn free_balancer(balancer: u32) {
    BALANCERS.open().take(balancer);
}

/// Takes over the settings, and seeds the random numbers, and the choices that clients make
/// differently, with 64 bits. Only before the first pick: what is there begins anew, in other slots,
/// and its events are dropped.
#[wasm_bindgen]
pub fn seed(balancer: u32, hi: u32, lo: u32) {
    BALANCERS.with(balancer, |balancer| balancer.seed(number(hi, lo)));
}

impl Balancer {
    fn seed(&mut self, seed: u64) {
        self.rng = SplitMix64::new(seed);
        self.configure(seed);
        let mut policy = self.policy.clone();
        policy.seed(seed);
        let mut staged = Vec::new();
        self.each(&mut |status| staged.push(*status.endpoint));
        self.staged = staged;
        self.core = empty(policy, self.settings);
        // With the first endpoints nothing warms up, so the time does not matter.
        let _ = self.update(Instant::ZERO);
        drop(self.core.events());
    }

    /// Checks the settings.
    #[cfg(feature = "full")]
    fn configure(&mut self, seed: u64) {
        self.settings.seed = seed;
        let checked = self.settings.check_pairs();
        if let Err(error) = checked.and_then(|()| honours(&self.policy, &self.settings)) {
            self.fault = Some(Fault::of_config(error));
        }
    }

    #[cfg(not(feature = "full"))]
    fn configure(&mut self, _seed: u64) {}

    /// Replaces the whole set by what is staged.
    #[inline(never)]
    pub(crate) fn update(&mut self, now: Instant) -> Changes {
        let endpoints = core::mem::take(&mut self.staged);
        // Tables on the heap have room for all.
        let changes = self.core.update(now, endpoints).unwrap_or_default();
        self.index();
        changes
    }

    /// Shows what is known of each endpoint, in their order: one loop for all.
    #[inline(never)]
    pub(crate) fn each<'a>(&'a self, look: &mut dyn FnMut(Status<'a, Url>)) {
        self.core.endpoints().for_each(look);
    }

    /// Picks for a request with the key that was laid ready, stepping over `avoid`.
    pub(crate) fn issue(&mut self, now: Instant, avoid: &[Slot], leave_level: bool) -> f64 {
        #[cfg(feature = "full")]
        let key = self.key.take();
        #[cfg(not(feature = "full"))]
        let key = None;
        let request = Request { now, key, avoid, leave_level };
        let pick = self.core.pick_with(request, &mut self.rng);
        self.until = match pick {
            Err(PickError::Busy { until }) => until,
            Ok(_)
            | Err(
                PickError::NoEndpoints
                | PickError::AllDrained
                | PickError::AllEjected
                | PickError::Declined,
            ) => None,
        };
        tickets::issue(&mut self.tickets, pick)
    }

    /// Redeems a ticket of which nothing was sent.
    pub(crate) fn withdraw(&mut self, now: Instant, ticket: u32) {
        if let Some(pick) = self.tickets.take(ticket) {
            self.core.withdraw(now, pick);
        }
    }

    /// Notes how long a request took at least, where the outcome tells.
    #[inline]
    pub(crate) fn note_latency(&mut self, now: Instant, pick: &Pick, outcome: Outcome) {
        if !self.percentiles.is_empty() {
            self.note_percentiles(now, pick, outcome);
        }
    }

    #[inline(never)]
    fn note_percentiles(&mut self, now: Instant, pick: &Pick, outcome: Outcome) {
        let tells = match outcome {
            Outcome::Success | Outcome::TimedOut | Outcome::Abandoned | Outcome::LostRace => true,
            Outcome::Failure
            | Outcome::NeverSent
            | Outcome::Ignorable
            | Outcome::PushedBack
            | Outcome::Overloaded { .. } => false,
        };
        if tells {
            let took = now.saturating_since(pick.started());
            self.percentiles.iter_mut().for_each(|(_, latencies)| latencies.observe(now, took));
        }
    }

    pub(crate) fn slot(&self, index: u32) -> Option<Slot> {
        *self.slots.get(index as usize)?
    }

    pub(crate) fn index(&mut self) {
        let mut slots = Vec::new();
        self.each(&mut |status| {
            let index = status.slot.index();
            if slots.len() <= index {
                slots.resize(index + 1, None);
            }
            if let Some(place) = slots.get_mut(index) {
                *place = Some(status.slot);
            }
        });
        self.slots = slots;
    }
}

/// What is wrong with a parameter of the policy, with a setting or with a state, if anything: writes
/// which of its kind it is and the numbers of its text, each in two halves, and its name. How long
/// that is; below 0 if nothing is wrong.
#[cfg(feature = "full")]
#[wasm_bindgen]
pub fn fault(balancer: u32) -> i32 {
    let fault = BALANCERS.with(balancer, |balancer| balancer.fault.take()).flatten();
    let Some(fault) = fault else { return -1 };
    memory::write_numbers(&mut |numbers| {
        for number in fault.numbers() {
            numbers.extend([f64::from((number >> 32) as u32), f64::from(number as u32)]);
        }
    });
    let mut name = memory::bytes();
    name.clear();
    name.extend_from_slice(fault.name.as_bytes());
    i32::try_from(name.len()).unwrap_or_default()
}

pub(crate) fn number(hi: u32, lo: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}
