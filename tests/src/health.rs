//! Health under any reports and any clock, checked against a plain model after every event.
//!
//! [`check`] is the body of the fuzz target `health`; `tests/tests/health_model` draws
//! [`Event`]s for [`live`].

mod judge;
mod known;
mod life;
mod model;
mod ours;
mod read;

use core::time::Duration;

use evenkeel_core::{Config, Endpoint, Heap, Inline, Outcome};

use crate::input::Input;
pub use life::live;
pub(crate) use read::settings;

/// How many addresses there are.
pub const ADDRESSES: u8 = 10;
/// How many endpoints the small balancer holds.
pub const SMALL: usize = 4;

/// What a life begins with.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The settings: of them, the seed, the rules, and how long an overloaded endpoint is left
    /// alone.
    pub config: Config,
    /// The policy is least request rather than round robin.
    pub least_request: bool,
}

/// What may happen to a balancer.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few")]
pub enum Event {
    /// The whole set.
    Update(Vec<Endpoint<u8>>),
    /// One endpoint comes or changes.
    Insert(Endpoint<u8>),
    /// One leaves.
    Remove(u8),
    /// An active check found this of one.
    SetDown(u8, bool),
    /// Other rules.
    Configure(Config),
    /// A pick that avoids the endpoints whose bit is set, and leaves its level if the highest is; it
    /// stays open.
    Pick(u16),
    /// One of the open picks ends.
    Report(usize, Outcome),
    /// One of the open picks is never reported.
    Lose(usize),
    /// So many picks one after the other, so far apart; those of the endpoints whose bit is set
    /// fail, the others succeed.
    Burst(u16, u16, Duration),
    /// The time goes on.
    Ahead(Duration),
    /// The clock goes back.
    Back(Duration),
    /// What is due is done.
    HandleTimeout,
    /// What is due is done when it is.
    Sleep,
    /// The events are taken out.
    Drain,
}

/// Reads `data` as settings and events, and lives through them with storage on the heap and in
/// place.
///
/// # Panics
/// When a balancer does what the model does not.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let start = read::start(&mut input);
    let mut events = Vec::new();
    while !input.is_empty() && events.len() < 160 {
        events.push(read::event(&mut input));
    }
    live::<Heap>(&start, &events);
    live::<Inline<SMALL>>(&start, &events);
}
