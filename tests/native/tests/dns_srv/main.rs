//! `DnsSrv::lookup` against real name servers.

mod failover;
mod live;
mod records;
mod targets;

use core::net::SocketAddr;
use core::time::Duration;

use evenkeel::{Answer, Discover, DnsSrv};

/// Long enough for a busy machine: only tests of silence wait it out, with a shorter one of their
/// own.
const TIMEOUT: Duration = Duration::from_secs(5);

fn by_addr(name: &str, servers: &[SocketAddr]) -> DnsSrv {
    let source = DnsSrv::new(name).unwrap().servers(servers.iter().copied()).unwrap();
    // These tests want all addresses at once, on a busy machine too.
    source.timeout(TIMEOUT).unwrap().family_wait(TIMEOUT)
}

fn by_name(name: &str, servers: &[SocketAddr]) -> DnsSrv {
    by_addr(name, servers).resolve_targets(false)
}

async fn lookup(mut source: DnsSrv) -> Answer {
    source.lookup().await.unwrap()
}

/// An answer's endpoints as "priority weight host:port address", in order.
fn shown(answer: &Answer) -> Vec<String> {
    let mut shown: Vec<String> = answer
        .endpoints
        .iter()
        .map(|endpoint| {
            let (target, addr) = (&endpoint.addr, endpoint.addr.socket_addr());
            let at = addr.map(|addr| format!(" {addr}")).unwrap_or_default();
            format!(
                "{} {} {}:{}{at}",
                endpoint.priority,
                endpoint.weight,
                target.host(),
                target.port()
            )
        })
        .collect();
    shown.sort();
    shown
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
