//! The time to the first endpoint: at most one second and one time-out of a server.

use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::{Answer, Discover, DnsSrv, PollerConfig};
use evenkeel_tests::servers::bind_both;
use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, send};
use evenkeel_tests::servers::zone::Zone;
use hickory_server::proto::rr::RecordType;
use tokio::time::{Instant, timeout};

use super::{FOUND, MOST, SERVICE, UNIT, good, good_answer, shown, source};

/// The bound where no server has to be waited for, and a time-out well above it.
const AT_ONCE: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(5);

/// Looks up and returns how long it took.
async fn timed(source: &mut DnsSrv) -> (Answer, Duration) {
    let begun = Instant::now();
    let answer = source.lookup().await.unwrap();
    (answer, begun.elapsed())
}

/// Looks up again as a balancer does, until the answer is like this. Returns how many lookups it
/// took.
async fn until(source: &mut DnsSrv, like: impl Fn(&Answer) -> bool) -> usize {
    let wait = async {
        for lookups in 1.. {
            source.changed().await.unwrap();
            if like(&source.lookup().await.unwrap()) {
                return lookups;
            }
        }
        0
    };
    timeout(Duration::from_secs(60), wait).await.expect("it comes")
}

/// A server that never answers questions for IPv6 addresses.
fn drops_aaaa() -> Hostile {
    Hostile::start(|asked| match asked.kind {
        RecordType::AAAA => Vec::new(),
        _ => good_answer(asked),
    })
}

#[tokio::test]
async fn aaaa_never_answered() {
    for count in 1..=3 {
        let servers: Vec<_> = (0..count).map(|_| drops_aaaa()).collect();
        let addrs: Vec<_> = servers.iter().map(Hostile::addr).collect();
        let (answer, took) = timed(&mut source(&addrs).timeout(LONG).unwrap()).await;
        assert_eq!((shown(&answer), answer.error.is_none()), (vec![FOUND[0].to_owned()], true));
        assert!(took < AT_ONCE, "{took:?} with {count} servers");
    }
}

#[tokio::test]
async fn aaaa_never_answered_is_told_once_it_is_given_up() {
    let server = drops_aaaa();
    let mut source = source(&[server.addr()]);
    assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
    let told = |answer: &Answer| {
        let why = answer.skipped.reasons().first();
        why.is_some_and(|why| why.contains("a.t AAAA") && why.contains("timed out"))
    };
    assert_eq!(until(&mut source, told).await, 1);
    // The server is no worse for it: it answers everything else.
    let (_, took) = timed(&mut source).await;
    assert!(took < AT_ONCE, "{took:?}");
    // Nor is the question repeated at once.
    assert!(server.count(|asked| asked.kind == RecordType::AAAA) <= 4);
}

/// Asked for alone, when nothing else shows that the server lives.
#[tokio::test]
async fn a_server_that_drops_aaaa_keeps_its_place() {
    let zone = Zone::new("_h._tcp.t 60 SRV 0 1 80 a.t\na.t 60 A 127.0.0.1\na.t 0 AAAA ::1");
    let first = drops_aaaa();
    let second = Hostile::start(move |asked| send(&zone.answer(asked.response.clone())));
    let mut source = source(&[first.addr(), second.addr()]);
    for round in 1..=3 {
        source.lookup().await.unwrap();
        let both = |answer: &Answer| answer.endpoints.len() == 2;
        assert_eq!(until(&mut source, both).await, 1);
        assert_eq!(second.count(|asked| asked.kind == RecordType::AAAA), round);
    }
    assert_eq!(second.count(|asked| asked.kind == RecordType::SRV), 0);
}

