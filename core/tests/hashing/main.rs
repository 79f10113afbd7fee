//! The policies that keep the requests of a key together: published vectors, oracles, shares, extremes.
#![allow(clippy::cast_precision_loss, reason = "host tests compare with floating point on purpose")]

mod bed;
mod bounded;
mod disruption;
mod extremes;
mod fixed_log;
mod oracles;
mod shares;
mod vectors_envoy;
mod vectors_nginx;
