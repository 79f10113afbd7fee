//! The addresses behind targets.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use evenkeel::{Discover, Family};
use evenkeel_tests::servers::hostile::{Hostile, send};
use evenkeel_tests::servers::zone::{Zone, record};
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RecordType;

use super::{FOUND, SERVICE, at_once, good_answer, once_more, shown, source};

fn serve(zone: &str) -> Hostile {
    let zone = Zone::new(zone);
    Hostile::start(move |asked| send(&zone.answer(asked.response.clone())))
}

/// What is found in a zone, and why the rest is not.
async fn found(zone: &str) -> (Vec<String>, Vec<String>) {
    let server = serve(zone);
    let answer = at_once(&server, zone.matches(" SRV ").count()).await.unwrap();
    let reasons = answer.skipped.reasons().iter().map(ToString::to_string).collect();
    (shown(&answer), reasons)
}

#[tokio::test]
async fn a_target_that_does_not_exist_is_named() {
    let zone = "_h._tcp.t 9 SRV 0 1 80 a.t\n_h._tcp.t 9 SRV 0 1 80 gone.t\n\
        _h._tcp.t 9 SRV 0 1 80 empty.t\na.t 9 A 127.0.0.1\nempty.t 9 SRV 0 1 1 a.t";
    let (found, reasons) = found(zone).await;
    assert_eq!(found, FOUND);
    assert_eq!(reasons, ["the target empty.t has no address", "the target gone.t does not exist"]);
}

#[tokio::test]
async fn two_names_on_one_address_are_two_endpoints() {
    let zone = "_h._tcp.t 9 SRV 0 1 80 h0.t\n_h._tcp.t 9 SRV 0 1 80 h1.t\n\
        h0.t 9 A 127.0.0.1\nh1.t 9 A 127.0.0.1";
    let server = serve(zone);
    let answer = at_once(&server, 2).await.unwrap();
    let [first, second] = &*answer.endpoints else { panic!("{:?}", shown(&answer)) };
    assert_ne!(first.addr, second.addr);
}

#[tokio::test]
async fn a_renamed_host_is_another_endpoint() {
    let renamed = Arc::new(AtomicBool::new(false));
    let is_renamed = renamed.clone();
    let server = Hostile::start(move |asked| {
        let host = if is_renamed.load(Ordering::Relaxed) { "new.t" } else { "old.t" };
        let zone = format!("_h._tcp.t 0 SRV 0 1 80 {host}\n{host} 0 A 127.0.0.1");
        send(&Zone::new(&zone).answer(asked.response.clone()))
    });
    let mut source = source(&[server.addr()]);
    let before = once_more(&mut source, &server, 1).await.unwrap();
    renamed.store(true, Ordering::Relaxed);
    let after = once_more(&mut source, &server, 1).await.unwrap();
    assert_eq!(
        (shown(&before), shown(&after)),
        (vec!["old.t 127.0.0.1:80".to_owned()], vec!["new.t 127.0.0.1:80".to_owned()])
    );
    assert_ne!(before.endpoints[0].addr, after.endpoints[0].addr);
}

#[tokio::test]
async fn addresses_as_names_and_the_local_host_are_not_asked_for() {
    let zone = "_h._tcp.t 9 SRV 0 1 80 10.0.0.1.\n_h._tcp.t 9 SRV 0 1 81 localhost.\n\
        _h._tcp.t 9 SRV 0 1 82 web.localhost.";
    let server = serve(zone);
    let answer = at_once(&server, 0).await.unwrap();
    assert_eq!(
        shown(&answer),
        [
            "10.0.0.1 10.0.0.1:80",
            "localhost 127.0.0.1:81",
            "localhost [::1]:81",
            "web.localhost 127.0.0.1:82",
            "web.localhost [::1]:82"
        ]
    );
    assert_eq!(server.asked(), 1);
    let literal =
        &answer.endpoints.iter().find(|endpoint| endpoint.addr.port() == 80).unwrap().addr;
    assert_eq!(*literal, "10.0.0.1:80".parse().unwrap());
}

