//! Health through the public interface: who is ejected, for how long, how they come back, and what is told of it.

#[path = "health/bed.rs"]
mod bed;
#[path = "health/candidacy.rs"]
mod candidacy;
#[path = "health/caps.rs"]
mod caps;
#[path = "health/changes.rs"]
mod changes;
#[path = "health/clock.rs"]
mod clock;
#[path = "health/envoy.rs"]
mod envoy;
#[path = "health/events.rs"]
mod events;
#[path = "health/growth.rs"]
mod growth;
#[path = "health/grpc.rs"]
mod grpc;
#[path = "health/late.rs"]
mod late;
#[path = "health/overloaded.rs"]
mod overloaded;
#[path = "health/panic.rs"]
mod panic;
#[path = "health/probes.rs"]
mod probes;
#[path = "health/thresholds.rs"]
mod thresholds;
