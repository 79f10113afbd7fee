//! The addresses behind the targets.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use evenkeel::Discover;
use evenkeel::dns::LookupError;
use evenkeel_tests::servers::hickory::Hickory;
use evenkeel_tests::servers::named::Named;
use evenkeel_tests::servers::scripted::Scripted;
use hickory_server::proto::op::{Message, ResponseCode};
use hickory_server::proto::rr::rdata::{A, AAAA, SRV};
use hickory_server::proto::rr::{RData, Record, RecordType};

use super::{by_addr, lookup, seconds, shown};

const ZONE: &str = "_h._tcp 30 IN SRV 0 60 80 a\n_h._tcp 30 IN SRV 0 30 81 b\n\
    _h._tcp 30 IN SRV 1 1 82 c\n\
    a 40 IN A 127.0.0.1\na 20 IN AAAA 2001:db8::1\nb 50 IN A 127.0.0.2\nc 50 IN AAAA 2001:db8::3";
const ENDPOINTS: [&str; 4] = [
    "0 30 a.lb.test:80 127.0.0.1:80",
    "0 30 a.lb.test:80 [2001:db8::1]:80",
    "0 30 b.lb.test:81 127.0.0.2:81",
    "1 1 c.lb.test:82 [2001:db8::3]:82",
];

#[tokio::test]
async fn addresses_that_come_along_and_addresses_that_are_asked_for() {
    for options in ["minimal-responses no;", "minimal-responses yes;"] {
        let named = Named::start_with(options, ZONE);
        let answer = lookup(by_addr("_h._tcp.lb.test", &[named.addr()])).await;
        assert_eq!(shown(&answer), ENDPOINTS, "{options}");
        assert_eq!(answer.ttl, Some(seconds(20)), "the lowest TTL is an address's");
    }
}

#[tokio::test]
async fn the_same_from_hickory() {
    let server = Hickory::start().await;
    for (priority, weight, port, target) in [(0, 60, 80, "a"), (0, 30, 81, "b"), (1, 1, 82, "c")] {
        server
            .srv("_h._tcp.lb.test.", 30, priority, weight, port, &format!("{target}.lb.test."))
            .await;
    }
    for (host, ttl, address) in [
        ("a", 40, "127.0.0.1"),
        ("a", 20, "2001:db8::1"),
        ("b", 50, "127.0.0.2"),
        ("c", 50, "2001:db8::3"),
    ] {
        server.address(&format!("{host}.lb.test."), ttl, address).await;
    }
    assert_eq!(shown(&lookup(by_addr("_h._tcp.lb.test", &[server.addr()])).await), ENDPOINTS);
    server.remove_srv("_h._tcp.lb.test.").await;
    assert_eq!(lookup(by_addr("_h._tcp.lb.test", &[server.addr()])).await.endpoints.len(), 0);
}

#[tokio::test]
async fn a_target_may_be_an_alias() {
    let named = Named::start("_h._tcp 30 IN SRV 0 1 80 a\na 9 IN CNAME b\nb 50 IN A 127.0.0.2");
    let answer = lookup(by_addr("_h._tcp.lb.test", &[named.addr()])).await;
    assert_eq!(
        (shown(&answer), answer.ttl),
        (vec!["0 1 a.lb.test:80 127.0.0.2:80".into()], Some(seconds(9)))
    );
}

#[tokio::test]
async fn a_target_without_addresses_is_skipped_and_counted() {
    let named =
        Named::start("_h._tcp IN SRV 0 1 80 a\n_h._tcp IN SRV 0 1 80 nowhere\na IN A 127.0.0.1");
    let answer = lookup(by_addr("_h._tcp.lb.test", &[named.addr()])).await;
    assert_eq!(
        (shown(&answer), answer.skipped.count()),
        (vec!["0 1 a.lb.test:80 127.0.0.1:80".into()], 1)
    );
}

