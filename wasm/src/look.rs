//! What is known of a balancer's endpoints, and what changed, as rows of numbers.

use evenkeel_core::balancer::Status;
use evenkeel_core::{Event, EventKind, Instant};
use wasm_bindgen::prelude::*;

use crate::balancer::BALANCERS;
use crate::convert::{fraction, millis};
use crate::memory;
use crate::url::Url;

/// The number of no name.
const NONE: u8 = u8::MAX;

/// Makes the names of a row's numbers, and the row: NaN stands for what is not there.
macro_rules! row {
    ($names:ident, fn $row:ident($of:ident: $type:ty $(, $with:ident: $other:ty)?) {
        $($name:literal: $value:expr,)+
    }) => {
        /// What the numbers of a row are.
        pub const $names: &[&str] = &[$($name),+];

        fn $row($of: &$type $(, $with: $other)?) -> [f64; $names.len()] {
            [$($value),+]
        }
    };
}

row! {
    ENDPOINT_COLUMNS,
    fn endpoint_row(status: Status<'_, Url>, calm_until: Option<Instant>) {
        "index": f64::from(status.slot.index() as u32),
        "weight": status.endpoint.weight.into(),
        "priority": status.endpoint.priority.into(),
        "zone": status.endpoint.zone.number().into(),
        "draining": u8::from(status.endpoint.draining).into(),
        "candidate": u8::from(status.candidate).into(),
        "candidacy": status.candidacy.index().into(),
        "currentWeight": status.weight.into(),
        "health": status.health.index().into(),
        "reason": status.health.reason().map_or(NONE, |reason| reason.index()).into(),
        "until": millis(status.health.until()),
        "calmUntil": millis(calm_until),
        "held": status.held.map_or(NONE, |held| held.index()).into(),
        "latency": fraction(status.estimate.nanos),
        "inFlight": status.stats.in_flight.into(),
        "successes": status.stats.successes.into(),
        "failures": status.stats.failures.into(),
        "canceled": status.stats.canceled.into(),
    }
}

row! {
    EVENT_COLUMNS,
    fn event_row(event: Event<'_, Url>) {
        "type": event.kind.index().into(),
        "at": millis(Some(event.at)),
        "index": match event.endpoint {
            Some((slot, Some(_))) => f64::from(slot.index() as u32),
            // Another endpoint has its slot by now, or it is about none.
            Some((_, None)) | None => f64::NAN,
        },
        "until": millis(event.kind.until()),
        "detail": detail(event.kind).into(),
    }
}

/// Returns the reason of an ejection, the rule that keeps an endpoint, or how many were lost.
fn detail(kind: EventKind) -> u32 {
    match kind {
        EventKind::Ejected { reason, .. } => reason.index().into(),
        EventKind::Held { rule } => rule.index().into(),
        EventKind::Lost(count) => count,
        EventKind::Added
        | EventKind::Removed
        | EventKind::Undone { .. }
        | EventKind::HalfOpen
        | EventKind::Probing
        | EventKind::Readmitted
        | EventKind::Overloaded { .. }
        | EventKind::Down
        | EventKind::PanicOn
        | EventKind::PanicOff => 0,
    }
}

/// Writes a row for each endpoint, in the order of the URLs: how many numbers.
#[wasm_bindgen]
pub fn endpoints(balancer: u32) -> usize {
    BALANCERS
        .with(balancer, |balancer| {
            memory::write_numbers(&mut |numbers| {
                balancer.each(&mut |status| {
                    let calm_until = balancer.core.calm_until(status.endpoint.priority);
                    numbers.extend_from_slice(&endpoint_row(&status, calm_until));
                });
            })
        })
        .unwrap_or_default()
}

/// Takes out a row for each event since it was asked last, oldest first: how many numbers.
#[wasm_bindgen]
pub fn events(balancer: u32) -> usize {
    BALANCERS
        .with(balancer, |balancer| {
            memory::write_numbers(&mut |numbers| {
                let events = balancer.core.events();
                events.for_each(|event| numbers.extend_from_slice(&event_row(&event)));
            })
        })
        .unwrap_or_default()
}