#[tokio::test]
async fn addresses_of_no_one_host_are_skipped_and_named() {
    let zone = "_h._tcp.t 9 SRV 0 1 80 a.t\n_h._tcp.t 9 SRV 0 1 80 0.0.0.0.\na.t 9 A 127.0.0.1\n\
        a.t 9 A 0.0.0.0\na.t 9 A 255.255.255.255\na.t 9 AAAA ::\na.t 9 AAAA ff02::1";
    let (found, reasons) = found(zone).await;
    assert_eq!((found, reasons.len()), (vec![FOUND[0].to_owned()], 5));
    for address in ["0.0.0.0", "255.255.255.255", "::", "ff02::1"] {
        let named = format!("the address {address} of the target a.t is of no one host");
        assert!(reasons.contains(&named), "{reasons:?}");
    }
}

#[tokio::test]
async fn glue_of_other_names_is_not_believed() {
    let server = Hostile::start(|asked| {
        let mut response = asked.response.clone();
        if asked.name != SERVICE {
            return good_answer(asked);
        }
        response.add_answer(record("_h._tcp.t 9 SRV 0 1 80 a.t"));
        response.add_additional(record("evil.t 9 A 127.0.0.66"));
        send(&response)
    });
    assert_eq!(shown(&at_once(&server, 1).await.unwrap()), FOUND);
}

#[tokio::test]
async fn random_parts_of_a_set_are_answers_of_their_own() {
    let server = Hostile::start(|asked| {
        let mut response = asked.response.clone();
        if asked.kind == RecordType::SRV {
            for i in 0..3 {
                let host = (u32::from(response.metadata.id) + i) % 8;
                response.add_answer(record(&format!("_h._tcp.t 1 SRV 0 1 80 10.0.0.{host}.")));
            }
        }
        send(&response)
    });
    let mut source = source(&[server.addr()]);
    for _ in 0..20 {
        let answer = once_more(&mut source, &server, 0).await.unwrap();
        assert_eq!(answer.endpoints.len(), 3);
    }
}

#[tokio::test]
async fn a_family_that_fails_is_no_failure_of_the_other() {
    for kind in [RecordType::A, RecordType::AAAA] {
        let zone = Zone::new("_h._tcp.t 9 SRV 0 1 80 a.t\na.t 9 A 127.0.0.1\na.t 9 AAAA ::1");
        let server = Hostile::start(move |asked| {
            let mut response = zone.answer(asked.response.clone());
            if asked.kind == kind {
                response.answers.clear();
                response.metadata.response_code = ResponseCode::ServFail;
            }
            send(&response)
        });
        let answer = at_once(&server, 1).await.unwrap();
        let wanted = if kind == RecordType::A { "a.t [::1]:80" } else { FOUND[0] };
        assert_eq!((shown(&answer), answer.error.is_none()), (vec![wanted.to_owned()], true));
        let why = &answer.skipped.reasons()[0];
        assert!(why.contains(&format!("a.t {kind}")) && why.contains("SERVFAIL"), "{why}");
    }
}

#[tokio::test]
async fn families() {
    let zone = "_h._tcp.t 9 SRV 0 1 80 both.t\n_h._tcp.t 9 SRV 0 1 81 six.t\n\
        _h._tcp.t 9 SRV 0 1 82 four.t\nboth.t 9 A 127.0.0.1\nboth.t 9 AAAA ::1\n\
        six.t 9 AAAA ::6\nfour.t 9 A 127.0.0.4";
    let (four, six) = ("four.t 127.0.0.4:82", "six.t [::6]:81");
    let (both4, both6) = ("both.t 127.0.0.1:80", "both.t [::1]:80");
    for (family, wanted, questions) in [
        (Family::Both, &[both4, both6, four, six][..], 7),
        (Family::V4, &[both4, four], 4),
        (Family::V6, &[both6, six], 4),
        (Family::PreferV4, &[both4, four, six], 7),
        (Family::PreferV6, &[both6, four, six], 7),
    ] {
        let server = serve(zone);
        let answer = source(&[server.addr()]).family(family).lookup().await.unwrap();
        assert_eq!(
            (shown(&answer), server.asked()),
            (wanted.iter().map(ToString::to_string).collect(), questions),
            "{family:?}"
        );
    }
}
