//! Why an endpoint is not ejected.

use crate::names::named;

/// Tells why an endpoint is not ejected, though it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Held {
    /// Its level is calm: ejections of it were undone a while ago, and it was not ejected before,
    /// or half as many are, or its row is short.
    // The first of all: none is 0.
    Calm = 1,
    /// No other endpoint is well that could take its requests.
    NobodyWell,
    /// It may suffer from load that ejections shifted to it.
    Harm,
    /// Less than half of the others are well.
    Minority,
    /// [`max_ejection_percent`](crate::Settings::max_ejection_percent) are ejected already.
    Percent,
}

named!(all Held {
    Calm => "calm",
    NobodyWell => "nobody_well",
    Harm => "harm",
    Minority => "minority",
    Percent => "percent",
});

impl core::fmt::Display for Held {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Calm => "ejections of its level were undone a while ago",
            Self::NobodyWell => "no other endpoint is well",
            Self::Harm => "it may suffer from the load of those that are ejected",
            Self::Minority => "less than half of the others are well",
            Self::Percent => "as many are ejected as may be",
        })
    }
}
