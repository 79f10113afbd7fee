//! Aliases, owners, duplicates, times to live, and records that are no endpoints.

use core::time::Duration;
use std::sync::Mutex;

use evenkeel::{Answer, Balancer, Config, Discover, Target};
use evenkeel_tests::servers::hostile::{Hostile, send};
use evenkeel_tests::servers::zone::{Zone, asks_for, record};
use hickory_server::proto::rr::RecordType;

use super::{FOUND, RECORDS, SERVICE, at_once, outcome, shown, source};

/// Looks up with a server that answers questions for the records by these, whatever their names.
async fn answered_by(lines: &str) -> (String, Option<Answer>) {
    let records: Vec<_> = lines.lines().map(record).collect();
    let zone = Zone::new(RECORDS);
    let server = Hostile::start(move |asked| {
        let mut response = asked.response.clone();
        if !asks_for(&response, RecordType::SRV) {
            return send(&zone.answer(response));
        }
        response.add_answers(records.clone());
        send(&response)
    });
    let result = at_once(&server, 1).await;
    (outcome(&result), result.ok())
}

/// So many aliases from the service to a name that has the records.
pub(crate) fn chain(aliases: usize) -> String {
    let name = |i| if i == 0 { SERVICE.to_owned() } else { format!("c{i}.t") };
    let mut lines: Vec<_> =
        (0..aliases).map(|i| format!("{} 60 CNAME {}", name(i), name(i + 1))).collect();
    lines.push(format!("{} 60 SRV 0 1 80 a.t", name(aliases)));
    lines.join("\n")
}

