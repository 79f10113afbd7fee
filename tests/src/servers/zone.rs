//! A few records as text, and the answers that a good name server makes of them.

use core::net::IpAddr;
use std::collections::BTreeMap;

use hickory_server::proto::op::{Message, ResponseCode};
use hickory_server::proto::rr::rdata::{A, AAAA, CNAME, SOA, SRV};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};

/// The records of a name server that has every name below the root.
#[derive(Clone, Debug)]
pub struct Zone {
    records: BTreeMap<Name, Vec<Record>>,
}

impl Zone {
    /// Reads lines of `name ttl type data`, all names complete with or without the last dot.
    ///
    /// # Panics
    ///
    /// If a line is none.
    pub fn new(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut records: BTreeMap<Name, Vec<Record>> = BTreeMap::new();
        for record in lines.map(record) {
            records.entry(record.name.clone()).or_default().push(record);
        }
        Self { records }
    }

    /// Answers a question: with the records, following aliases, or with the proof that there are
    /// none, which holds for 3 s. No address comes along.
    ///
    /// # Panics
    ///
    /// If the response to fill in has no question.
    pub fn answer(&self, mut response: Message) -> Message {
        let (mut name, kind) = {
            let query = &response.queries[0];
            (query.name().clone(), query.query_type())
        };
        for _ in 0..20 {
            let of_name = || self.records.get(&name).into_iter().flatten();
            let found: Vec<_> = of_name().filter(|r| r.record_type() == kind).cloned().collect();
            let alias = of_name().find_map(|record| match &record.data {
                RData::CNAME(target) => Some((record.clone(), target.0.clone())),
                _ => None,
            });
            match alias {
                Some((record, target)) if found.is_empty() => {
                    response.add_answer(record);
                    name = target;
                }
                _ => {
                    if found.is_empty() {
                        response.add_authority(soa());
                        if of_name().next().is_none() {
                            response.metadata.response_code = ResponseCode::NXDomain;
                        }
                    }
                    response.add_answers(found);
                    break;
                }
            }
        }
        response
    }
}

/// Makes a record of a line as [`Zone::new`] has them.
///
/// # Panics
///
/// If it is none.
pub fn record(line: &str) -> Record {
    let mut words = line.split_whitespace();
    let mut next = || words.next().unwrap_or_else(|| panic!("{line:?} is too short"));
    let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("no number in {line:?}"));
    let owner = name(next());
    let ttl: u32 = next().parse().unwrap_or_else(|_| panic!("no TTL in {line:?}"));
    let data = match next() {
        "SRV" => {
            let (priority, weight, port) = (number(next()), number(next()), number(next()));
            RData::SRV(SRV::new(priority, weight, port, name(next())))
        }
        "CNAME" => RData::CNAME(CNAME(name(next()))),
        "A" | "AAAA" => match next().parse().unwrap_or_else(|_| panic!("no address in {line:?}")) {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        },
        kind => panic!("no such type: {kind}"),
    };
    Record::from_rdata(owner, ttl, data)
}

/// Tells that the question is for this type.
pub fn asks_for(response: &Message, kind: RecordType) -> bool {
    response.queries.first().is_some_and(|query| query.query_type() == kind)
}

fn soa() -> Record {
    let soa = SOA::new(name("ns.t"), name("h.t"), 1, 3600, 600, 86400, 3);
    Record::from_rdata(Name::root(), 9, RData::SOA(soa))
}

/// Reads a name; a label may hold anything but a dot.
fn name(text: &str) -> Name {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let labels = bare.split('.').filter(|label| !label.is_empty()).map(str::as_bytes);
    let mut name = Name::from_labels(labels).expect("a DNS name");
    name.set_fqdn(true);
    name
}
