//! Two simulated name servers that fail at random, and what they told.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;

use super::super::family::address;
use super::Draw;
use super::network::Way;
use super::questions::Questions;
use super::zone::{HOST, PORT, Zone, proof};
use crate::target::Target;

/// What a server does to questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    None,
    Silent,
    /// Silent over UDP.
    TcpOnly,
    /// Drops some.
    Loss,
    /// Takes up to so many milliseconds.
    Slow(u16),
    Code(u16),
    /// Says of every name that it does not exist, with a proof or without.
    NoName(bool),
    /// Says of every name that it has no such record.
    NoRecord,
    /// Answers no question for this type.
    DropsType(RecordType),
    /// Answers over UDP do not fit, and TCP is answered or not.
    Truncated(bool),
    /// Sends what cannot be read.
    Garbage,
}

impl Fault {
    pub(super) fn any(draw: &mut Draw) -> Self {
        draw.of(&[
            Self::Silent,
            Self::TcpOnly,
            Self::Loss,
            Self::Slow(300),
            Self::Slow(3_000),
            Self::Code(ResponseCode::ServFail.into()),
            Self::Code(ResponseCode::Refused.into()),
            Self::Code(ResponseCode::FormErr.into()),
            Self::NoName(true),
            Self::NoName(false),
            Self::NoRecord,
            Self::DropsType(RecordType::A),
            Self::DropsType(RecordType::AAAA),
            Self::DropsType(RecordType::SRV),
            Self::Truncated(true),
            Self::Truncated(false),
            Self::Garbage,
        ])
    }

    /// Tells that a question gets its answer, if not always at the first try.
    fn is_good(self) -> bool {
        match self {
            Self::None => true,
            Self::Silent
            | Self::TcpOnly
            | Self::Loss
            | Self::Slow(_)
            | Self::Code(_)
            | Self::NoName(_)
            | Self::NoRecord
            | Self::DropsType(_)
            | Self::Truncated(_)
            | Self::Garbage => false,
        }
    }
}

/// The service, its name servers, and all that was told.
#[derive(Debug)]
pub(super) struct World {
    pub(super) draw: Draw,
    pub(super) zone: Zone,
    pub(super) faults: [Fault; 2],
    pub(super) questions: Questions,
    /// Hosts, with their ports, and with their addresses.
    targets: BTreeSet<String>,
    records: BTreeSet<(String, u16)>,
    addresses: BTreeSet<(String, IpAddr)>,
    /// The hosts of the last records that were told.
    last: BTreeSet<String>,
    /// Those that later answers were without.
    denied_records: BTreeSet<(String, u16)>,
    denied_addresses: BTreeSet<(String, IpAddr)>,
    /// When the service was told absent, since other records were told.
    absences: Vec<Instant>,
    /// Names that were asked for and in no answer.
    pub(super) strangers: Vec<String>,
    /// So many questions met each fault.
    pub(super) met: BTreeMap<String, u32>,
}

impl World {
    pub(super) fn new(mut draw: Draw) -> Self {
        let zone = Zone::new(&mut draw);
        Self {
            draw,
            zone,
            faults: [Fault::None; 2],
            questions: Questions::default(),
            targets: BTreeSet::new(),
            records: BTreeSet::new(),
            addresses: BTreeSet::new(),
            last: BTreeSet::new(),
            denied_records: BTreeSet::new(),
            denied_addresses: BTreeSet::new(),
            absences: Vec::new(),
            strangers: Vec::new(),
            met: BTreeMap::new(),
        }
    }

    /// Makes one of a host alone, whose name and port nobody has to tell.
    pub(super) fn of_host(draw: Draw) -> Self {
        let mut world = Self::new(draw);
        world.zone = Zone::of_host(&mut world.draw);
        world.targets.insert(HOST.to_owned());
        world.records.insert((HOST.to_owned(), PORT));
        world
    }

    /// Tells that this endpoint was in answers.
    pub(super) fn told(&self, target: &Target) -> bool {
        let host = target.host().to_owned();
        let ip = target.socket_addr().expect("asked for").ip();
        self.records.contains(&(host.clone(), target.port()))
            && self.addresses.contains(&(host, ip))
    }

    /// Tells that the service was told absent by two lookups, the last time that it was told.
    pub(super) fn told_absent_twice(&self) -> bool {
        let first = self.absences.first();
        let last = self.absences.last();
        first.zip(last).is_some_and(|(first, last)| *last > *first + Duration::from_millis(500))
    }

