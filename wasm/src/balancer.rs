use alloc::string::{String, ToString};
use alloc::vec::Vec;

use evenkeel_core::policy::{AnyPolicy, ParsePolicyError};
use evenkeel_core::retry::LatencyPercentile;
use evenkeel_core::{Changes, Config, ConfigError, Endpoint, Instant, Pick, Request, Slot, UpdateError, Zone, hash};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen::prelude::*;

use crate::convert::{RangeError, duration, fraction, instant};
use crate::settings::Settings;
use crate::tickets::Tickets;

/// No ticket: there was no endpoint to pick.
const NO_TICKET: u32 = u32::MAX;

type Core = evenkeel_core::Balancer<String, AnyPolicy>;

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
    /// It did not in time: a failure that says how long it took at least.
    TimedOut,
}

impl From<Outcome> for evenkeel_core::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Failure | Outcome::TimedOut => Self::Failure,
            Outcome::Canceled => Self::Canceled,
        }
    }
}

/// Why an endpoint was picked.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Why {
    /// The policy chose it among all candidates.
    Policy,
    /// The policy chose it among the candidates not to be avoided.
    Retry,
    /// It is ejected, and this request decides whether it comes back.
    Probe,
    /// There are so few available endpoints that others are used, too.
    Panic,
    /// All candidates were to be avoided.
    LastResort,
}

/// The core's balancer over URLs.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Balancer {
    pub(crate) core: Core,
    policy: AnyPolicy,
    config: Config,
    rng: ChaCha8Rng,
    staged: Vec<Endpoint<String>>,
    /// The slot behind each index.
    slots: Vec<Option<Slot>>,
    avoid: Vec<Slot>,
    key: Option<u64>,
    tickets: Tickets,
    /// What `ts/event.ts` has not taken yet of what was taken from the core.
    pub(crate) events: Vec<f64>,
    pub(crate) event_urls: Vec<String>,
    percentiles: Vec<(u16, LatencyPercentile)>,
}

#[wasm_bindgen]
impl Balancer {
    /// A balancer without endpoints; to be seeded before the first pick. `ts/settings.ts` writes the settings.
    ///
    /// # Errors
    /// `RangeError` for an unknown policy, and for parameters and settings outside their limits.
    #[wasm_bindgen(constructor)]
    pub fn new(policy: &str, settings: &[f64]) -> Result<Self, RangeError> {
        let policy: AnyPolicy =
            policy.parse().map_err(|error: ParsePolicyError| RangeError::new(&error.to_string()))?;
        let config = Settings::new(settings).config();
        let core = core(&policy, config).map_err(|error| RangeError::new(&error.to_string()))?;
        Ok(Self {
            core,
            policy,
            config,
            rng: ChaCha8Rng::seed_from_u64(0),
            staged: Vec::new(),
            slots: Vec::new(),
            avoid: Vec::new(),
            key: None,
            tickets: Tickets::default(),
            events: Vec::new(),
            event_urls: Vec::new(),
            percentiles: Vec::new(),
        })
    }

    /// Seeds the random numbers, and the choices that clients make differently, with 64 bits. Only before the first pick:
    /// what is there begins anew, in other slots.
    pub fn seed(&mut self, hi: u32, lo: u32) {
        self.config.seed = number(hi, lo);
        self.rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        if let Ok(core) = core(&self.policy, self.config) {
            let endpoints: Vec<_> = self.core.endpoints().map(|status| status.endpoint.clone()).collect();
            self.take_events();
            self.core = core;
            // They fitted before. With the first endpoints nothing warms up, so the time does not matter.
            let _ = self.replace(Instant::ZERO, endpoints);
            // It has been told that they came.
            drop(self.core.events());
            self.index();
        }
    }

    /// Lays an endpoint ready for the next [`update`](Self::update) or [`insert`](Self::insert).
    pub fn stage(&mut self, url: String, weight: u32, priority: u16, zone: u32, draining: bool) {
        self.staged.push(Endpoint { addr: url, weight, priority, zone: Zone::new(zone), draining });
    }