/// The same lines, the last one first.
pub(crate) fn reversed(lines: &str) -> String {
    lines.lines().rev().collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn eight_aliases_are_followed_and_nine_are_not() {
    assert_eq!(answered_by(&chain(8)).await.0, format!("{FOUND:?}"));
    assert_eq!(answered_by(&chain(9)).await.0, "_h._tcp.t has more than 8 CNAMEs in a row");
}

#[tokio::test]
async fn aliases_in_any_order() {
    assert_eq!(answered_by(&reversed(&chain(8))).await.0, format!("{FOUND:?}"));
}

#[tokio::test]
async fn loops_of_aliases() {
    let itself = format!("{SERVICE} 60 CNAME {SERVICE}");
    let around = format!("{SERVICE} 60 CNAME b.t\nb.t 60 CNAME {SERVICE}");
    for lines in [itself, around] {
        let said = answered_by(&lines).await.0;
        assert_eq!(said, "the CNAMEs of _h._tcp.t lead back to _h._tcp.t");
    }
}

#[tokio::test]
async fn records_of_another_owner_are_none() {
    assert_eq!(answered_by("other.t 60 SRV 0 1 80 a.t").await.0, "[]");
}

#[tokio::test]
async fn duplicates_and_upper_case_are_one_endpoint() {
    let (_, answer) = answered_by(
        "_h._tcp.t 60 SRV 0 1 80 a.t\n_H._TCP.T 60 SRV 0 1 80 A.T\n_h._tcp.t 60 SRV 0 1 80 a.t",
    )
    .await;
    let mut targets: Vec<Target> =
        answer.unwrap().endpoints.into_iter().map(|endpoint| endpoint.addr).collect();
    targets.dedup();
    assert_eq!(targets, [Target::at("a.t", "127.0.0.1:80".parse().unwrap())]);
}

#[tokio::test]
async fn times_to_live() {
    for (ttls, wanted) in [
        (&[0][..], 0),
        (&[7, 3, 9], 3),
        // Those of the address: 60.
        (&[2_147_483_647], 60),
        (&[2_147_483_648], 0),
        (&[4_294_967_295, 9], 0),
    ] {
        let lines: Vec<_> = (1..)
            .zip(ttls)
            .map(|(port, ttl): (u16, &u32)| format!("{SERVICE} {ttl} SRV 0 1 {port} a.t"))
            .collect();
        let (said, answer) = answered_by(&lines.join("\n")).await;
        let ttl = answer.unwrap().ttl;
        assert_eq!(ttl, Some(Duration::from_secs(wanted)), "{ttls:?} {said}");
    }
}

#[tokio::test]
async fn the_root_alone_is_absent_and_among_others_skipped() {
    for (lines, absent, found, skipped) in [
        ("_h._tcp.t 60 SRV 0 0 0 .", true, &[][..], 1),
        ("_h._tcp.t 60 SRV 0 0 80 .", true, &[], 1),
        ("_h._tcp.t 60 SRV 0 0 0 .\n_h._tcp.t 60 SRV 0 1 80 a.t", false, &FOUND[..], 1),
        ("_h._tcp.t 60 SRV 0 1 0 a.t\n_h._tcp.t 60 SRV 0 1 80 a.t", false, &FOUND, 1),
    ] {
        let answer = answered_by(lines).await.1.unwrap();
        let got = (answer.absent, shown(&answer), answer.skipped.count());
        assert_eq!(got, (absent, found.iter().map(ToString::to_string).collect(), skipped));
    }
}

#[tokio::test]
async fn a_long_name_and_a_label_that_is_no_ascii() {
    let long = [&*"x".repeat(63), &"y".repeat(63), &"z".repeat(63), &"w".repeat(59), "t"].join(".");
    assert_eq!(long.len(), 253);
    let zone = format!(
        "{SERVICE} 9 SRV 0 1 80 {long}\n{SERVICE} 9 SRV 0 1 80 bü.t\n\
        {long} 9 A 127.0.0.1\nbü.t 9 A 127.0.0.2"
    );
    let zone = Zone::new(&zone);
    let server = Hostile::start(move |asked| send(&zone.answer(asked.response.clone())));
    let answer = at_once(&server, 2).await.unwrap();
    assert_eq!(answer.endpoints.len(), 2, "{:?}", shown(&answer));
    assert!(shown(&answer).contains(&format!("{long} 127.0.0.1:80")));
    let by_name = source(&[server.addr()]).resolve_targets(false).lookup().await.unwrap();
    assert_eq!((by_name.endpoints.len(), by_name.skipped.count()), (1, 1));
    let why = &by_name.skipped.reasons()[0];
    assert!(why.contains("is no host name"), "{why}");
}

/// A cache tells of 0 in the last second; records that have no time to live do it every time.
#[tokio::test]
async fn a_time_to_live_of_0_after_another_is_its_last_second() {
    let mut told = [5, 0, 0, 5, 0].into_iter();
    let told = Mutex::new(move || told.next().unwrap_or_default());
    let server = Hostile::start(move |asked| {
        let ttl = if asked.name == SERVICE { told.lock().unwrap()() } else { 60 };
        let lines = format!("_h._tcp.t {ttl} SRV 0 1 80 a.t\na.t {ttl} A 127.0.0.1");
        send(&Zone::new(&lines).answer(asked.response.clone()))
    });
    let mut source = source(&[server.addr()]);
    for seconds in [5, 1, 0, 5, 1] {
        let ttl = source.lookup().await.unwrap().ttl;
        assert_eq!(ttl, Some(Duration::from_secs(seconds)));
    }
}

/// RFC 2782's own example of weights, with the policy that a balancer has if none is named.
#[tokio::test]
async fn weights_1_and_3_are_a_quarter_and_three_quarters() {
    let zone = Zone::new(
        "_h._tcp.t 60 SRV 0 1 80 old.t\n_h._tcp.t 60 SRV 0 3 80 new.t\n\
         old.t 60 A 127.0.0.1\nnew.t 60 A 127.0.0.2",
    );
    let server = Hostile::start(move |asked| send(&zone.answer(asked.response.clone())));
    let host = async |target: Target| Ok::<_, core::convert::Infallible>(target.host().to_owned());
    // A machine that stalls between a pick and its report says nothing of an endpoint.
    let config = Config { latency_floor: Duration::from_secs(10), ..Config::default() };
    let balancer = Balancer::builder(source(&[server.addr()])).config(config).build(host).unwrap();
    // Ready: each of the first answer has its client.
    balancer.ready_within(Duration::from_secs(20)).await.unwrap();
    let mut new = 0;
    for _ in 0..1000 {
        let pick = balancer.pick().unwrap();
        new += usize::from(pick.with(|host| host == "new.t"));
        pick.success();
    }
    assert!((700..=800).contains(&new), "{new} of 1,000 went to the weight of 3");
}
