use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_core::balancer::Status;
#[cfg(feature = "full")]
use evenkeel_core::policy::honours;
use evenkeel_core::retry::LatencyPercentile;
use evenkeel_core::{
    Changes, Endpoint, Instant, Outcome, Pick, PickError, Policy as _, Request, Slot, Zone, hash,
};
use rand_core::SeedableRng;
use wasm_bindgen::prelude::*;

use crate::convert::{fraction, instant, maybe, millis};
#[cfg(feature = "full")]
use crate::fault::Fault;
use crate::names;
use crate::parts::{Kit, Policy};
use crate::random::ChaCha8;
use crate::tickets::Tickets;

type Core = evenkeel_core::Balancer<String, Policy, Kit>;

/// The core's balancer over URLs.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Balancer {
    pub(crate) core: Core,
    pub(crate) rng: ChaCha8,
    policy: Policy,
    settings: Kit,
    #[cfg(feature = "full")]
    pub(crate) fault: Option<Fault>,
    staged: Vec<Endpoint<String>>,
    /// The slot behind each index.
    slots: Vec<Option<Slot>>,
    avoid: Vec<Slot>,
    key: Option<u64>,
    tickets: Tickets,
    /// When there will be something to pick, if the last pick found nothing.
    until: Option<Instant>,
    percentiles: Vec<(u16, LatencyPercentile)>,
}

#[wasm_bindgen]
impl Balancer {
    /// Makes a balancer without endpoints, with the default policy; to be configured and seeded
    /// before the first pick.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "for JavaScript")]
    pub fn new() -> Self {
        Self {
            core: Core::with_settings(Policy::default(), Kit::default()),
            rng: ChaCha8::seed_from_u64(0),
            policy: Policy::default(),
            settings: Kit::default(),
            #[cfg(feature = "full")]
            fault: None,
            staged: Vec::new(),
            slots: Vec::new(),
            avoid: Vec::new(),
            key: None,
            tickets: Tickets::default(),
            until: None,
            percentiles: Vec::new(),
        }
    }

    /// Takes over the settings, and seeds the random numbers, and the choices that clients make
    /// differently, with 64 bits. Only before the first pick: what is there begins anew, in other
    /// slots, and its events are dropped.
    pub fn seed(&mut self, hi: u32, lo: u32) {
        let seed = number(hi, lo);
        self.rng = ChaCha8::seed_from_u64(seed);
        self.configure(seed);
        let mut policy = self.policy.clone();
        policy.seed(seed);
        let mut staged = Vec::new();
        self.each(&mut |status| staged.push(status.endpoint.clone()));
        self.staged = staged;
        self.core = Core::with_settings(policy, self.settings);
        // With the first endpoints nothing warms up, so the time does not matter.
        self.update(0.0);
        drop(self.core.events());
    }

    /// Lays an endpoint ready for the next [`update`](Self::update) or [`insert`](Self::insert).
    pub fn stage(&mut self, url: String, weight: u32, priority: u16, zone: u16, draining: bool) {
        let zone = Zone::new(zone);
        self.staged.push(Endpoint { addr: url, weight, priority, zone, draining });
    }

    /// Replaces the whole set by what is staged: how many were added, removed and changed.
    pub fn update(&mut self, now: f64) -> Vec<u32> {
        let endpoints = core::mem::take(&mut self.staged);
        // Tables on the heap have room for all.
        let changes = self.core.update(instant(now), endpoints).unwrap_or_default();
        self.changed(changes)
    }

    /// Adds or changes what is staged, as [`update`](Self::update) without removing.
    pub fn insert(&mut self, now: f64) -> Vec<u32> {
        let mut sum = Changes::default();
        for endpoint in core::mem::take(&mut self.staged) {
            let changes = self.core.insert(instant(now), endpoint).unwrap_or_default();
            sum.added += changes.added;
            sum.changed += changes.changed;
        }
        self.changed(sum)
    }

    /// Takes out the endpoint of this URL, and tells that it was there.
    pub fn remove(&mut self, now: f64, url: String) -> bool {
        let removed = self.core.remove(instant(now), &url);
        self.index();
        removed.is_ok_and(|endpoint| endpoint.is_some())
    }

    /// Steps over this slot at the next [`pick`](Self::pick), if it can.
    pub fn avoid(&mut self, index: u32) {
        self.avoid.extend(self.slot(index));
    }

    /// Sets the key of the next pick.
    pub fn key(&mut self, hi: u32, lo: u32) {
        self.key = Some(number(hi, lo));
    }

    /// Sets the text whose hash is the key of the next pick.
    pub fn key_of(&mut self, text: &str) {
        self.key = Some(hash::str(text));
    }

    /// Picks: why, slot and ticket in one number, or one below 0 that says why there is none.
    pub fn pick(&mut self, now: f64) -> f64 {
        let avoid = core::mem::take(&mut self.avoid);
        let pick = self.issue(now, &avoid, false);
        self.avoid = avoid;
        self.avoid.clear();
        pick
    }

    /// Returns when there will be something to pick, if the last pick found all busy.
    pub fn until(&self) -> f64 {
        millis(self.until)
    }

    /// Redeems a ticket: how its request ended, and the milliseconds for which an overloaded
    /// endpoint asked to be left alone, or NaN.
    pub fn report(&mut self, now: f64, ticket: u32, outcome: u8, retry_after: f64) {
        if let Some(outcome) = names::outcome(outcome, maybe(retry_after)) {
            self.end(now, ticket, outcome);
        }
    }

