//! Health through the public interface: who is ejected, for how long, how they come back, and what
//! is told of it.

mod answered;
mod calm;
mod candidacy;
mod caps;
mod cases;
mod changes;
mod checks;
mod clock;
mod envoy;
mod events;
mod failover;
mod faults;
mod fixture;
mod given_up;
mod growth;
mod grpc;
mod late;
mod outages;
mod overloaded;
mod panic;
mod probes;
mod slow_rows;
mod tallies;
mod thresholds;
mod vocabulary;
