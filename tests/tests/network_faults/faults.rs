//! The faults. In each, the set stays as it was, a change is seen within one back-off of its end, and
//! no more is asked than the back-off allows.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use evenkeel::{DiscoveryStatus, DnsSrv, PollerConfig};
use evenkeel_tests::bed::{Bed, becomes, bed, known, status};
use tokio::time::{Instant, timeout};

use crate::net::{Net, breaks, connections_to, datagrams, has_a_route, has_no_route, heals};

pub(crate) const FAULTS: &[Fault] = &[
    ("questions_are_dropped", || Box::pin(failing(4, Means::Rules(&["th dport 53 drop"])))),
    ("answers_are_dropped", || Box::pin(failing(4, Means::Rules(&["th sport 53 drop"])))),
    ("datagrams_are_dropped_and_connections_reset", || {
        let rules = &["udp dport 53 drop", "tcp dport 53 reject with tcp reset"];
        Box::pin(failing(4, Means::Rules(rules)))
    }),
    ("the_host_is_unreachable", || {
        Box::pin(failing(4, Means::Rules(&["th dport 53 reject with icmp type host-unreachable"])))
    }),
    ("the_port_is_unreachable", || {
        Box::pin(failing(4, Means::Rules(&["th dport 53 reject with icmp type port-unreachable"])))
    }),
    ("there_is_no_route", || Box::pin(failing(4, Means::NoRoute))),
    ("one_of_three_packets_is_lost", || Box::pin(loses_packets())),
    ("a_partition_of_a_minute", || Box::pin(partition())),
];

/// A fault by name.
pub(crate) type Fault = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// How long a name server may take for one question.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(2);
/// The time to live of all records, and the shortest time between two lookups.
const TTL: Duration = Duration::from_secs(5);
/// For what is awaited, not for how long it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

enum Means {
    Rules(&'static [&'static str]),
    NoRoute,
}

impl Means {
    fn begins(&self) {
        match self {
            Self::Rules(rules) => breaks(rules),
            Self::NoRoute => has_no_route(),
        }
    }

    fn ends(&self) {
        match self {
            Self::Rules(_) => heals(),
            Self::NoRoute => has_a_route(),
        }
    }
}

/// A balancer with default settings that knows both endpoints.
async fn balancer(net: &Net) -> Bed {
    let source = DnsSrv::new("_h._tcp.t.").unwrap().servers([net.server]).unwrap();
    let bed = bed(source.timeout(TIMEOUT).unwrap());
    becomes(&bed, "10.0.0.1:80 10.0.1.0:80").await;
    bed
}

/// A fault until so many lookups in a row have failed.
async fn failing(times: u64, fault: Means) {
    let net = Net::new();
    let bed = balancer(&net).await;
    lives_through(&net, &bed, &fault, async |bed| {
        status(bed, |status| status.failures == times).await;
    })
    .await;
}