/// Adds `owner`'s address, of the family of its text.
fn address(owner: &str, address: &str) -> Record {
    let data = match address.parse().unwrap() {
        core::net::IpAddr::V4(ip) => RData::A(A(ip)),
        core::net::IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    Record::from_rdata(owner.parse().unwrap(), 9, data)
}

/// The SRV records of this service, which point to these hosts.
fn targets(mut response: Message, hosts: &[&str]) -> Message {
    let owner = response.queries[0].name().clone();
    for host in hosts {
        let srv = SRV::new(0, 1, 80, host.parse().unwrap());
        response.add_answer(Record::from_rdata(owner.clone(), 30, RData::SRV(srv)));
    }
    response
}

#[tokio::test]
async fn addresses_of_other_names_are_not_believed() {
    let server = Scripted::start(|mut response, _| {
        Some(match response.queries[0].query_type() {
            RecordType::SRV => {
                response = targets(response, &["a.lb.test."]);
                response.additionals.push(address("bank.test.", "127.0.0.66"));
                response.additionals.push(address("A.lb.TEST.", "127.0.0.1"));
                response
            }
            _ => panic!("nothing is missing"),
        })
    });
    let answer = lookup(by_addr("_h._tcp.lb.test", &[server.addr()])).await;
    assert_eq!(shown(&answer), ["0 1 a.lb.test:80 127.0.0.1:80"]);
}

/// Servers drop what does not fit of the additional section, without a word.
#[tokio::test]
async fn a_family_dropped_from_the_additional_section_is_asked_for() {
    let server = Scripted::start(|mut response, _| {
        Some(match response.queries[0].query_type() {
            RecordType::SRV => {
                response = targets(response, &["a.lb.test.", "b.lb.test."]);
                for (host, ip) in [
                    ("a.lb.test.", "127.0.0.1"),
                    ("a.lb.test.", "2001:db8::1"),
                    ("b.lb.test.", "127.0.0.2"),
                ] {
                    response.additionals.push(address(host, ip));
                }
                response
            }
            RecordType::AAAA => {
                response.add_answer(address("b.lb.test.", "2001:db8::2"));
                response
            }
            _ => panic!("both have an A"),
        })
    });
    let answer = lookup(by_addr("_h._tcp.lb.test", &[server.addr()])).await;
    assert_eq!(answer.endpoints.len(), 4);
    assert!(shown(&answer).contains(&"0 1 b.lb.test:80 [2001:db8::2]:80".into()));
}

#[tokio::test]
async fn a_target_that_cannot_be_resolved_keeps_its_addresses() {
    let failing = Arc::new(AtomicBool::new(false));
    let fails = failing.clone();
    let server = Scripted::start(move |mut response, _| {
        let host = response.queries[0].name().to_ascii();
        match response.queries[0].query_type() {
            RecordType::SRV => response = targets(response, &["a.lb.test.", "b.lb.test."]),
            _ if host == "b.lb.test." && fails.load(Ordering::Relaxed) => {
                response.metadata.response_code = ResponseCode::ServFail;
            }
            RecordType::A => {
                let mut record = address(&host, "127.0.0.1");
                record.ttl = 0;
                response.add_answer(record);
            }
            _ => {}
        }
        Some(response)
    });
    let all = ["0 1 a.lb.test:80 127.0.0.1:80", "0 1 b.lb.test:80 127.0.0.1:80"];
    let mut source = by_addr("_h._tcp.lb.test", &[server.addr()]);
    let good = source.lookup().await.unwrap();
    assert_eq!((shown(&good), good.ttl), (all.map(String::from).to_vec(), Some(seconds(0))));

    failing.store(true, Ordering::Relaxed);
    let partial = source.lookup().await.unwrap();
    assert_eq!((shown(&partial), partial.error.is_none()), (all.map(String::from).to_vec(), true));
    let why = &partial.skipped.reasons()[0];
    assert!(why.contains("b.lb.test") && why.contains("answered SERVFAIL"), "{why}");

    let unknown = lookup(by_addr("_h._tcp.lb.test", &[server.addr()])).await;
    assert_eq!((shown(&unknown), unknown.skipped.count()), (vec![all[0].to_owned()], 1));
}

#[tokio::test]
async fn if_no_target_can_be_resolved_the_lookup_fails() {
    let server = Scripted::start(|mut response, _| {
        match response.queries[0].query_type() {
            RecordType::SRV => response = targets(response, &["a.lb.test."]),
            _ => response.metadata.response_code = ResponseCode::ServFail,
        }
        Some(response)
    });
    let error = by_addr("_h._tcp.lb.test", &[server.addr()]).lookup().await.unwrap_err();
    let LookupError::NoAnswer { question, .. } = &error else { panic!("{error}") };
    assert!(question.starts_with("a.lb.test A"), "{error}");
}