#[tokio::test]
async fn aaaa_that_comes_late_is_taken_up() {
    let zone = Zone::new("_h._tcp.t 60 SRV 0 4 80 a.t\na.t 60 A 127.0.0.1\na.t 60 AAAA ::1");
    let server = Hostile::start(move |asked| {
        let late = if asked.kind == RecordType::AAAA { UNIT / 3 } else { Duration::ZERO };
        [vec![Act::Wait(late)], send(&zone.answer(asked.response.clone()))].concat()
    });
    let mut source = source(&[server.addr()]).timeout(LONG).unwrap();
    let weights = |answer: &Answer| answer.endpoints.iter().map(|e| e.weight).sum::<u32>();
    let first = source.lookup().await.unwrap();
    assert_eq!(shown(&first), FOUND);
    until(&mut source, |answer| answer.endpoints.len() == 2).await;
    let asked = server.asked();
    let both = source.lookup().await.unwrap();
    assert_eq!(shown(&both), ["a.t 127.0.0.1:80", "a.t [::1]:80"]);
    assert_eq!((weights(&first), weights(&both)), (1, 2), "the target's weight, in halves");
    assert_eq!(server.asked(), asked + 3, "all is asked for again by who looks so early");
}

#[tokio::test]
async fn slow_answers() {
    for (millis, units) in [(200, 0), (1500, 1), (3000, 3)] {
        let delay = Duration::from_millis(millis);
        let slow =
            Hostile::start(move |asked| [vec![Act::Wait(delay)], good_answer(asked)].concat());
        let other = good();
        let (answer, took) = timed(&mut source(&[slow.addr(), other.addr()])).await;
        assert_eq!(shown(&answer), FOUND);
        // What is slower than the time-out is silent: once, for the records.
        assert!(took < UNIT * units.min(1) + AT_ONCE, "{took:?} at {delay:?}");
        let asked = slow.asked() + other.asked();
        assert!(asked <= 2 * 3 * MOST, "{asked} questions at {delay:?}");
    }
}

/// A service of so many targets, each answer of which takes this long.
fn targets(count: usize, delay: Duration) -> Hostile {
    let mut zone = String::new();
    for i in 0..count {
        let [high, low] = u16::try_from(i).unwrap().to_be_bytes();
        writeln!(zone, "{SERVICE} 60 SRV 0 1 80 h{i}.t\nh{i}.t 60 A 127.1.{high}.{low}").unwrap();
    }
    let zone = Zone::new(&zone);
    Hostile::start(move |asked| {
        [vec![Act::Wait(delay)], send(&zone.answer(asked.response.clone()))].concat()
    })
}

#[tokio::test]
async fn many_targets_without_addresses_along() {
    for (count, millis) in [(1, 0), (1, 200), (20, 0), (20, 200), (100, 0), (100, 200), (1000, 0)] {
        let delay = Duration::from_millis(millis);
        let server = targets(count, delay);
        let mut source = source(&[server.addr()]).timeout(LONG).unwrap();
        let (first, took) = timed(&mut source).await;
        assert!(took < AT_ONCE + delay * 2, "{took:?} with {count} targets at {delay:?}");
        println!("{count} targets, {delay:?} each: {} at {took:?}", first.endpoints.len());
        if first.endpoints.len() < count {
            until(&mut source, |answer| answer.endpoints.len() == count).await;
        }
        let per_target = server.count(|asked| asked.kind != RecordType::SRV);
        assert!(per_target <= 2 * count, "{per_target} questions for {count} targets");
    }
}

#[tokio::test]
async fn a_thousand_slow_targets() {
    let server = targets(1000, Duration::from_millis(200));
    let mut source = source(&[server.addr()]).timeout(LONG).unwrap();
    let (first, took) = timed(&mut source).await;
    assert!(took < AT_ONCE * 2 && !first.endpoints.is_empty(), "{took:?}");
    let begun = Instant::now();
    let lookups = until(&mut source, |answer| answer.endpoints.len() == 1000).await;
    // 1,000 questions of a kind, 32 at a time, are 6.3 s; a busy machine takes longer.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!((2..100).contains(&lookups), "news come together: {lookups} lookups");
    println!("1000 targets, 200 ms each: all at {:?}, {lookups} lookups", begun.elapsed());
}

#[tokio::test]
async fn many_targets_and_aaaa_never_answered() {
    for count in [20, 100] {
        let mut zone = String::new();
        for i in 0..count {
            writeln!(zone, "{SERVICE} 60 SRV 0 1 80 h{i}.t\nh{i}.t 60 A 127.1.0.{i}").unwrap();
        }
        let zone = Zone::new(&zone);
        let server = Hostile::start(move |asked| match asked.kind {
            RecordType::AAAA => Vec::new(),
            _ => send(&zone.answer(asked.response.clone())),
        });
        let mut source = source(&[server.addr()]).timeout(LONG).unwrap();
        let (first, took) = timed(&mut source).await;
        assert!(took < AT_ONCE, "{took:?}");
        let begun = Instant::now();
        if first.endpoints.len() < count {
            until(&mut source, |answer| answer.endpoints.len() == count).await;
        }
        assert!(begun.elapsed() < LONG, "all addresses within one time-out");
    }
}

