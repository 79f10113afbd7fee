//! Name servers that do what no good one does, as all three sides can be given them.

use core::fmt::Write;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RecordType;

use crate::servers::hostile::{Act, Asked, Hostile, Transport, send};
use crate::servers::zone::Zone;

/// What a name server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Answers as it should.
    Well,
    /// Answers after so many milliseconds.
    Slowly(u64),
    /// Never answers questions for IPv6 addresses.
    DropsAaaa,
    /// Answers questions for IPv6 addresses by this code.
    FailsAaaa(ResponseCode),
    /// Takes questions and connections, and says nothing.
    Silent,
    /// Is not there: the machine says so.
    Closed,
    /// Answers by this code.
    Says(ResponseCode),
    /// Knows one domain, and answers by this code to names elsewhere.
    SaysElsewhere(ResponseCode),
    /// Sends datagrams that are truncated, and all over TCP.
    Truncates,
    /// Answers over TCP alone.
    OnlyTcp,
    /// Knows other addresses by now.
    Moved,
    /// Answers that no name exists.
    Forgets,
    /// Answers that names have no addresses.
    Empties,
    /// Does not answer questions with EDNS.
    DropsEdns,
    /// Answers questions with EDNS by FORMERR.
    RefusesEdns,
}

/// One case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The name servers, in their order.
    pub servers: &'static [Does],
    /// More lines for `/etc/resolv.conf`.
    pub conf: &'static str,
    /// The host, or the service, asked for.
    pub asks: Asks,
    /// How many addresses there are.
    pub addresses: usize,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Asks {
    /// The addresses of this host.
    Host(&'static str),
    /// Those of so many hosts, with one address each.
    Hosts(usize),
    /// A service of so many hosts, whose addresses do not come along with its records. Whoever
    /// knows no SRV records is told the hosts.
    Service(usize),
}

const WELL: Case = Case {
    name: "all is well",
    servers: &[Does::Well],
    conf: "",
    asks: Asks::Host("both.t."),
    addresses: 2,
};
const ONE: Case = Case { asks: Asks::Host("web.t."), addresses: 1, ..WELL };
const TWENTY: Case = Case { name: "20 hosts", asks: Asks::Hosts(20), addresses: 20, ..WELL };
const NO_AAAA: Case = Case { servers: &[Does::DropsAaaa], ..TWENTY };
const SEARCH: &str = "search x.u y.u z.u t\noptions ndots:5 timeout:1\n";
const SEARCHED: Case = Case { conf: SEARCH, asks: Asks::Host("web"), ..ONE };

/// All cases, in the order of the table.
pub const CASES: &[Case] = &[
    WELL,
    Case { name: "A only", ..ONE },
    Case { name: "AAAA never answered, 1 server", servers: &[Does::DropsAaaa], ..ONE },
    Case { name: "AAAA never answered, 2 servers", servers: &[Does::DropsAaaa; 2], ..ONE },
    Case { name: "AAAA never answered, 3 servers", servers: &[Does::DropsAaaa; 3], ..ONE },
    Case {
        name: "AAAA answered SERVFAIL",
        servers: &[Does::FailsAaaa(ResponseCode::ServFail)],
        ..ONE
    },
    Case { name: "200 ms per answer", servers: &[Does::Slowly(200)], ..ONE },
    Case { name: "1.5 s per answer", servers: &[Does::Slowly(1500)], ..ONE },
    Case { name: "first server silent", servers: &[Does::Silent, Does::Well], ..ONE },
    Case { name: "first of 2 servers not there", servers: &[Does::Closed, Does::Well], ..ONE },
    Case {
        name: "first server says SERVFAIL",
        servers: &[Does::Says(ResponseCode::ServFail), Does::Well],
        ..ONE
    },
    Case {
        name: "first server says REFUSED",
        servers: &[Does::Says(ResponseCode::Refused), Does::Well],
        ..ONE
    },
    Case {
        name: "first server silent, timeout:1",
        servers: &[Does::Silent, Does::Well],
        conf: "options timeout:1\n",
        ..ONE
    },
    Case { name: "search list of 4", ..SEARCHED },
    Case {
        name: "... SERVFAIL to 3 of them",
        servers: &[Does::SaysElsewhere(ResponseCode::ServFail)],
        ..SEARCHED
    },
    Case {
        name: "... and a silent first server",
        servers: &[Does::Silent, Does::SaysElsewhere(ResponseCode::ServFail)],
        ..SEARCHED
    },
    Case { name: "truncated, TCP answers", servers: &[Does::Truncates], ..ONE },
    Case { name: "UDP silent, TCP answers", servers: &[Does::OnlyTcp], ..ONE },
    Case { name: "EDNS refused", servers: &[Does::RefusesEdns], ..ONE },
    Case { name: "EDNS never answered", servers: &[Does::DropsEdns], ..ONE },
    TWENTY,
    Case { name: "20 hosts, 200 ms per answer", servers: &[Does::Slowly(200)], ..TWENTY },
    Case { name: "20 hosts, AAAA never answered", servers: &[Does::DropsAaaa], ..TWENTY },
    Case { name: "20 hosts, first server silent", servers: &[Does::Silent, Does::Well], ..TWENTY },
    Case { name: "service of 20, AAAA not answered", asks: Asks::Service(20), ..NO_AAAA },
    Case {
        name: "service of 100, AAAA not answered",
        asks: Asks::Service(100),
        addresses: 100,
        ..NO_AAAA
    },
    Case { name: "no server answers", servers: &[Does::Silent; 2], addresses: 0, ..ONE },
];

impl Case {
    /// Returns the text of `/etc/resolv.conf`.
    pub fn resolv_conf(&self) -> String {
        let mut conf = self.conf.to_owned();
        for place in 0..self.servers.len() {
            writeln!(conf, "nameserver {}", address(place).ip()).expect("a string grows");
        }
        conf
    }

    /// Starts the servers that are there.
    ///
    /// # Panics
    /// Port 53 is taken.
    pub fn start(&self) -> Vec<Hostile> {
        let there = self.servers.iter().enumerate().filter(|(_, does)| **does != Does::Closed);
        let start = |(place, &does)| Hostile::start_at(address(place), script(does));
        there.map(start).collect()
    }

    /// Returns the hosts whose addresses are wanted.
    pub fn hosts(&self) -> Vec<String> {
        match self.asks {
            Asks::Host(host) => vec![host.to_owned()],
            Asks::Hosts(count) | Asks::Service(count) => {
                (0..count).map(|place| format!("h{place}.t.")).collect()
            }
        }
    }
}

/// Returns where the server of this place listens.
pub(super) fn address(place: usize) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, 1 + u8::try_from(place).unwrap_or(u8::MAX)), 53).into()
}

