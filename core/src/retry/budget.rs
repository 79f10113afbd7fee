use super::Verdict;
use crate::time::Instant;

/// Bounds the extra load that retries put on a service; shared by all calls of a client.
pub trait Budget {
    /// A call begins.
    fn on_call(&mut self, _now: Instant) {}

    /// An attempt ended.
    fn on_verdict(&mut self, _now: Instant, _verdict: Verdict) {}

    /// Whether one more attempt may be sent now; takes its price if so.
    fn withdraw(&mut self, now: Instant) -> bool;
}

/// No bound beside a call's own attempts and deadline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Budget for Unlimited {
    fn withdraw(&mut self, _now: Instant) -> bool {
        true
    }
}
