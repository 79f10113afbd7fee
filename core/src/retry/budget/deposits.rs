//! What a retry budget lives on.

use crate::names::named;
#[cfg(doc)]
use crate::outcome::Verdict;

/// What deposits a share of a retry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Deposits {
    /// An attempt that was answered: [`Verdict::Success`], [`Verdict::Ignorable`]. While nothing
    /// succeeds, there is the reserve alone.
    #[default]
    Successes,
    /// A call that begins, as in Finagle and tower.
    Calls,
}

named!(all Deposits {
    Successes => "successes",
    Calls => "calls",
});
