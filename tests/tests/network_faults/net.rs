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

/// A network with one name server, whose service has two endpoints. One of them moves when told.
pub(crate) struct Net {
    pub(crate) server: SocketAddr,
    moved: Arc<AtomicUsize>,
    _hostile: Hostile,
}

impl Net {
    pub(crate) fn new() -> Self {
        run("ip", &["addr", "add", ADDRESS, "dev", "lo"]);
        counts(&[53]);
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

/// Makes the chains of rules. What goes to these ports is counted before anything becomes of it.
pub(crate) fn counts(ports: &[u16]) {
    // A beginning that the system repeats comes from the same port.
    let set = |port| format!("set to_{port} {{ type inet_service; flags dynamic; }}");
    let rule = |port| {
        format!(
            "udp dport {port} counter name datagrams
             tcp dport {port} tcp flags & (syn | ack) == syn add @to_{port} {{ tcp sport }}"
        )
    };
    let sets = ports.iter().map(set).collect::<Vec<_>>().join("\n");
    let rules = ports.iter().map(rule).collect::<Vec<_>>().join("\n");
    let table = format!(
        "table inet faults {{
            counter datagrams {{ }}
            {sets}
            chain counted {{
                type filter hook output priority -10;
                {rules}
            }}
            chain faults {{ type filter hook input priority 0; }}
        }}"
    );
    run("nft", &[&table]);
}

/// Begins a fault, of some rules for what comes in.
pub(crate) fn breaks(rules: &[impl AsRef<str>]) {
    for rule in rules {
        run("nft", &[&format!("add rule inet faults faults {}", rule.as_ref())]);
    }
}

/// Ends it.
pub(crate) fn heals() {
    run("nft", &["flush chain inet faults faults"]);
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
    let said = list("counter", "datagrams");
    let counters = said["nftables"].as_array().into_iter().flatten();
    let packets = counters.filter_map(|part| part["counter"]["packets"].as_u64());
    packets.max().unwrap_or_else(|| panic!("no packets in {said}"))
}

/// Returns how many connections to one of the counted ports were begun.
pub(crate) fn connections_to(port: u16) -> u64 {
    let said = list("set", &format!("to_{port}"));
    let mut parts = said["nftables"].as_array().into_iter().flatten();
    let set = parts.find_map(|part| part.get("set")).unwrap_or_else(|| panic!("no set in {said}"));
    // One with nothing in it has no such list.
    set.get("elem").map_or(0, |from| from.as_array().expect("a list").len() as u64)
}

fn list(what: &str, name: &str) -> Value {
    let said = run("nft", &["-j", "list", what, "inet", "faults", name]);
    serde_json::from_str(&said).expect("JSON")
}

/// Runs a command, and returns what it prints.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}: tests/run installs it"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
