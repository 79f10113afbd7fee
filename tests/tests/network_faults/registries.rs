//! Registries, and name servers over TLS and HTTPS, behind a network that fails. In each fault what
//! they told stays, none is asked more than its back-off allows, and a change is seen within one
//! back-off of the fault's end.

mod followed;
mod name_servers;

use core::time::Duration;

use evenkeel_tests::bed::becomes;
use tokio::time::{Instant, sleep_until, timeout};

use self::followed::{BACKOFF_MAX, Followed, known};
use crate::faults::{Fault, PATIENCE, around, lost, most_lookups};
use crate::net::{breaks, counts, heals};

pub(crate) const FAULTS: &[Fault] = &[
    ("connections_to_registries_are_reset", || {
        Box::pin(live_through(Means::Fail(|port| {
            vec![format!("tcp dport {port} reject with tcp reset")]
        })))
    }),
    ("registries_are_unreachable", || {
        Box::pin(live_through(Means::Fail(|port| {
            vec![format!("tcp dport {port} reject with icmp type host-unreachable")]
        })))
    }),
    ("registries_are_cut_off_for_a_minute", || {
        Box::pin(live_through(Means::Cut(Duration::from_secs(60))))
    }),
    ("three_of_ten_packets_of_registries_are_lost", || Box::pin(lose_packets())),
];

enum Means {
    /// Rules for a port, until so many questions in a row have failed.
    Fail(fn(u16) -> Vec<String>),
    /// All is dropped for a time. Questions that wait for news wait on, and nobody tells that no
    /// answer can come any more.
    Cut(Duration),
}

impl Means {
    fn rules(&self, port: u16) -> Vec<String> {
        match self {
            Self::Fail(rules) => rules(port),
            Self::Cut(_) => {
                vec![format!("tcp dport {port} drop"), format!("tcp sport {port} drop")]
            }
        }
    }
}

/// What a connection may be silent for, and what finding out that another one cannot be made takes:
/// 40 s and 5 s.
const NOTICED: Duration = Duration::from_secs(45);
/// How long a connection may take to begin.
const CONNECT: Duration = Duration::from_secs(5);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(10);
/// So many failures in a row are seen.
const FAILURES: u64 = 3;

async fn live_through(means: Means) {
    let registries = Followed::start_all().await;
    counts(&registries.iter().map(|registry| registry.port).collect::<Vec<_>>());
    let before = registries.iter().map(Followed::failures).collect::<Vec<_>>();
    for registry in &registries {
        breaks(&means.rules(registry.port));
    }
    let begun = Instant::now();
    for registry in &registries {
        let noticed = timeout(NOTICED + SLACK, registry.status(|status| status.error.is_some()));
        assert!(noticed.await.is_ok(), "{}: it is noticed", registry.name);
    }
    for (registry, before) in registries.iter().zip(&before) {
        let fails = registry.status(|status| status.failures >= before + FAILURES);
        assert!(timeout(PATIENCE, fails).await.is_ok(), "{}: it goes on failing", registry.name);
    }
    if let Means::Cut(time) = means {
        sleep_until(begun + time).await;
    }

    let took = begun.elapsed();
    for registry in &registries {
        registry.keeps(2);
        let (asked, most) = (registry.asked(), most_lookups(took, BACKOFF_MAX) + 1);
        // The first may have failed over a connection from before.
        assert!(asked + 1 >= FAILURES, "{}: {asked} questions", registry.name);
        // No minute of this has more than these.
        assert!(asked <= most, "{}: {asked} questions in {took:?}, at most {most}", registry.name);
        println!("{}: {asked} questions in {took:.1?}, at most {most}", registry.name);
        (registry.put)(3);
    }
    heals();
    let ended = Instant::now();
    // One back-off, and one more question that was under way and fails.
    let most = around(BACKOFF_MAX, 12) + CONNECT + SLACK;
    for registry in &registries {
        becomes(&registry.bed, &known(3)).await;
        let back = ended.elapsed();
        assert!(back <= most, "{}: back after {back:?}, at most {most:?}", registry.name);
        println!("{}: back after {back:.1?}, at most {most:.1?}", registry.name);
        registry.keeps(3);
    }
}

/// Changes are seen all the same, and none of what is lost on the way is taken for removed.
async fn lose_packets() {
    const CHANGES: usize = 3;
    let registries = Followed::start_all().await;
    counts(&registries.iter().map(|registry| registry.port).collect::<Vec<_>>());
    for registry in &registries {
        let port = registry.port;
        breaks(&[lost("dport", port), lost("sport", port)]);
    }
    let begun = Instant::now();
    for count in 3..3 + CHANGES {
        for registry in &registries {
            (registry.put)(count);
        }
        for registry in &registries {
            let seen = async {
                registry.version(count as u64).await;
                becomes(&registry.bed, &known(count)).await;
            };
            let seen = timeout(PATIENCE, seen).await;
            assert!(seen.is_ok(), "{}: {:?}", registry.name, registry.bed.discovery().borrow());
            registry.keeps(count);
        }
    }
    let took = begun.elapsed();
    // Four at once, and one each 5 s.
    let most = 4 + took.as_secs() / 5;
    for registry in &registries {
        let asked = registry.asked();
        assert!(asked <= most, "{}: {asked} questions in {took:?}, at most {most}", registry.name);
        println!("{}: {asked} questions in {took:.1?}, at most {most}", registry.name);
        (registry.put)(3 + CHANGES);
    }
    heals();
    let ended = Instant::now();
    // A packet that was lost before is sent again by then, or its question has failed.
    let most = around(BACKOFF_MAX, 12) + CONNECT + SLACK;
    for registry in &registries {
        becomes(&registry.bed, &known(3 + CHANGES)).await;
        let back = ended.elapsed();
        assert!(back <= most, "{}: back after {back:?}, at most {most:?}", registry.name);
        registry.keeps(3 + CHANGES);
    }
}