#[tokio::test]
async fn the_first_server_is_dead() {
    let (good, closed) = (good(), bind_both().0.local_addr().unwrap());
    // Takes questions and connections, and says nothing.
    let silent = bind_both();
    for (dead, units) in [(closed, 0), (silent.0.local_addr().unwrap(), 1)] {
        let mut source = source(&[dead, good.addr()]);
        let (answer, took) = timed(&mut source).await;
        assert_eq!(shown(&answer), FOUND);
        assert!(took < UNIT * units + AT_ONCE, "{took:?}");
        let (_, took) = timed(&mut source).await;
        assert!(took < AT_ONCE, "{took:?} once it is known to be dead");
    }
}

/// What was known stays until it is known that the new hosts have addresses.
#[tokio::test]
async fn nothing_is_removed_while_the_new_targets_are_looked_up() {
    let renamed = Arc::new(AtomicBool::new(false));
    let is_renamed = renamed.clone();
    let script = move |asked: &Asked| {
        let hosts =
            if is_renamed.load(Ordering::Relaxed) { ["n1.t", "n2.t"] } else { ["o1.t", "o2.t"] };
        let mut zone = String::new();
        for (host, i) in hosts.iter().zip(1..) {
            writeln!(zone, "{SERVICE} 0 SRV 0 1 80 {host}\n{host} 60 A 127.0.0.{i}").unwrap();
        }
        let late = if asked.name == "n2.t." { UNIT / 2 } else { Duration::ZERO };
        let answer = send(&Zone::new(&zone).answer(asked.response.clone()));
        [vec![Act::Wait(late)], answer].concat()
    };
    let server = Hostile::start(script);
    let mut source = source(&[server.addr()]).timeout(LONG).unwrap();
    let old = ["o1.t 127.0.0.1:80", "o2.t 127.0.0.2:80"];
    assert_eq!(shown(&source.lookup().await.unwrap()), old);
    renamed.store(true, Ordering::Relaxed);
    let between = source.lookup().await.unwrap();
    assert_eq!(shown(&between), ["n1.t 127.0.0.1:80", old[0], old[1]]);
    let new = ["n1.t 127.0.0.1:80", "n2.t 127.0.0.2:80"];
    until(&mut source, |answer| shown(answer) == new).await;
}

/// A target whose name no server answers is asked for again and again; that keeps nothing else.
#[tokio::test]
async fn a_target_that_never_resolves_keeps_no_endpoint_that_left() {
    let left = Arc::new(AtomicBool::new(false));
    let has_left = left.clone();
    let server = Hostile::start(move |asked: &Asked| {
        if asked.name == "dead.t." {
            return Vec::new();
        }
        let hosts: &[_] = if has_left.load(Ordering::Relaxed) {
            &["a.t", "dead.t"]
        } else {
            &["a.t", "b.t", "dead.t"]
        };
        let mut zone = String::new();
        for host in hosts {
            writeln!(zone, "{SERVICE} 1 SRV 0 1 80 {host}").unwrap();
        }
        writeln!(zone, "a.t 60 A 127.0.0.1\nb.t 60 A 127.0.0.2").unwrap();
        send(&Zone::new(&zone).answer(asked.response.clone()))
    });
    // A question for the dead one takes longer than the least time between two lookups.
    let poller = PollerConfig { min: UNIT / 4, ..PollerConfig::default() };
    let mut source = source(&[server.addr()]).timeout(UNIT / 2).unwrap().poller(poller);
    let both = ["a.t 127.0.0.1:80", "b.t 127.0.0.2:80"];
    assert_eq!(shown(&source.lookup().await.unwrap()), both);
    left.store(true, Ordering::Relaxed);
    until(&mut source, |answer| shown(answer) == both[..1]).await;
}