async fn partition() {
    let net = Net::new();
    let bed = balancer(&net).await;
    let fault = Means::Rules(&["th dport 53 drop", "th sport 53 drop"]);
    lives_through(&net, &bed, &fault, async |_| {
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
}

/// Plays a fault from a failed lookup on for as long as is said.
async fn lives_through(net: &Net, bed: &Bed, fault: &Means, lasts: impl AsyncFnOnce(&Bed)) {
    let before = (bed.discovery().borrow().queries, datagrams(), connections_to(53));
    fault.begins();
    status(bed, |status| status.failures == 1).await;
    let begun = Instant::now();
    lasts(bed).await;

    let took = begun.elapsed();
    let said = bed.discovery().borrow().clone();
    assert!(said.error.is_some(), "{said:?}");
    assert_eq!(bed.discovered().borrow().version, 1, "the set is as it was");
    assert!(bed.pick().is_ok());
    let lookups = said.queries - before.0;
    // The one in which the fault began may have been two that did well.
    let most = most_lookups(took, PollerConfig::default().backoff_max) + 2;
    assert!(lookups <= most, "{lookups} lookups in {took:?}, at most {most}");
    let (datagrams, connections) = (datagrams() - before.1, connections_to(53) - before.2);
    // A question is sent twice, and then over TCP. A lookup that does well has five.
    let most = lookups * 2 + 5;
    assert!(datagrams <= most, "{datagrams} datagrams in {lookups} lookups");
    let most = lookups + 5;
    assert!(connections <= most, "{connections} connections in {lookups} lookups");

    let moved = net.moves();
    fault.ends();
    let most = longest_wait(&said) + TIMEOUT + SLACK;
    let ended = Instant::now();
    let seen = async {
        let _ = bed.discovered().wait_for(|set| set.version > 1).await;
    };
    assert!(timeout(PATIENCE, seen).await.is_ok(), "{:?}", bed.discovery().borrow());
    let back = ended.elapsed();
    becomes(bed, &moved).await;
    assert!(back <= most, "back after {back:?}, at most {most:?}: {said:?}");
    assert_eq!(bed.discovered().borrow().version, 2, "one change");
    println!("{lookups} lookups in {took:.1?}, {datagrams} datagrams, {connections} connections");
    println!("back after {back:.1?}, at most {most:.1?}");
}

/// Returns the longest wait until the next lookup, and one more failure before it if one is under
/// way.
fn longest_wait(said: &DiscoveryStatus) -> Duration {
    let failures = said.failures + u64::from(said.deadline.is_some());
    around(wait_after(failures.max(1), PollerConfig::default().backoff_max), 12)
}

/// Returns how many lookups there may be in a time that begins with a failure.
pub(crate) fn most_lookups(time: Duration, backoff_max: Duration) -> u64 {
    let (mut lookups, mut least) = (0, Duration::ZERO);
    while least <= time {
        lookups += 1;
        least += around(wait_after(lookups, backoff_max), 8);
    }
    lookups
}

/// Returns the wait after so many failures in a row.
fn wait_after(failures: u64, backoff_max: Duration) -> Duration {
    let doubled = 2_u32.saturating_pow(u32::try_from(failures).unwrap() - 1);
    Duration::from_secs(1).saturating_mul(doubled).min(backoff_max)
}

/// Returns so many tenths of a time.
pub(crate) fn around(time: Duration, tenths: u32) -> Duration {
    time / 10 * tenths
}

/// Returns a rule by which three of ten packets are lost whose `sport` or `dport` this is.
pub(crate) fn lost(which: &str, port: u16) -> String {
    format!("th {which} {port} numgen random mod 100 < 30 drop")
}

/// Changes are seen all the same, and none of what is lost on the way is taken for removed.
async fn loses_packets() {
    const CHANGES: u64 = 4;
    let net = Net::new();
    let bed = balancer(&net).await;
    breaks(&[lost("dport", 53), lost("sport", 53)]);
    let (begun, before) = (Instant::now(), datagrams());
    for change in 1..=CHANGES {
        let moved = net.moves();
        let seen = async {
            while known(&bed) != moved {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, seen).await.is_ok(), "{:?}", bed.discovery().borrow());
        assert_eq!(bed.discovered().borrow().version, 1 + change, "one change, and no other");
    }
    let (took, failures) = (begun.elapsed(), bed.discovery().borrow().failures);
    // One for the records and two for each target, each sent twice.
    let rounds = took.as_secs() / TTL.as_secs() + 1 + failures;
    let (datagrams, most) = (datagrams() - before, rounds * 5 * 2);
    assert!(datagrams <= most, "{datagrams} datagrams in {took:?}, at most {most}");
    println!("{CHANGES} changes in {took:.1?}, {failures} failures, {datagrams} datagrams");

    let moved = net.moves();
    let said = bed.discovery().borrow().clone();
    heals();
    let ended = Instant::now();
    becomes(&bed, &moved).await;
    // One lookup that was under way and fails, one back-off, and the records' time to live.
    let (back, most) =
        (ended.elapsed(), longest_wait(&said).max(around(TTL, 12)) + TIMEOUT + SLACK);
    assert!(back <= most, "back after {back:?}, at most {most:?}: {said:?}");
    println!("back after {back:.1?}, at most {most:.1?}");
}
