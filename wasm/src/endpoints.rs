//! The set of endpoints: what comes and goes, and who is there.

use evenkeel_core::{Changes, Endpoint, Zone};
use wasm_bindgen::prelude::*;

use crate::balancer::BALANCERS;
use crate::convert::instant;
use crate::memory;
use crate::url::Url;

/// Lays an endpoint ready for the next [`update`] or [`insert`].
#[wasm_bindgen]
pub fn stage(balancer: u32, url: u32, weight: u32, priority: u16, zone: u16, draining: bool) {
    let (addr, zone) = (Url(url), Zone::new(zone));
    BALANCERS.with(balancer, |balancer| {
        balancer.staged.push(Endpoint { addr, weight, priority, zone, draining });
    });
}

/// Replaces the whole set by what is staged, and writes how many were added, removed and changed.
#[wasm_bindgen]
pub fn update(balancer: u32, now: f64) {
    let changes = BALANCERS.with(balancer, |balancer| balancer.update(instant(now)));
    write(changes.unwrap_or_default());
}

/// Adds or changes what is staged, as [`update`] without removing.
#[wasm_bindgen]
pub fn insert(balancer: u32, now: f64) {
    let mut sum = Changes::default();
    BALANCERS.with(balancer, |balancer| {
        for endpoint in core::mem::take(&mut balancer.staged) {
            let changes = balancer.core.insert(instant(now), endpoint).unwrap_or_default();
            sum.added += changes.added;
            sum.changed += changes.changed;
        }
        balancer.index();
    });
    write(sum);
}

fn write(changes: Changes) {
    memory::write_counts([changes.added, changes.removed, changes.changed]);
}

/// Takes out the endpoint of this URL, and tells that it was there.
#[wasm_bindgen]
pub fn remove(balancer: u32, now: f64, url: u32) -> bool {
    let removed = BALANCERS.with(balancer, |balancer| {
        let removed = balancer.core.remove(instant(now), &Url(url));
        balancer.index();
        removed.is_ok_and(|endpoint| endpoint.is_some())
    });
    removed == Some(true)
}

/// Writes the slot index and the URL of each endpoint, in the order of the URLs: how many numbers.
#[wasm_bindgen]
pub fn slots(balancer: u32) -> usize {
    BALANCERS
        .with(balancer, |balancer| {
            memory::write_numbers(&mut |numbers| {
                balancer.each(&mut |status| {
                    numbers.extend(
                        [status.slot.index() as u32, status.endpoint.addr.0].map(f64::from),
                    );
                });
            })
        })
        .unwrap_or_default()
}

/// Takes over what checks by the caller found of the endpoint in this slot.
#[wasm_bindgen]
pub fn set_down(balancer: u32, now: f64, index: u32, down: bool) {
    BALANCERS.with(balancer, |balancer| {
        if let Some(slot) = balancer.slot(index) {
            balancer.core.set_down(instant(now), slot, down);
        }
    });
}
