//! The network of this process's namespace, and a name server in it.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::process::Command;
use std::sync::Arc;

use evenkeel_tests::servers::hostile::{Hostile, send};
use evenkeel_tests::servers::zone::Zone;
use serde_json::Value;

/// Where the name server is. The address is one that can be taken away.
const SERVER: &str = "10.9.9.9:53";
const ADDRESS: &str = "10.9.9.9/32";

/// The start of all rules: what goes to port 53 is counted before anything becomes of it.
const COUNTED: &str = "
    table inet dns {
        counter datagrams { }
        counter connections { }
        chain counted {
            type filter hook output priority -10;
            udp dport 53 counter name datagrams
            tcp dport 53 tcp flags & (syn | ack) == syn counter name connections
        }
        chain faults { type filter hook input priority 0; }
    }";

/// A network with one name server, whose service has two endpoints. One of them moves when told.
pub(crate) struct Net {
    pub(crate) server: SocketAddr,
    moved: Arc<AtomicUsize>,
    _hostile: Hostile,
}

impl Net {
    pub(crate) fn new() -> Self {
        run("ip", &["addr", "add", ADDRESS, "dev", "lo"]);
        counts();
        let server = SERVER.parse().expect("an address");
        let moved = Arc::new(AtomicUsize::new(0));
        let place = moved.clone();
        let hostile = Hostile::start_at(server, move |asked| {
            let place = place.load(Relaxed);
            let zone = Zone::new(&format!(
                "_h._tcp.t 5 SRV 0 1 80 a.t\n_h._tcp.t 5 SRV 0 1 80 b.t\n\
                 a.t 5 A 10.0.0.1\nb.t 5 A 10.0.1.{place}"
            ));
            send(&zone.answer(asked.response.clone()))
        });
        Self { server, moved, _hostile: hostile }
    }

    /// Gives one of the endpoints another address, and returns the targets that there are then.
    pub(crate) fn moves(&self) -> String {
        format!("10.0.0.1:80 10.0.1.{}:80", self.moved.fetch_add(1, Relaxed) + 1)
    }
}

/// Makes the chains of rules.
pub(crate) fn counts() {
    run("nft", &[COUNTED]);
}

/// Begins a fault, of some rules for what comes in.
pub(crate) fn breaks(rules: &[&str]) {
    for rule in rules {
        run("nft", &[&format!("add rule inet dns faults {rule}")]);
    }
}

/// Ends it.
pub(crate) fn heals() {
    run("nft", &["flush chain inet dns faults"]);
}

/// Takes the way to the name server away: no question leaves this machine.
pub(crate) fn has_no_route() {
    run("ip", &["addr", "del", ADDRESS, "dev", "lo"]);
}

/// Gives it back.
pub(crate) fn has_a_route() {
    run("ip", &["addr", "add", ADDRESS, "dev", "lo"]);
}

/// Returns how many questions were sent as datagrams, repeated ones too.
pub(crate) fn datagrams() -> u64 {
    counter("datagrams")
}

/// Returns how often a connection was begun, repeated beginnings too.
pub(crate) fn connections() -> u64 {
    counter("connections")
}

fn counter(name: &str) -> u64 {
    let said = run("nft", &["-j", "list", "counter", "inet", "dns", name]);
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let counters = said["nftables"].as_array().into_iter().flatten();
    let packets = counters.filter_map(|part| part["counter"]["packets"].as_u64());
    packets.max().unwrap_or_else(|| panic!("no packets in {said}"))
}

/// Runs a command, and returns what it prints.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}: tests/run installs it"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
