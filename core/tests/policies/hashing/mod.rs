//! The policies that keep the requests of a key together.

mod bounded;
mod disruption;
mod extremes;
mod fixed_log;
mod oracles;
mod shares;
mod vectors_envoy;
mod vectors_nginx;
