//! Reports from many threads at once, on a clock that runs.

use core::time::Duration;

use evenkeel::{Config, EventKind, Outcome, Why};
use tokio::time::timeout;

use crate::{Bed, MS, ROWS, SECOND, all};

const DEADLINE: Duration = Duration::from_secs(20);
const THREADS: usize = 4;

/// The same on several threads at once, none of them the runtime's.
fn on_threads(work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
}

/// Waits until the balancer tells this of the endpoint.
async fn until_told(bed: &mut Bed, name: &str, is: impl Fn(EventKind) -> bool) {
    let told = async {
        loop {
            let event = bed.events.recv().await.unwrap();
            if event.target.is_some_and(|target| target.host() == name) && is(event.kind) {
                return;
            }
        }
    };
    timeout(DEADLINE, told).await.expect("it is told in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reports_what_fails_is_ejected_and_nothing_else() {
    let mut bed = Bed::new("abcdef", ROWS).await;
    tokio::task::block_in_place(|| {
        on_threads(|_| {
            for _ in 0..2_000 {
                let pick = bed.pick();
                if pick.with(|client| client == "c") { pick.failure() } else { pick.success() }
            }
        });
    });
    until_told(&mut bed, "c", |kind| matches!(kind, EventKind::Ejected { .. })).await;
    let others = bed.balancer.endpoints().iter().filter(|status| status.failures > 0).count();
    assert_eq!(others, 1);
    assert_eq!(bed.balancer.endpoints().iter().filter(|status| status.candidate).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_is_counted_once() {
    let settings = Config { consecutive_failures: 0, ..Config::ENVOY };
    let bed = Bed::by("least_request", all("abc"), settings).await;
    tokio::task::block_in_place(|| {
        on_threads(|thread| {
            for request in 0..3_000 {
                bed.pick().lease().report(match (request + thread) % 3 {
                    0 => Outcome::Failure,
                    1 => Outcome::Abandoned,
                    _ => Outcome::Success,
                });
            }
        });
    });
    let statuses = bed.balancer.endpoints();
    let failures: u32 = statuses.iter().map(|status| status.failures).sum();
    let successes: u32 = statuses.iter().map(|status| status.successes.unwrap()).sum();
    let each = (THREADS * 1_000) as u32;
    assert_eq!(
        (failures, successes, statuses.iter().map(|status| status.in_flight).sum::<u32>()),
        (each, each, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_threads_one_pick_is_the_probe() {
    let short = Config {
        base_ejection_time: MS,
        max_ejection_time: MS,
        probe_timeout: SECOND * 3600,
        ..ROWS
    };
    let mut bed = Bed::new("abc", short).await;
    for _ in 0..20 {
        (0..5).for_each(|_| bed.pick_of("b").failure());
        until_told(&mut bed, "b", |kind| matches!(kind, EventKind::Ejected { .. })).await;
        let probes = std::sync::Mutex::new(Vec::new());
        let half_open = async {
            while bed.health("b") != evenkeel::health::Health::HalfOpen {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, half_open).await.expect("its time is over soon");
        tokio::task::block_in_place(|| {
            on_threads(|_| {
                for _ in 0..100 {
                    let lease = bed.pick().lease();
                    if lease.why() == Why::Probe {
                        probes.lock().unwrap().push(lease);
                    } else {
                        lease.success();
                    }
                }
            });
        });
        let probes = probes.into_inner().unwrap();
        assert_eq!(probes.len(), 1);
        probes.into_iter().for_each(evenkeel::Lease::success);
        until_told(&mut bed, "b", |kind| kind == EventKind::Readmitted).await;
    }
}

/// Endpoints fail, come and go while threads report; the balancer goes on, and its books are right
/// in the end.
#[tokio::test(flavor = "multi_thread")]
async fn reports_of_endpoints_that_come_and_go() {
    let all_of_them =
        Config { base_ejection_time: MS, max_ejection_time: MS * 4, ..Config::DEFAULT };
    let bed = Bed::by("least_request", all("abc"), all_of_them).await;
    tokio::task::block_in_place(|| {
        let handle = tokio::runtime::Handle::current();
        on_threads(|thread| {
            if thread == 0 {
                for names in ["abd", "ace", "bcd", "abc"].iter().cycle().take(40) {
                    handle.block_on(bed.becomes(all(names)));
                }
                return;
            }
            for request in 0..20_000 {
                let Ok(pick) = bed.balancer.pick() else { continue };
                pick.lease().report(match request % 7 {
                    0..5 => Outcome::Failure,
                    5 => Outcome::Overloaded { retry_after: Some(MS) },
                    _ => Outcome::Success,
                });
            }
        });
    });
    assert!(bed.balancer.endpoints().iter().all(|status| status.in_flight == 0));
    // All come back, as soon as their requests succeed again.
    let well = async {
        while bed
            .balancer
            .endpoints()
            .iter()
            .any(|status| status.health != evenkeel::health::Health::Healthy)
        {
            if let Ok(pick) = bed.balancer.pick() {
                pick.success();
            }
            tokio::time::sleep(MS).await;
        }
    };
    let waited = timeout(DEADLINE, well).await;
    assert!(waited.is_ok(), "they come back: {:?}", bed.balancer.endpoints());
}
