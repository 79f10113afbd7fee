//! How many questions are asked: at most one for the records and two for each target, in the longer
//! of the least interval and the lowest time to live.

use core::convert::Infallible;
use core::fmt::Write;
use core::time::Duration;

use evenkeel::{Balancer, Discover, PollerConfig, Target};
use evenkeel_tests::servers::hostile::{Hostile, send};
use evenkeel_tests::servers::zone::{Zone, record};
use hickory_server::proto::rr::RecordType;

use super::{SERVICE, shown, source};

/// A service of so many targets, with these times to live for records and addresses.
pub(super) fn targets(count: usize, srv: u32, address: u32) -> Hostile {
    let mut zone = String::new();
    for i in 0..count {
        writeln!(zone, "{SERVICE} {srv} SRV 0 1 80 h{i}.t\nh{i}.t {address} A 127.1.0.{i}")
            .unwrap();
    }
    let zone = Zone::new(&zone);
    Hostile::start(move |asked| send(&zone.answer(asked.response.clone())))
}

#[tokio::test]
async fn addresses_are_not_asked_for_again_before_their_own_time_is_over() {
    const TARGETS: usize = 120;
    let server = targets(TARGETS, 0, 300);
    let mut source = source(&[server.addr()]).family_wait(Duration::from_secs(9));
    for lookups in 1..=10 {
        let answer = source.lookup().await.unwrap();
        assert_eq!(answer.endpoints.len(), TARGETS);
        assert_eq!(server.asked(), lookups + 2 * TARGETS, "all within their 300 s");
    }
}

#[tokio::test]
async fn at_most_one_and_two_for_each_target_in_the_lowest_time_to_live() {
    const TARGETS: usize = 5;
    const LOWEST: u64 = 1;
    let server = targets(TARGETS, LOWEST as u32, LOWEST as u32);
    let soon = Duration::from_millis(100);
    let poller = PollerConfig { min: soon, default: soon, ..PollerConfig::default() };
    let source = source(&[server.addr()]).poller(poller);
    let begun = tokio::time::Instant::now();
    let keep = async |target: Target| Ok::<_, Infallible>(target);
    let balancer = Balancer::builder(source).build(keep).unwrap();
    let mut discovery = balancer.discovery();
    let third = discovery.wait_for(|status| status.queries >= 4);
    tokio::time::timeout(Duration::from_secs(30), third).await.expect("it goes on").unwrap();
    drop(balancer);
    let windows = begun.elapsed().as_secs() / LOWEST + 1;
    let bound = usize::try_from(windows).unwrap() * (1 + 2 * TARGETS);
    assert!(server.asked() <= bound, "{} questions, at most {bound}", server.asked());
    assert!(begun.elapsed() >= Duration::from_secs(3 * LOWEST), "{:?}", begun.elapsed());
    // That there are no IPv6 addresses holds for 3 s.
    assert!(server.asked() >= 3 * (1 + TARGETS), "{}", server.asked());
}

#[tokio::test]
async fn one_address_that_is_short_lived_does_not_hurry_the_others() {
    let zone = Zone::new(
        "_h._tcp.t 0 SRV 0 1 80 long.t\n_h._tcp.t 0 SRV 0 1 80 short.t\n\
         long.t 300 A 127.0.0.1\nshort.t 0 A 127.0.0.2",
    );
    let server = Hostile::start(move |asked| send(&zone.answer(asked.response.clone())));
    let mut source = source(&[server.addr()]).family_wait(Duration::from_secs(9));
    for _ in 0..5 {
        assert_eq!(source.lookup().await.unwrap().endpoints.len(), 2);
    }
    let asked = |name, kind| server.count(|asked| asked.name == name && asked.kind == kind);
    assert_eq!((asked("long.t.", RecordType::A), asked("long.t.", RecordType::AAAA)), (1, 1));
    assert_eq!(asked("short.t.", RecordType::A), 5);
}

#[tokio::test]
async fn addresses_that_come_along_are_not_asked_for() {
    let server = Hostile::start(|asked| {
        let mut response = asked.response.clone();
        for i in 1..=50 {
            response.add_answer(record(&format!("{SERVICE} 5 SRV 0 1 80 h{i}.t")));
            response.add_additional(record(&format!("h{i}.t 5 A 127.0.0.{i}")));
        }
        send(&response)
    });
    let answer = source(&[server.addr()]).lookup().await.unwrap();
    assert_eq!((shown(&answer).len(), server.asked()), (50, 1));
}
