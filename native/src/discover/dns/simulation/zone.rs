//! What a simulated service is, and how it changes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, SOA, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::Draw;
use crate::target::Target;

pub(super) const SERVICE: &str = "_h._tcp.t.";

/// The first host that there is, and its port.
pub(super) const HOST: &str = "h1.t";
pub(super) const PORT: u16 = 80;

/// So many hosts at most.
const HOSTS: usize = 8;

/// Times to live, in seconds.
const TTLS: [u32; 7] = [0, 1, 20, 60, 90, LONGEST, 86_400];

/// What is told holds for so many seconds at most, as the source is set.
pub(super) const LONGEST: u32 = 120;

/// What a proof holds for that there is nothing.
const NEGATIVE: u32 = 3;

/// A service whose targets come without their addresses, or with them; or a host alone.
#[derive(Debug)]
pub(super) struct Zone {
    ttl: u32,
    /// Addresses come along with the records.
    glue: bool,
    /// The service is decidedly not available.
    pub(super) absent: bool,
    hosts: BTreeMap<String, Host>,
    /// There is one host, which keeps its name.
    alone: bool,
    /// No name is given twice.
    names: u32,
}

#[derive(Clone, Debug)]
struct Host {
    port: u16,
    ttl: u32,
    ips: BTreeSet<IpAddr>,
}

impl Zone {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let hosts = BTreeMap::new();
        let mut zone = Self { ttl: 60, glue: false, absent: false, hosts, alone: false, names: 0 };
        (0..3).for_each(|_| zone.add(draw));
        zone
    }

    /// Makes one of the first host only.
    pub(super) fn of_host(draw: &mut Draw) -> Self {
        let mut zone = Self { alone: true, ..Self::new(draw) };
        zone.hosts.retain(|name, _| name == HOST);
        zone
    }

    /// Returns the endpoints that there are.
    pub(super) fn endpoints(&self) -> BTreeSet<Target> {
        if self.absent {
            return BTreeSet::new();
        }
        let of_host = |(name, host): (&String, &Host)| {
            let (name, port) = (name.clone(), host.port);
            host.ips.clone().into_iter().map(move |ip| Target::at(&name, (ip, port).into()))
        };
        self.hosts.iter().flat_map(of_host).collect()
    }

    /// Tells that there is this host.
    pub(super) fn has(&self, host: &str) -> bool {
        self.hosts.contains_key(host)
    }

    /// Changes one thing.
    pub(super) fn change(&mut self, draw: &mut Draw) {
        let names: Vec<_> = self.hosts.keys().cloned().collect();
        let any = names[draw.below(names.len())].clone();
        let host = self.hosts.get_mut(&any).expect("one of them");
        if self.alone {
            if draw.one_in(3) {
                host.ttl = draw.of(&TTLS);
            } else {
                host.ips = addresses(draw);
            }
            return;
        }
        self.absent = draw.one_in(12);
        match draw.below(9) {
            0 => self.ttl = draw.of(&TTLS),
            1 => self.glue = !self.glue,
            2 => host.ttl = draw.of(&TTLS),
            3 => host.port = 1 + draw.below(60_000) as u16,
            4 => host.ips = addresses(draw),
            // Renamed: the same addresses under another name.
            5 => {
                let host = self.hosts.remove(&any).expect("one of them");
                self.names += 1;
                self.hosts.insert(format!("h{}.t", self.names), host);
            }
            6 => (names.len()..HOSTS).for_each(|_| self.add(draw)),
            7 => self.hosts.retain(|name, _| *name == any),
            _ => self.add(draw),
        }
    }

    fn add(&mut self, draw: &mut Draw) {
        if self.hosts.len() < HOSTS {
            self.names += 1;
            let (port, ttl) = (PORT, draw.of(&TTLS));
            let host = Host { port, ttl, ips: addresses(draw) };
            self.hosts.insert(format!("h{}.t", self.names), host);
        }
    }

    /// Answers a question with what there is.
    pub(super) fn answer(&self, response: &mut Message) {
        let query = response.queries[0].clone();
        let name = query.name().to_ascii();
        if query.query_type() == RecordType::SRV && name == SERVICE {
            self.answer_records(response);
            return;
        }
        let host = self.hosts.get(name.trim_end_matches('.'));
        let Some(host) = host else {
            response.metadata.response_code = ResponseCode::NXDomain;
            response.add_authority(proof());
            return;
        };
        let of_kind = records(query.name(), host);
        response.add_answers(of_kind.filter(|r| r.record_type() == query.query_type()));
        if response.answers.is_empty() {
            response.add_authority(proof());
        }
    }

    fn answer_records(&self, response: &mut Message) {
        let owner = name_of(SERVICE);
        let mut add = |port, target| {
            let data = RData::SRV(SRV::new(0, 1, port, target));
            response.add_answer(Record::from_rdata(owner.clone(), self.ttl, data));
        };
        if self.absent {
            return add(0, Name::root());
        }
        for (name, host) in &self.hosts {
            add(host.port, name_of(name));
        }
        if self.glue {
            for (name, host) in &self.hosts {
                response.additionals.extend(records(&name_of(name), host));
            }
        }
    }
}

fn addresses(draw: &mut Draw) -> BTreeSet<IpAddr> {
    let mut ips = BTreeSet::new();
    while ips.is_empty() {
        for _ in 0..draw.below(3) {
            ips.insert(Ipv4Addr::new(10, 0, 0, 1 + draw.below(200) as u8).into());
        }
        for _ in 0..draw.below(2) {
            ips.insert(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1 + draw.below(200) as u16).into());
        }
    }
    ips
}

fn records(name: &Name, host: &Host) -> impl Iterator<Item = Record> {
    let (name, ttl) = (name.clone(), host.ttl);
    host.ips.clone().into_iter().map(move |ip| {
        let data = match ip {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        };
        Record::from_rdata(name.clone(), ttl, data)
    })
}

/// Proves that there is no such record.
pub(super) fn proof() -> Record {
    let soa = SOA::new(name_of("ns.t"), name_of("admin.t"), 1, 3600, 600, 86400, NEGATIVE);
    Record::from_rdata(Name::root(), NEGATIVE, RData::SOA(soa))
}

fn name_of(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a name");
    name.set_fqdn(true);
    name
}
