//! What is known of a balancer's endpoints, as texts and as rows of numbers.

use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_core::balancer::{Candidacy, Status};
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::stats::Stats;
use evenkeel_core::{Endpoint, EventKind, Instant};
use wasm_bindgen::prelude::*;

use crate::balancer::Balancer;
use crate::convert::{fraction, millis};

#[wasm_bindgen]
impl Balancer {
    /// The URLs, in their order.
    pub fn urls(&self) -> Vec<String> {
        self.core.endpoints().map(|status| status.endpoint.addr.clone()).collect()
    }

    /// The slot index of each endpoint, in the order of the URLs.
    pub fn slots(&self) -> Vec<u32> {
        self.core.endpoints().map(|status| status.slot.index() as u32).collect()
    }

    /// Fifteen numbers for each endpoint, in the order of the URLs; `ts/status.ts` reads them.
    pub fn rows(&self) -> Vec<f64> {
        self.core.endpoints().flat_map(row).collect()
    }

    /// Four numbers for each event since it was asked last, oldest first; `ts/event.ts` reads them. Their URLs are in
    /// [`event_urls`](Self::event_urls), empty where there is none.
    pub fn events(&mut self) -> Vec<f64> {
        self.take_events();
        core::mem::take(&mut self.events)
    }

    /// The URLs of the events taken last.
    pub fn event_urls(&mut self) -> Vec<String> {
        core::mem::take(&mut self.event_urls)
    }
}

impl Balancer {
    /// Adds what changed to what is kept for [`events`](Self::events).
    pub(crate) fn take_events(&mut self) {
        for event in self.core.events() {
            let (kind, until, detail) = kind(event.kind);
            self.events.extend([kind.into(), millis(event.at), millis(until), detail.into()]);
            self.event_urls.push(event.endpoint.and_then(|(_, addr)| addr.cloned()).unwrap_or_default());
        }
    }
}

fn row(status: Status<'_, String>) -> [f64; 15] {
    let Stats { in_flight, successes, failures, canceled } = status.stats;
    let Endpoint { weight, priority, zone, draining, .. } = *status.endpoint;
    let (health, until, reason) = health(status.health);
    [
        f64::from(status.slot.index() as u32),
        weight.into(),
        priority.into(),
        zone.number().into(),
        f64::from(u8::from(draining)),
        candidacy(status.candidacy).into(),
        status.weight.into(),
        health.into(),
        millis(until),
        reason.into(),
        fraction(status.estimate.nanos),
        in_flight.into(),
        successes.into(),
        failures.into(),
        canceled.into(),
    ]
}

fn candidacy(candidacy: Candidacy) -> u8 {
    match candidacy {
        Candidacy::Candidate => 0,
        Candidacy::Panic => 1,
        Candidacy::NoWeight => 2,
        Candidacy::Draining => 3,
        Candidacy::Unhealthy => 4,
        Candidacy::Priority => 5,
        Candidacy::Subset => 6,
        Candidacy::Zone => 7,
        // It becomes one at the next pick.
        _ => 8,
    }
}

/// Its number, until when, and why.
fn health(health: Health) -> (u8, Instant, u8) {
    match health {
        Health::Ejected { reason, until } => (1, until, number(reason)),
        Health::HalfOpen => (2, Instant::MAX, 0),
        Health::Probing { until } => (3, until, 0),
        Health::Overloaded { until } => (4, until, 0),
        Health::Down => (5, Instant::MAX, 0),
        _ => (0, Instant::MAX, 0),
    }
}

/// Its number, until when, and why or how many.
fn kind(kind: EventKind) -> (u8, Instant, u32) {
    match kind {
        EventKind::Added => (0, Instant::MAX, 0),
        EventKind::Removed => (1, Instant::MAX, 0),
        EventKind::Ejected { reason, until } => (2, until, number(reason).into()),
        EventKind::Probing => (3, Instant::MAX, 0),
        EventKind::Overloaded { until } => (5, until, 0),
        EventKind::Down => (6, Instant::MAX, 0),
        EventKind::PanicOn => (7, Instant::MAX, 0),
        EventKind::PanicOff => (8, Instant::MAX, 0),
        EventKind::Lost(count) => (9, Instant::MAX, count),
        _ => (4, Instant::MAX, 0),
    }
}

fn number(reason: Reason) -> u8 {
    match reason {
        Reason::FailurePercentage => 1,
        Reason::SuccessRate => 2,
        Reason::ProbeFailed => 3,
        Reason::ProbeTimedOut => 4,
        _ => 0,
    }
}
