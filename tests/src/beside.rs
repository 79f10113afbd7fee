//! Discovery by DNS beside what others find endpoints with: the C library's `getaddrinfo`, and an
//! Envoy. Each case is played in namespaces of its own, with name servers on port 53 and
//! `/etc/resolv.conf` as the case has it.

pub mod cases;
pub mod outages;
pub mod sides;
pub mod table;
