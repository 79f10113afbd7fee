//! The native cases of go-kit's own tests, the native halves of its cache and endpointer cases, and
//! the faults of its clients that a shared balancer must not repeat.
//!
//! Native cases that are not here under their number (`registries` here is the target `native_registries`):
//!
//! - N6: `dns_srv`, `n6_port_zero_is_skipped_and_counted`.
//! - N7: `registries`, `consul::{n7_an_instance_needs_all_tags_and_the_address_of_the_service_counts,
//!   changes_are_there_at_once, an_empty_answer_is_not_believed}`.
//! - N8, an answer cut short: `registries`, `http::faults::half_an_answer_is_none`.
//! - N9: `registries`, `consul::an_index_that_goes_backwards_or_is_zero_is_no_trap`.
//! - N11: `registries`, `etcd::{what_cannot_be_asked_is_refused, login::what_is_no_pem_is_refused}`.
//!   A member that is not there is no error of the constructor: `etcd::cluster`.
//! - N13: `registries`, `etcd::both_layouts_are_followed` and `etcd::faults`.
//! - N14: `registries`, `etcd::{both_layouts_are_followed,
//!   values_that_are_no_address_are_skipped_and_told}`.
//! - N16, N22: `registries`, `etcd::{both_layouts_are_followed,
//!   an_endpoint_leaves_with_its_lease_and_an_empty_prefix_is_not_believed}`.
//! - N12, a key without a value: `registries`,
//!   `etcd::values_that_are_no_address_are_skipped_and_told`.
//! - N15: none, as nothing here registers services, and so logs that it did. Of N10, N12, N18, N20
//!   and N21, what is said of others than those who register is in `registered` and `refused`.
//!   Eureka and `ZooKeeper` are sources of one's own, as the core's `custom_watch`.
//!
//! Faults of sources that are not here under their number:
//!
//! - 12: `dns_srv`, `records::{priorities_and_weights, root_target_means_decidedly_absent,
//!   n6_port_zero_is_skipped_and_counted, case_and_trailing_dots_do_not_matter}`.
//! - 13, the time to live: `dns_srv`, `live::the_ttl_alone_makes_it_look_again`.
//! - 14, an index of 0 or backwards, and IPv6: as N9, and `consul::three`.
//! - 15, a watch that fails: `registries`, `etcd::cluster` and
//!   `etcd::faults::a_watch_that_is_refused_or_breaks_is_told_and_begun_anew`.
//! - 16, a list or watch that fails is begun anew: `registries`,
//!   `kubernetes::watches::errors_change_nothing_and_are_told`.
//!
//! Time is tokio's paused clock, which jumps to the next timer when nothing else can run; on sockets,
//! in `registries`, it is real.

mod calls;
mod clients;
mod discovery;
mod refused;
mod registered;
mod registries;

use core::time::Duration;
use std::io;

use evenkeel::{AnyPolicy, Balancer, Target};

pub(crate) type Text = Balancer<String, AnyPolicy>;

/// A client that is its own address.
pub(crate) async fn text(target: Target) -> Result<String, io::Error> {
    Ok(target.to_string())
}

/// Lets everything run that can, then `seconds` pass.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The addresses that are picked from.
pub(crate) fn endpoints<C, P: evenkeel::Policy>(balancer: &Balancer<C, P>) -> Vec<String> {
    balancer
        .endpoints()
        .into_iter()
        .filter(|status| status.candidate)
        .map(|status| status.target.to_string())
        .collect()
}