    /// Does to a question what the server's fault is.
    pub(super) fn serve(
        &mut self,
        server: usize,
        way: Way,
        bytes: &[u8],
    ) -> Option<(Duration, Vec<u8>)> {
        let fault = self.faults[server];
        let question = Message::from_vec(bytes).expect("a question that can be read");
        let query = question.queries[0].clone();
        let (name, kind) = (query.name().to_ascii(), query.query_type());
        let host = host_of(query.name());
        let is_target = self.targets.contains(&host);
        if kind != RecordType::SRV && !is_target {
            self.strangers.push(host.clone());
        }
        let mut response = Message::response(question.metadata.id, question.metadata.op_code);
        response.add_queries(question.queries);
        self.zone.answer(&mut response);
        let mut after = Duration::from_millis(self.draw.below(20) as u64);
        if !fault.is_good() {
            *self.met.entry(format!("{fault:?}")).or_default() += 1;
        }
        let answers = match fault {
            Fault::None | Fault::Garbage => true,
            Fault::Silent => false,
            Fault::TcpOnly => way == Way::Tcp,
            Fault::Loss => self.draw.below(10) >= 3,
            Fault::Slow(most) => {
                after += Duration::from_millis(self.draw.below(most.into()) as u64);
                true
            }
            Fault::Code(code) => {
                clear(&mut response);
                response.metadata.response_code =
                    ResponseCode::from(0, u8::try_from(code).expect("without EDNS"));
                true
            }
            Fault::NoName(proven) => {
                clear(&mut response);
                response.metadata.response_code = ResponseCode::NXDomain;
                response.authorities.extend(proven.then(proof));
                true
            }
            Fault::NoRecord => {
                clear(&mut response);
                response.add_authority(proof());
                true
            }
            Fault::DropsType(dropped) => kind != dropped,
            Fault::Truncated(tcp) => {
                response.metadata.truncation = way == Way::Udp;
                if way == Way::Udp {
                    response.answers.truncate(1);
                }
                way == Way::Udp || tcp
            }
        };
        // A name is not used again.
        let gone = kind == RecordType::SRV && !self.last.iter().any(|host| self.zone.has(host));
        let is_whole = answers && fault != Fault::Garbage && !response.metadata.truncation;
        if is_whole && !matches!(fault, Fault::Code(_)) {
            self.deny(&host, kind, &response);
            self.note(&response);
        }
        // Records whose addresses come along are asked for again with those.
        let all = response.answers.iter().chain(&response.additionals);
        let (ttl, now) = (all.map(|record| record.ttl).min(), Instant::now());
        let good = fault.is_good().then(|| (now + after, ttl.unwrap_or(0)));
        self.questions.note(&name, kind, now, good, gone);
        let mut answer = response.to_vec().expect("a message");
        if fault == Fault::Garbage {
            answer.truncate(20);
        }
        answers.then_some((after, answer))
    }

    /// Tells that an answer was without this endpoint.
    pub(super) fn denied(&self, target: &Target) -> bool {
        let host = target.host().to_owned();
        let ip = target.socket_addr().expect("asked for").ip();
        self.denied_records.contains(&(host.clone(), target.port()))
            || self.denied_addresses.contains(&(host, ip))
    }

    /// Notes what an answer leaves out that others told.
    fn deny(&mut self, host: &str, kind: RecordType, response: &Message) {
        if kind == RecordType::SRV {
            let data = response.answers.iter().map(|record| &record.data);
            let told: BTreeSet<_> = data.filter_map(record_of).collect();
            self.last = told.iter().map(|(host, _)| host.clone()).collect();
            self.denied_records.extend(self.records.difference(&told).cloned());
        }
        // What came along of one kind is all of it.
        let mut told: BTreeMap<_, BTreeSet<IpAddr>> = BTreeMap::new();
        if kind != RecordType::SRV {
            told.entry((host.to_owned(), kind == RecordType::A)).or_default();
        }
        for record in response.answers.iter().chain(&response.additionals) {
            if let Some(ip) = address(&record.data) {
                told.entry((host_of(&record.name), ip.is_ipv4())).or_default().insert(ip);
            }
        }
        for (host, ip) in &self.addresses {
            if told.get(&(host.clone(), ip.is_ipv4())).is_some_and(|told| !told.contains(ip)) {
                self.denied_addresses.insert((host.clone(), *ip));
            }
        }
    }

    /// Notes what an answer tells.
    fn note(&mut self, response: &Message) {
        for record in response.answers.iter().chain(&response.additionals) {
            if let Some(target) = record_of(&record.data) {
                self.absences.clear();
                self.targets.insert(target.0.clone());
                self.records.insert(target);
            } else if let Some(ip) = address(&record.data) {
                self.addresses.insert((host_of(&record.name), ip));
            } else {
                // Absent, which is to be confirmed soon.
                self.absences.push(Instant::now());
                self.questions.hurry(Instant::now());
            }
        }
    }
}

/// Reads host and port, unless the record says that the service is absent.
fn record_of(data: &RData) -> Option<(String, u16)> {
    match data {
        RData::SRV(srv) if !srv.target.is_root() => Some((host_of(&srv.target), srv.port)),
        _ => None,
    }
}

fn host_of(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

fn clear(response: &mut Message) {
    response.answers.clear();
    response.authorities.clear();
    response.additionals.clear();
}
