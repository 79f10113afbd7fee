use evenkeel::health::{Health, Reason};
use evenkeel::{Attempt, Config, Lease, Outcome, Retry, Why};

use crate::{BASE, Bed, MS, ROWS, SECOND, all, ended, pass, settle};

fn probe() -> (String, Why) {
    ("b".to_owned(), Why::Probe)
}

/// b is half-open.
async fn bed() -> Bed {
    let bed = Bed::new("abc", ROWS).await;
    let time = bed.eject("b").await;
    pass(time.saturating_sub(MS * 2)).await;
    assert_eq!(bed.picked(), "ac");
    pass(MS * 4).await;
    assert_eq!((bed.health("b"), bed.status("b").candidate), (Health::HalfOpen, false));
    bed
}

fn leases(bed: &Bed, count: usize) -> Vec<Lease<String>> {
    (0..count).map(|_| bed.pick().lease()).collect()
}

#[tokio::test(start_paused = true)]
async fn one_request_probes_and_its_success_brings_the_endpoint_back() {
    let mut bed = bed().await;
    let held = leases(&bed, 100);
    let probes: Vec<_> = held.iter().filter(|lease| lease.why() == Why::Probe).collect();
    assert_eq!((probes.len(), held.iter().filter(|lease| lease.as_str() == "b").count()), (1, 1));
    settle().await;
    assert!(matches!(bed.health("b"), Health::Probing { .. }));
    pass(SECOND).await;
    held.into_iter().for_each(Lease::success);
    settle().await;
    assert_eq!((bed.health("b"), bed.picked().as_str()), (Health::Healthy, "abc"));
    assert_eq!(bed.told_briefly(), ["b ejected", "b half open", "b probing", "b back"]);
    let counts = bed.balancer.event_counts();
    let told: Vec<_> = counts.iter().filter(|(.., times)| *times > 0).collect();
    let expected = [
        ("added", "", 3),
        ("ejected", "consecutive_failures", 1),
        ("half_open", "", 1),
        ("probing", "", 1),
        ("readmitted", "", 1),
    ];
    assert_eq!(told, expected);
    // The failures of before are forgotten.
    bed.report("b", Outcome::Failure, 4).await;
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_ends_before_the_task_runs_decides_as_well() {
    let mut bed = bed().await;
    assert_eq!(ended(bed.pick(), Outcome::Success), probe());
    settle().await;
    assert_eq!(bed.picked(), "abc");
    assert_eq!(bed.told_briefly(), ["b ejected", "b half open", "b probing", "b back"]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_ejects_for_longer() {
    let bed = bed().await;
    assert_eq!(ended(bed.pick(), Outcome::Failure), probe());
    settle().await;
    let Health::Ejected { reason: Reason::ProbeFailed, until } = bed.health("b") else { panic!() };
    let time = until.saturating_since(bed.balancer.now());
    // 13/8 of the base, less up to half of it.
    assert!(time > BASE * 13 / 16 && time <= BASE * 13 / 8, "{time:?}");
    assert_eq!(bed.picked(), "ac");
    pass(time + MS).await;
    assert_eq!(ended(bed.pick(), Outcome::Success), probe());
    settle().await;
    assert_eq!(bed.picked(), "abc");
}

/// It is no verdict: as long again as before, at any number.
#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_leaves_the_decision_to_the_next() {
    let bed = bed().await;
    let ejected_again = || {
        let Health::Ejected { reason: Reason::ProbeCanceled, until } = bed.health("b") else {
            panic!("{:?}", bed.health("b"))
        };
        let time = until.saturating_since(bed.balancer.now());
        assert!(time >= BASE / 2 && time <= BASE, "{time:?}");
        time
    };
    // A pick that becomes a lease is not given up by that.
    let lease = bed.pick().lease();
    settle().await;
    assert!(matches!(bed.health("b"), Health::Probing { .. }));
    drop(lease);
    settle().await;
    pass(ejected_again() + MS).await;
    // The task learns of the start and the end at once.
    for _ in 0..3 {
        assert_eq!(bed.health("b"), Health::HalfOpen);
        assert_eq!(ended(bed.pick(), Outcome::Abandoned), probe());
        assert_ne!(ended(bed.pick(), Outcome::Success), probe(), "until the task has run");
        settle().await;
        assert_eq!(bed.picked(), "ac");
        pass(ejected_again() + MS).await;
    }
    assert_eq!(ended(bed.pick(), Outcome::Success), probe());
    settle().await;
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_request_is_at_fault_has_been_answered() {
    let bed = bed().await;
    assert_eq!(ended(bed.pick(), Outcome::Ignorable), probe());
    settle().await;
    assert_eq!((bed.health("b"), bed.picked().as_str()), (Health::Healthy, "abc"));
}

/// An outage seldom ends for one.
#[tokio::test(start_paused = true)]
async fn a_probe_that_succeeds_opens_the_others_of_its_level() {
    let bed = Bed::new("abcdef", ROWS).await;
    let time = bed.eject("b").await;
    pass(time.saturating_sub(MS * 2)).await;
    bed.eject("d").await;
    bed.eject("f").await;
    pass(MS * 4).await;
    let healths = ["b", "d", "f"].map(|name| bed.health(name).name());
    assert_eq!(healths, ["half_open", "ejected", "ejected"]);
    let first = ended(bed.pick(), Outcome::Success);
    assert_eq!(first, probe());
    settle().await;
    let mut probed: Vec<_> = (0..2).map(|_| ended(bed.pick(), Outcome::Success)).collect();
    probed.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(probed, [("d".to_owned(), Why::Probe), ("f".to_owned(), Why::Probe)]);
    settle().await;
    assert_eq!(bed.picked(), "abcdef");
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_an_answer_has_failed() {
    let bed = bed().await;
    let lost = bed.pick().lease();
    assert_eq!(lost.why(), Why::Probe);
    pass(ROWS.probe_timeout.saturating_sub(SECOND)).await;
    assert!(matches!(bed.health("b"), Health::Probing { .. }));
    pass(SECOND * 2).await;
    let Health::Ejected { reason: Reason::ProbeTimedOut, until } = bed.health("b") else {
        panic!()
    };
    lost.success();
    settle().await;
    assert!(matches!(bed.health("b"), Health::Ejected { .. }), "it came too late to decide");
    pass(until.saturating_since(bed.balancer.now()) + MS).await;
    assert_eq!(bed.health("b"), Health::HalfOpen);
    assert_eq!(ended(bed.pick(), Outcome::Success), probe());
    settle().await;
    assert_eq!(bed.health("b"), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_no_probe() {
    let bed = Bed::new("abc", ROWS).await;
    bed.eject("b").await;
    let mut tried = Vec::new();
    let attempt = |client: Attempt<String>| {
        tried.push(client.clone());
        // b becomes half-open during the first attempt.
        async {
            pass(BASE).await;
            Err::<(), _>("down")
        }
    };
    bed.balancer.call(&Retry::attempts(2).unwrap(), attempt).await.unwrap_err();
    assert_eq!(bed.health("b"), Health::HalfOpen);
    tried.sort();
    assert_eq!(tried, ["a", "c"]);

    // A first attempt is one.
    let mut tried = Vec::new();
    let attempt = |client: Attempt<String>| {
        tried.push(client.clone());
        core::future::ready(if *client == "b" { Err("down") } else { Ok(()) })
    };
    bed.balancer.call(&Retry::attempts(2).unwrap(), attempt).await.unwrap();
    assert_eq!((tried.len(), tried[0].as_str()), (2, "b"));
    let Health::Ejected { reason: Reason::ProbeFailed, .. } = bed.health("b") else { panic!() };
}

#[tokio::test(start_paused = true)]
async fn each_half_open_endpoint_has_a_probe_of_its_own() {
    let bed = Bed::new("abcdef", ROWS).await;
    for name in ["b", "d", "f"] {
        bed.eject(name).await;
    }
    assert_eq!(bed.picked(), "ace");
    pass(BASE).await;
    let held = leases(&bed, 50);
    let mut probes: Vec<_> =
        held.iter().filter(|lease| lease.why() == Why::Probe).map(|lease| &***lease).collect();
    probes.sort_unstable();
    assert_eq!(probes, ["b", "d", "f"]);
    held.into_iter().for_each(Lease::success);
    settle().await;
    assert_eq!(bed.picked(), "abcdef");
}

#[tokio::test(start_paused = true)]
async fn without_requests_nothing_comes_back() {
    let mut bed = bed().await;
    pass(SECOND * 100_000).await;
    assert_eq!((bed.health("b"), bed.told_briefly().len()), (Health::HalfOpen, 2));
    assert_eq!(ended(bed.pick(), Outcome::Success), probe());
    settle().await;
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_half_open_endpoint_that_leaves_is_not_probed() {
    let bed = bed().await;
    bed.becomes(all("ac")).await;
    assert_eq!(bed.picked(), "ac");
    bed.becomes(all("abc")).await;
    assert_eq!((bed.health("b"), bed.picked().as_str()), (Health::Healthy, "abc"));
}

#[tokio::test(start_paused = true)]
async fn the_rotation_goes_on_beside_a_probe() {
    let bed = bed().await;
    let before = ended(bed.pick_of("a"), Outcome::Success);
    assert_eq!(before.0, "a");
    let names: Vec<_> = leases(&bed, 4).iter().map(|lease| lease.to_string()).collect();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn without_half_open_an_endpoint_just_comes_back() {
    let mut bed = Bed::new("abc", Config { half_open: false, ..ROWS }).await;
    let time = bed.eject("b").await;
    pass(time + MS).await;
    assert_eq!(bed.picked(), "abc");
    assert_eq!(bed.told_briefly(), ["b ejected", "b back"]);
}
