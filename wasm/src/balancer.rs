use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_core::balancer::Status;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::stats::Stats;
use evenkeel_core::{Changes, Endpoint, Pick, PickError, Request, Slot};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen::prelude::*;

use crate::call::Call;
use crate::convert::{RangeError, duration, instant};
use crate::tickets::Tickets;

/// No ticket: there was no endpoint to pick.
const NO_TICKET: u32 = u32::MAX;

/// How a request ended.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The endpoint did its work.
    Success,
    /// It did not.
    Failure,
    /// The caller lost interest.
    Canceled,
}

impl From<Outcome> for evenkeel_core::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Failure => Self::Failure,
            Outcome::Canceled => Self::Canceled,
        }
    }
}

/// The core's balancer over URLs.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Balancer {
    core: evenkeel_core::Balancer<String, AnyPolicy>,
    rng: ChaCha8Rng,
    staged: Vec<Endpoint<String>>,
    /// The slot behind each index.
    slots: Vec<Option<Slot>>,
    avoid: Vec<Slot>,
    tickets: Tickets,
}

#[wasm_bindgen]
impl Balancer {
    /// The name of the `place`-th policy, for the message about an unknown one.
    pub fn policy_name(place: u32) -> Option<String> {
        AnyPolicy::NAMES.get(place as usize).map(|&name| name.into())
    }

    /// A balancer without endpoints; to be seeded before the first pick.
    ///
    /// # Errors
    /// `RangeError` for an unknown policy.
    #[wasm_bindgen(constructor)]
    pub fn new(policy: &str) -> Result<Self, RangeError> {
        let policy = policy.parse().map_err(|_| RangeError::new("unknown policy"))?;
        Ok(Self {
            core: evenkeel_core::Balancer::new(policy),
            rng: ChaCha8Rng::seed_from_u64(0),
            staged: Vec::new(),
            slots: Vec::new(),
            avoid: Vec::new(),
            tickets: Tickets::default(),
        })
    }

    /// Seeds the random numbers with 64 bits.
    pub fn seed(&mut self, hi: u32, lo: u32) {
        self.rng = ChaCha8Rng::seed_from_u64(u64::from(hi) << 32 | u64::from(lo));
    }

    /// Lays an endpoint ready for the next [`update`](Self::update) or [`insert`](Self::insert).
    pub fn stage(&mut self, url: String, weight: u32, priority: u16) {
        self.staged.push(Endpoint::new(url).with_weight(weight).with_priority(priority));
    }

    /// Replaces the whole set by what is staged: how many were added, removed and changed.
    ///
    /// # Errors
    /// `RangeError` when the policy cannot hold them.
    pub fn update(&mut self, now: f64) -> Result<Vec<u32>, RangeError> {
        let changes = self.core.update(instant(now), self.staged.drain(..)).map_err(|_| unfit())?;
        Ok(self.changed(changes))
    }

    /// Adds or changes what is staged, as [`update`](Self::update) without removing.
    ///
    /// # Errors
    /// `RangeError` when the policy cannot hold them.
    pub fn insert(&mut self, now: f64) -> Result<Vec<u32>, RangeError> {
        let mut sum = Changes::default();
        for endpoint in self.staged.drain(..) {
            let changes = self.core.insert(instant(now), endpoint).map_err(|_| unfit())?;
            sum.added += changes.added;
            sum.changed += changes.changed;
        }
        Ok(self.changed(sum))
    }

    /// Takes out the endpoint of this URL; whether it was there.
    ///
    /// # Errors
    /// `RangeError` when the policy cannot rebuild.
    #[expect(clippy::needless_pass_by_value, reason = "the core looks up by `&String`, and the glue has made one")]
    pub fn remove(&mut self, now: f64, url: String) -> Result<bool, RangeError> {
        let removed = self.core.remove(instant(now), &url).map_err(|_| unfit())?.is_some();
        self.index();
        Ok(removed)
    }

    /// The URLs, in their order.
    pub fn urls(&self) -> Vec<String> {
        self.core.endpoints().map(|status| status.endpoint.addr.clone()).collect()
    }

    /// Seven numbers for each endpoint, in the order of the URLs: slot index, weight, priority, whether it is a candidate,
    /// and how many requests succeeded, failed and were canceled.
    pub fn rows(&self) -> Vec<u32> {
        let row = |status: Status<'_, String>| {
            let Stats { successes, failures, canceled, .. } = status.stats;
            let Endpoint { weight, priority, .. } = *status.endpoint;
            let (index, candidate) = (status.slot.index() as u32, u32::from(status.candidate));
            [index, weight, priority.into(), candidate, successes, failures, canceled]
        };
        self.core.endpoints().flat_map(row).collect()
    }

    /// The next [`pick`](Self::pick) steps over this slot, if it can.
    pub fn avoid(&mut self, index: u32) {
        if let Some(Some(slot)) = self.slots.get(index as usize) {
            self.avoid.push(*slot);
        }
    }

    /// A ticket for one request, or 2³² - 1 if there is no endpoint to pick.
    pub fn pick(&mut self, now: f64) -> u32 {
        let request = Request::at(instant(now)).avoiding(&self.avoid);
        let pick = self.core.pick_with(request, &mut self.rng);
        self.avoid.clear();
        self.issue(pick)
    }

    /// [`pick`](Self::pick) for an attempt of `call`, stepping over what it has tried.
    pub fn pick_for(&mut self, now: f64, call: &Call) -> u32 {
        let pick = self.core.pick_with(Request::at(instant(now)).avoiding(call.slots()), &mut self.rng);
        self.issue(pick)
    }

    /// The slot index behind a ticket.
    pub fn slot(&self, ticket: u32) -> u32 {
        self.tickets.get(ticket).map_or(u32::MAX, |pick| pick.slot().index() as u32)
    }

    /// Redeems a ticket.
    pub fn report(&mut self, now: f64, ticket: u32, outcome: Outcome) {
        if let Some(pick) = self.tickets.redeem(ticket) {
            self.core.report(instant(now), pick, outcome.into());
        }
    }

    /// Redeems the ticket of a request that was refused, for `retry_after` milliseconds if the server said so.
    pub fn overloaded(&mut self, now: f64, ticket: u32, retry_after: Option<f64>) {
        if let Some(pick) = self.tickets.redeem(ticket) {
            let retry_after = retry_after.map(duration);
            self.core.report(instant(now), pick, evenkeel_core::Outcome::Overloaded { retry_after });
        }
    }
}

impl Balancer {
    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// The slot that a ticket's request goes to.
    pub(crate) fn slot_of(&self, ticket: u32) -> Option<Slot> {
        self.tickets.get(ticket).map(Pick::slot)
    }

    fn issue(&mut self, pick: Result<Pick, PickError>) -> u32 {
        pick.map_or(NO_TICKET, |pick| self.tickets.issue(pick))
    }

    fn changed(&mut self, changes: Changes) -> Vec<u32> {
        self.index();
        [changes.added, changes.removed, changes.changed].map(|count| count as u32).into()
    }

    fn index(&mut self) {
        self.slots.clear();
        for status in self.core.endpoints() {
            let index = status.slot.index();
            if self.slots.len() <= index {
                self.slots.resize(index + 1, None);
            }
            if let Some(place) = self.slots.get_mut(index) {
                *place = Some(status.slot);
            }
        }
    }
}

fn unfit() -> RangeError {
    RangeError::new("the policy could not rebuild for the new endpoints")
}