    /// Replaces the whole set by what is staged: how many were added, removed and changed.
    ///
    /// # Errors
    /// `RangeError` when the policy cannot hold them.
    pub fn update(&mut self, now: f64) -> Result<Vec<u32>, RangeError> {
        let endpoints = core::mem::take(&mut self.staged);
        let changes = self.replace(instant(now), endpoints).map_err(|_| unfit())?;
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

    /// The next [`pick`](Self::pick) steps over this slot, if it can.
    pub fn avoid(&mut self, index: u32) {
        if let Some(Some(slot)) = self.slots.get(index as usize) {
            self.avoid.push(*slot);
        }
    }

    /// The key of the next pick.
    pub fn key(&mut self, hi: u32, lo: u32) {
        self.key = Some(number(hi, lo));
    }

    /// The text whose hash is the key of the next pick.
    pub fn key_of(&mut self, text: &str) {
        self.key = Some(hash::str(text));
    }

    /// A ticket for one request, or 2³² - 1 if there is no endpoint to pick.
    pub fn pick(&mut self, now: f64) -> u32 {
        let avoid = core::mem::take(&mut self.avoid);
        let ticket = self.issue(now, &avoid);
        self.avoid = avoid;
        self.avoid.clear();
        ticket
    }

    /// The slot index behind a ticket.
    pub fn slot(&self, ticket: u32) -> u32 {
        self.tickets.get(ticket).map_or(u32::MAX, |pick| pick.slot().index() as u32)
    }

    /// Why the endpoint behind a ticket was picked.
    pub fn why(&self, ticket: u32) -> Why {
        match self.tickets.get(ticket).map(Pick::why) {
            Some(evenkeel_core::Why::Retry) => Why::Retry,
            Some(evenkeel_core::Why::Probe) => Why::Probe,
            Some(evenkeel_core::Why::Panic) => Why::Panic,
            Some(evenkeel_core::Why::LastResort) => Why::LastResort,
            _ => Why::Policy,
        }
    }

    /// Redeems a ticket.
    pub fn report(&mut self, now: f64, ticket: u32, outcome: Outcome) {
        let now = instant(now);
        if let Some(pick) = self.tickets.redeem(ticket) {
            if !matches!(outcome, Outcome::Failure) {
                let took = now.saturating_since(pick.started());
                self.percentiles.iter_mut().for_each(|(_, latencies)| latencies.observe(now, took));
            }
            self.core.report(now, pick, outcome.into());
        }
    }

    /// The percentile of how long requests took lately, in milliseconds, if enough is known; it is kept from the first time
    /// that it is asked for.
    pub fn percentile(&mut self, now: f64, per_mille: u16) -> Option<f64> {
        if let Some((_, latencies)) = self.percentiles.iter().find(|(known, _)| *known == per_mille) {
            return latencies.delay(instant(now)).map(|delay| fraction(delay.as_nanos() as u64));
        }
        self.percentiles.extend(LatencyPercentile::new(per_mille).map(|latencies| (per_mille, latencies)));
        None
    }

    /// Redeems the ticket of a request that was refused, for `retry_after` milliseconds if the server said so.
    pub fn overloaded(&mut self, now: f64, ticket: u32, retry_after: Option<f64>) {
        if let Some(pick) = self.tickets.redeem(ticket) {
            let retry_after = retry_after.map(duration);
            self.core.report(instant(now), pick, evenkeel_core::Outcome::Overloaded { retry_after });
        }
    }

    /// What checks by the caller found of the endpoint in this slot.
    pub fn set_down(&mut self, now: f64, index: u32, down: bool) {
        if let Some(Some(slot)) = self.slots.get(index as usize) {
            self.core.set_down(instant(now), *slot, down);
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

    /// Picks for a request with the key that was laid ready, stepping over `avoid`.
    pub(crate) fn issue(&mut self, now: f64, avoid: &[Slot]) -> u32 {
        let request = Request { now: instant(now), key: self.key.take(), avoid };
        self.core.pick_with(request, &mut self.rng).map_or(NO_TICKET, |pick| self.tickets.issue(pick))
    }

    /// Not inlined: it is large.
    #[inline(never)]
    fn replace(&mut self, now: Instant, endpoints: Vec<Endpoint<String>>) -> Result<Changes, UpdateError> {
        self.core.update(now, endpoints)
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

/// Without endpoints. Not inlined: it is large.
#[inline(never)]
fn core(policy: &AnyPolicy, config: Config) -> Result<Core, ConfigError> {
    Core::with_config(policy.clone(), config)
}

fn number(hi: u32, lo: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}

fn unfit() -> RangeError {
    RangeError::new("the policy could not rebuild for the new endpoints")
}
