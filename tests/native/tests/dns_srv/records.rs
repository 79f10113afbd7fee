//! What the records say.

use core::fmt::Write;
use core::net::SocketAddr;

use evenkeel::dns::LookupError;
use evenkeel::{Discover, DnsSrv};
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{Balancer, Instant};
use evenkeel_tests::servers::hickory::Hickory;
use evenkeel_tests::servers::named::Named;
use evenkeel_tests::servers::scripted::Scripted;
use hickory_server::proto::rr::rdata::{CNAME, SRV};
use hickory_server::proto::rr::{RData, Record};

use super::{by_addr, by_name, lookup, seconds, shown};

#[tokio::test]
async fn priorities_and_weights() {
    let named = Named::start(
        "_http._tcp.web 4 IN SRV 0 60 8001 a\n_http._tcp.web 4 IN SRV 0 30 8002 b\n\
         _http._tcp.web 4 IN SRV 0 10 8003 c\n_http._tcp.web 4 IN SRV 10 0 8004 d",
    );
    let answer = lookup(by_name("_http._tcp.web.lb.test", &[named.addr()])).await;
    assert_eq!(
        shown(&answer),
        [
            "0 10 c.lb.test:8003",
            "0 30 b.lb.test:8002",
            "0 60 a.lb.test:8001",
            "10 1 d.lb.test:8004"
        ]
    );
    assert_eq!((answer.ttl, answer.absent, answer.skipped.count()), (Some(seconds(4)), false, 0));
}

#[tokio::test]
async fn alias_and_records_in_one_answer() {
    let named = Named::start(
        "www 7 IN CNAME inner\ninner 9 IN CNAME _h._tcp\n_h._tcp 30 IN SRV 0 1 80 a\n\
         a 60 IN A 127.0.0.9",
    );
    let answer = lookup(by_addr("www.lb.test", &[named.addr()])).await;
    assert_eq!(shown(&answer), ["0 1 a.lb.test:80 127.0.0.9:80"]);
    assert_eq!(answer.ttl, Some(seconds(7)), "the lowest TTL is an alias's");
}

#[tokio::test]
async fn alias_alone_makes_another_question() {
    let hops = Scripted::start(|mut response, _| {
        let asked = response.queries[0].name().clone();
        let (ttl, data) = if asked.to_ascii().eq_ignore_ascii_case("hop.other.test.") {
            (5, RData::SRV(SRV::new(0, 1, 80, "a.lb.test.".parse().unwrap())))
        } else {
            (9, RData::CNAME(CNAME("Hop.Other.Test.".parse().unwrap())))
        };
        response.add_answer(Record::from_rdata(asked, ttl, data));
        Some(response)
    });
    let answer = lookup(by_name("www.lb.test", &[hops.addr()])).await;
    assert_eq!((shown(&answer), answer.ttl), (vec!["0 1 a.lb.test:80".into()], Some(seconds(5))));
}

#[tokio::test]
async fn eight_aliases_are_followed_and_not_nine() {
    let mut zone = "c0 IN SRV 0 1 80 a\n".to_owned();
    for i in 1..=9 {
        writeln!(zone, "c{i} IN CNAME c{}", i - 1).unwrap();
    }
    let named = Named::start(&zone);
    assert_eq!(shown(&lookup(by_name("c8.lb.test", &[named.addr()])).await), ["0 1 a.lb.test:80"]);
    let error = by_name("c9.lb.test", &[named.addr()]).lookup().await.unwrap_err();
    assert_eq!(error.to_string(), "c9.lb.test has more than 8 CNAMEs in a row");
}

/// named answers SERVFAIL to a loop of its own, but the parts of one may be on several servers.
#[tokio::test]
async fn alias_loops_are_an_error() {
    let alias = |from: &str, to: &str| {
        Record::from_rdata(from.parse().unwrap(), 5, RData::CNAME(CNAME(to.parse().unwrap())))
    };
    let in_one_answer = Scripted::start(move |mut response, _| {
        response
            .add_answer(alias("_A.lb.test.", "_b.lb.test."))
            .add_answer(alias("_b.lb.test.", "_a.lb.test."));
        Some(response)
    });
    let one_by_one = Scripted::start(move |mut response, _| {
        let asked = response.queries[0].name().to_ascii();
        response.add_answer(alias(
            &asked,
            if asked == "_a.lb.test." { "_b.lb.test." } else { "_A.lb.test." },
        ));
        Some(response)
    });
    for server in [in_one_answer.addr(), one_by_one.addr()] {
        let error = by_name("_a.lb.test", &[server]).lookup().await.unwrap_err();
        assert_eq!(error.to_string(), "the CNAMEs of _a.lb.test lead back to _a.lb.test");
        assert!(matches!(error, LookupError::AliasLoop { .. }), "{error:?}");
    }
}

/// named sends a truncated answer without records, hickory one with those that fit.
#[tokio::test]
async fn records_that_do_not_fit_into_a_datagram_come_over_tcp() {
    let hickory = Hickory::start().await;
    let mut zone = String::new();
    for i in 1..=120 {
        let host = format!("host-with-a-rather-long-name-{i}");
        writeln!(zone, "_big._tcp 5 IN SRV 0 {i} 9000 {host}\n{host} 6 IN A 127.0.1.{i}").unwrap();
        hickory.srv("_big._tcp.lb.test.", 5, 0, i, 9000, &format!("{host}.lb.test.")).await;
        hickory.address(&format!("{host}.lb.test."), 6, &format!("127.0.1.{i}")).await;
    }
    let named = Named::start(&zone);
    for server in [named.addr(), hickory.addr()] {
        let answer = lookup(by_addr("_big._tcp.lb.test.", &[server])).await;
        assert_eq!(
            (answer.endpoints.len(), answer.skipped.count(), answer.ttl),
            (120, 0, Some(seconds(5)))
        );
        assert!(
            shown(&answer).contains(
                &"0 77 host-with-a-rather-long-name-77.lb.test:9000 127.0.1.77:9000".into()
            )
        );
    }
}