    /// Tells how the head of an answer says that its request ended, whose body is still to come: the
    /// ticket stands for that. Tells that the endpoint is there still.
    pub fn answered(&mut self, now: f64, ticket: u32, outcome: u8, retry_after: f64) -> bool {
        let outcome = names::outcome(outcome, maybe(retry_after));
        let (Some(outcome), Some(pick)) = (outcome, self.tickets.redeem(ticket)) else {
            return false;
        };
        self.note_latency(instant(now), &pick, outcome);
        let body = self.core.answered(instant(now), pick, outcome);
        body.is_some_and(|body| self.tickets.keep(body) == ticket)
    }

    /// Redeems a ticket of which nothing is to be learned.
    #[wasm_bindgen(js_name = withdraw)]
    pub fn take_back(&mut self, now: f64, ticket: u32) {
        self.withdraw(now, ticket);
    }

    /// Returns the percentile of how long requests took lately, in milliseconds, if enough is
    /// known; it is kept from the first time that it is asked for.
    pub fn percentile(&mut self, now: f64, per_mille: u16) -> f64 {
        let known = self.percentiles.iter().find(|(known, _)| *known == per_mille);
        if known.is_none() {
            let latencies = LatencyPercentile::new(per_mille);
            self.percentiles.extend(latencies.map(|latencies| (per_mille, latencies)));
            return f64::NAN;
        }
        let delay = known.and_then(|(_, latencies)| latencies.delay(instant(now)));
        delay.map_or(f64::NAN, |delay| fraction(delay.as_nanos() as u64))
    }

    /// Returns when something is due: an endpoint may come back then.
    pub fn due(&self) -> f64 {
        millis(self.core.poll_timeout())
    }

    /// Takes over what checks by the caller found of the endpoint in this slot.
    pub fn set_down(&mut self, now: f64, index: u32, down: bool) {
        if let Some(slot) = self.slot(index) {
            self.core.set_down(instant(now), slot, down);
        }
    }
}

/// Without `full`, a policy is taken by its number alone.
#[cfg(not(feature = "full"))]
#[wasm_bindgen]
impl Balancer {
    /// Takes the policy of this number, before [`seed`](Self::seed).
    pub fn set_policy(&mut self, index: u32) {
        self.policy = Policy::numbered(index);
    }
}

#[cfg(feature = "full")]
#[wasm_bindgen]
impl Balancer {
    /// Sets a setting by its number in the core's list, before [`seed`](Self::seed).
    /// `ts/settings.ts` has checked its limits.
    #[expect(clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
    pub fn set(&mut self, index: u32, number: f64) {
        self.settings.put(index as usize, number as u64);
    }

    /// Takes the policy of this number, and the numbers of its parameters that are given, before
    /// [`seed`](Self::seed).
    pub fn set_policy(&mut self, index: u32, first: Option<u64>, second: Option<u64>) {
        match Policy::numbered(index as usize, [first, second]) {
            Some(Ok(policy)) => self.policy = policy,
            Some(Err(error)) => self.fault = Some(Fault::of_parameter(error)),
            None => {}
        }
    }

    /// Takes out what is wrong with a parameter of the policy, with a setting or with a state: which
    /// of its kind it is, and the numbers of its text.
    pub fn fault(&mut self) -> Vec<u64> {
        self.fault.take().map_or(Vec::new(), |fault| fault.numbers().into())
    }

    /// Returns the name of what is wrong, before [`fault`](Self::fault) is taken.
    pub fn fault_name(&self) -> String {
        self.fault.as_ref().map_or(String::new(), |fault| fault.name.into())
    }
}

impl Balancer {
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

    /// Shows what is known of each endpoint, in their order: one loop for all.
    #[inline(never)]
    pub(crate) fn each<'a>(&'a self, look: &mut dyn FnMut(Status<'a, String>)) {
        self.core.endpoints().for_each(look);
    }

    /// Returns the slot that a ticket's request goes to.
    pub(crate) fn slot_of(&self, ticket: u32) -> Option<Slot> {
        self.tickets.get(ticket).map(Pick::slot)
    }

    /// Picks for a request with the key that was laid ready, stepping over `avoid`.
    pub(crate) fn issue(&mut self, now: f64, avoid: &[Slot], leave_level: bool) -> f64 {
        let request = Request { now: instant(now), key: self.key.take(), avoid, leave_level };
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
        self.tickets.issue(pick)
    }

    /// Redeems a ticket of which nothing was sent.
    pub(crate) fn withdraw(&mut self, now: f64, ticket: u32) {
        if let Some(pick) = self.tickets.redeem(ticket) {
            self.core.withdraw(instant(now), pick);
        }
    }

    fn end(&mut self, now: f64, ticket: u32, outcome: Outcome) {
        let Some(pick) = self.tickets.redeem(ticket) else { return };
        let now = instant(now);
        self.note_latency(now, &pick, outcome);
        self.core.report(now, pick, outcome);
    }

    /// Notes how long a request took at least, where the outcome tells.
    fn note_latency(&mut self, now: Instant, pick: &Pick, outcome: Outcome) {
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

    fn slot(&self, index: u32) -> Option<Slot> {
        *self.slots.get(index as usize)?
    }

    fn changed(&mut self, changes: Changes) -> Vec<u32> {
        self.index();
        [changes.added, changes.removed, changes.changed].map(|count| count as u32).into()
    }

    fn index(&mut self) {
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

fn number(hi: u32, lo: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}