/// Returns the name of the service of so many hosts.
pub fn service(count: usize) -> String {
    format!("_h._tcp.of{count}.t.")
}

/// The records that all servers have.
fn zone() -> String {
    let mut zone = "web.t 5 A 127.0.9.1\nboth.t 5 A 127.0.9.1\nboth.t 5 AAAA ::1\n".to_owned();
    for place in 0..100 {
        writeln!(zone, "h{place}.t 5 A 127.0.8.{place}").expect("a string grows");
    }
    for count in [20, 100] {
        for place in 0..count {
            writeln!(zone, "{} 5 SRV 0 1 80 h{place}.t", service(count)).expect("a string grows");
        }
    }
    zone
}

/// Returns what a server does to a question.
pub(super) fn script(does: Does) -> impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static {
    let zone = Zone::new(&match does {
        Does::Moved => zone().replace("127.0.9.1", "127.0.9.2"),
        Does::Forgets => String::new(),
        Does::Empties => "web.t 5 SRV 0 1 80 web.t".to_owned(),
        _ => zone(),
    });
    move |asked| {
        // Without these, glibc takes an answer that has no records for no answer.
        let mut empty = asked.response.clone();
        (empty.metadata.authoritative, empty.metadata.recursion_available) = (true, true);
        let well = || send(&zone.answer(empty.clone()));
        let says = |code| {
            let mut response = empty.clone();
            response.metadata.response_code = code;
            send(&response)
        };
        let is_aaaa = asked.kind == RecordType::AAAA;
        let is_udp = asked.transport == Transport::Udp;
        match does {
            Does::Silent | Does::Closed => Vec::new(),
            Does::DropsAaaa if is_aaaa => Vec::new(),
            Does::OnlyTcp if is_udp => Vec::new(),
            Does::DropsEdns if asked.edns => Vec::new(),
            Does::RefusesEdns if asked.edns => says(ResponseCode::FormErr),
            Does::FailsAaaa(code) if is_aaaa => says(code),
            Does::Says(code) => says(code),
            Does::SaysElsewhere(code) if !asked.name.ends_with(".t.") => says(code),
            Does::Slowly(millis) => {
                [vec![Act::Wait(Duration::from_millis(millis))], well()].concat()
            }
            Does::Truncates if is_udp => {
                let mut response = empty.clone();
                response.metadata.truncation = true;
                send(&response)
            }
            Does::Well
            | Does::Moved
            | Does::Forgets
            | Does::Empties
            | Does::DropsAaaa
            | Does::FailsAaaa(_)
            | Does::SaysElsewhere(_)
            | Does::Truncates
            | Does::OnlyTcp
            | Does::DropsEdns
            | Does::RefusesEdns => well(),
        }
    }
}