#[tokio::test]
async fn absent_names_and_types_are_answers_with_the_negative_ttl() {
    let named = Named::start(
        "nodata IN TXT \"no SRV here\"\nalias 2 IN CNAME nodata\ndangling 20 IN CNAME nowhere",
    );
    // The SOA has TTL 9 and minimum 3.
    for (name, ttl, why) in [
        ("nowhere.lb.test", Some(seconds(3)), "nowhere.lb.test does not exist"),
        ("nodata.lb.test", Some(seconds(3)), "nodata.lb.test has no SRV records"),
        ("alias.lb.test", Some(seconds(2)), "alias.lb.test has no SRV records"),
        ("dangling.lb.test", Some(seconds(3)), "dangling.lb.test does not exist"),
    ] {
        let answer = lookup(by_addr(name, &[named.addr()])).await;
        assert_eq!(
            (answer.endpoints.len(), answer.absent, answer.skipped.count(), answer.ttl),
            (0, false, 0, ttl),
            "{name}"
        );
        assert_eq!(answer.why_none.as_deref(), Some(why));
    }
}

#[tokio::test]
async fn root_target_means_decidedly_absent() {
    let named = Named::start(
        "_off._tcp 5 IN SRV 0 0 0 .\n_mixed._tcp IN SRV 0 0 0 .\n_mixed._tcp IN SRV 0 1 80 a",
    );
    let answer = lookup(by_addr("_off._tcp.lb.test", &[named.addr()])).await;
    assert_eq!((answer.endpoints.len(), answer.absent, answer.ttl), (0, true, Some(seconds(5))));
    let mixed = lookup(by_name("_mixed._tcp.lb.test", &[named.addr()])).await;
    assert_eq!(
        (shown(&mixed), mixed.absent, mixed.skipped.count()),
        (vec!["0 1 a.lb.test:80".into()], false, 1)
    );
}

/// N6 of the predecessor's cases: there one such record made the whole answer an error.
#[tokio::test]
async fn n6_port_zero_is_skipped_and_counted() {
    let named =
        Named::start("_h._tcp IN SRV 0 1 80 a\n_h._tcp IN SRV 0 1 0 b\n_h._tcp IN SRV 0 1 80 c");
    let answer = lookup(by_name("_h._tcp.lb.test", &[named.addr()])).await;
    assert_eq!(
        (shown(&answer), answer.skipped.count()),
        (vec!["0 1 a.lb.test:80".into(), "0 1 c.lb.test:80".into()], 1)
    );
}

#[tokio::test]
async fn case_and_trailing_dots_do_not_matter() {
    let named = Named::start("_Http._Tcp.WEB IN SRV 0 1 80 Host-A\nhost-a IN A 127.0.0.7");
    for name in ["_http._tcp.web.lb.test", "_HTTP._tcp.Web.LB.test."] {
        let answer = lookup(by_addr(name, &[named.addr()])).await;
        assert_eq!(shown(&answer), ["0 1 host-a.lb.test:80 127.0.0.7:80"]);
    }
}

#[tokio::test]
async fn duplicates_are_one_endpoint() {
    let named = Named::start("_h._tcp IN SRV 0 3 80 a\n_h._tcp IN SRV 5 7 80 A\na IN A 127.0.0.1");
    let twice = Scripted::start(|mut response, _| {
        let asked = response.queries[0].name().clone();
        let record = Record::from_rdata(
            asked,
            5,
            RData::SRV(SRV::new(0, 3, 80, "a.lb.test.".parse().unwrap())),
        );
        response.add_answer(record.clone()).add_answer(record);
        Some(response)
    });
    for source in
        [by_addr("_h._tcp.lb.test", &[named.addr()]), by_name("_h._tcp.lb.test", &[twice.addr()])]
    {
        let mut balancer = Balancer::new(RoundRobin::new());
        let endpoints = lookup(source).await.endpoints;
        let changes = balancer.update(Instant::ZERO, endpoints).unwrap();
        assert_eq!((changes.added, balancer.len()), (1, 1));
    }
}

#[tokio::test]
async fn ttl_with_the_top_bit_is_zero() {
    let server = Scripted::start(|mut response, _| {
        let asked = response.queries[0].name().clone();
        let data = RData::SRV(SRV::new(0, 1, 80, "a.lb.test.".parse().unwrap()));
        response.add_answer(Record::from_rdata(asked, 1 << 31, data));
        Some(response)
    });
    assert_eq!(lookup(by_name("_h._tcp.lb.test", &[server.addr()])).await.ttl, Some(seconds(0)));
}

#[test]
fn bad_settings_are_refused() {
    let source = || DnsSrv::new("_h._tcp.lb.test").unwrap();
    assert_eq!(
        source().servers([] as [SocketAddr; 0]).unwrap_err().to_string(),
        "the list of name servers is empty"
    );
    let server: SocketAddr = "127.0.0.1:0".parse().unwrap();
    assert_eq!(
        source().servers([server]).unwrap_err().to_string(),
        "the name server 127.0.0.1:0 has port 0"
    );
    assert_eq!(
        source().timeout(core::time::Duration::ZERO).unwrap_err().to_string(),
        "the DNS timeout is zero"
    );
    assert!(DnsSrv::new("a..b").is_err());
}
