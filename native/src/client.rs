//! What the balancer keeps of an endpoint's client.

use std::sync::Arc;

use crate::counters::Counters;
use crate::target::Target;
use crate::vitals::Vitals;

/// A client, where it leads, and what was reported of it.
#[derive(Debug)]
pub(crate) struct Client<C> {
    pub(crate) inner: C,
    pub(crate) target: Target,
    pub(crate) vitals: Vitals,
    pub(crate) counters: Arc<Counters>,
}
