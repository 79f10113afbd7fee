//! What others can watch of a balancer: spans of calls and their attempts by `tracing`, and totals
//! by the facade `metrics`.

#[cfg(feature = "metrics")]
pub(crate) mod left;
pub(crate) mod names;
#[cfg(feature = "metrics")]
pub(crate) mod record;
pub(crate) mod spans;
