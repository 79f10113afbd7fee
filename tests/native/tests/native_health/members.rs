use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::io;
use std::sync::Arc;

use evenkeel::health::Health;
use evenkeel::{Balancer, Candidacy, Config, Fixed, Outcome, Target, Why};
use tokio::sync::broadcast::error::TryRecvError;

use crate::{BASE, Bed, MS, ROWS, SECOND, all, ended, pass, settle};

fn at(name: &str) -> Target {
    Target::new(name, 80).unwrap()
}

#[tokio::test(start_paused = true)]
async fn all_endpoints_are_listed_with_what_is_known_of_them() {
    let mut endpoints = all("abcdef");
    endpoints[0] = endpoints[0].clone().with_draining(true);
    endpoints[2].weight = 3;
    endpoints[3].weight = 0;
    endpoints[4].priority = 1;
    let bed = Bed::by("least_request", endpoints, ROWS).await;
    bed.eject("b").await;
    let held = bed.pick_of("c").lease();

    let statuses = bed.balancer.endpoints();
    let seen: Vec<_> =
        statuses.iter().map(|s| (s.target.host(), s.candidacy, s.weight, s.in_flight)).collect();
    let expected = [
        ("a", Candidacy::Draining, 0, 0),
        ("b", Candidacy::Unhealthy, 0, 0),
        ("c", Candidacy::Candidate, 3, 1),
        ("d", Candidacy::NoWeight, 0, 0),
        ("e", Candidacy::Priority, 0, 0),
        ("f", Candidacy::Candidate, 1, 0),
    ]
    .map(|(name, candidacy, weight, in_flight)| (name, Some(candidacy), weight, in_flight));
    assert_eq!(seen, expected);
    assert!(statuses.iter().all(|status| status.candidate == (status.weight > 0)));
    assert_eq!((statuses[1].failures, statuses[2].failures), (5, 0));
    assert!(matches!(statuses[1].health, Health::Ejected { .. }));
    assert_eq!(statuses[0].latency, None);
    held.success();
}

#[tokio::test(start_paused = true)]
async fn answer_times_are_listed() {
    let bed = Bed::by("peak_ewma", all("a"), Config::default()).await;
    let (fast, slow) = (bed.pick().lease(), bed.pick().lease());
    assert_eq!((bed.status("a").latency, bed.status("a").in_flight), (None, 2));
    pass(MS * 20).await;
    fast.success();
    assert_eq!(bed.status("a").latency, Some(MS * 20));
    pass(MS * 30).await;
    slow.success();
    assert_eq!(bed.status("a").latency, Some(MS * 50));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_a_client_is_listed_too_and_may_be_down_before_it_has_one() {
    let broken = Arc::new(AtomicBool::new(true));
    let factory = {
        let broken = Arc::clone(&broken);
        move |target: Target| {
            let fails = target.host() == "b" && broken.load(SeqCst);
            core::future::ready(if fails {
                Err(io::Error::other("no route"))
            } else {
                Ok(target.host().to_owned())
            })
        }
    };
    let balancer =
        Balancer::builder(Fixed::new(["a:80", "b:80", "c:80"]).unwrap()).build(factory).unwrap();
    balancer.ready().await;
    let candidacies =
        || balancer.endpoints().iter().map(|status| status.candidacy).collect::<Vec<_>>();
    let candidate = Some(Candidacy::Candidate);
    assert_eq!(candidacies(), [candidate, None, candidate]);
    balancer.set_down(&at("b"), true);
    balancer.set_down(&at("c"), true);
    balancer.set_down(&at("z"), true);
    broken.store(false, SeqCst);
    pass(SECOND).await;
    assert_eq!(candidacies(), [candidate, Some(Candidacy::Unhealthy), Some(Candidacy::Unhealthy)]);
    assert_eq!(balancer.endpoints()[1].health, Health::Down);
    balancer.set_down(&at("b"), false);
    settle().await;
    assert_eq!(candidacies(), [candidate, candidate, Some(Candidacy::Unhealthy)]);
}

#[tokio::test(start_paused = true)]
async fn what_active_checks_find_takes_effect_at_once() {
    let mut bed = Bed::new("abc", ROWS).await;
    bed.balancer.set_down(&at("b"), true);
    bed.balancer.set_down(&at("b"), true);
    settle().await;
    assert_eq!((bed.picked().as_str(), bed.health("b")), ("ac", Health::Down));
    bed.balancer.set_down(&at("b"), false);
    settle().await;
    assert_eq!(bed.picked(), "abc");
    assert_eq!(bed.told_briefly(), ["b down", "b back"]);

    // Good news open an ejected endpoint to a probe, and nothing is left of its failures then.
    bed.eject("b").await;
    bed.balancer.set_down(&at("b"), false);
    settle().await;
    assert_eq!(bed.health("b"), Health::HalfOpen);
    assert_eq!(ended(bed.pick(), Outcome::Success), ("b".to_owned(), Why::Probe));
    settle().await;
    bed.report("b", Outcome::Failure, 4).await;
    assert_eq!(bed.picked(), "abc");

    // Bad news leave with their endpoint.
    bed.balancer.set_down(&at("b"), true);
    settle().await;
    bed.becomes(all("ac")).await;
    bed.becomes(all("abc")).await;
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn where_the_settings_say_so_good_news_bring_an_ejected_endpoint_back() {
    let bed = Bed::new("abc", Config { check_readmits: true, ..ROWS }).await;
    // What was reported before good news does not outlive them, whatever the task looks at first.
    for _ in 0..20 {
        (0..5).for_each(|_| bed.pick_of("b").failure());
        bed.balancer.set_down(&at("b"), false);
        pass(MS).await;
        assert_eq!(bed.picked(), "abc");
    }
    bed.eject("b").await;
    bed.balancer.set_down(&at("b"), false);
    settle().await;
    bed.report("b", Outcome::Failure, 4).await;
    assert_eq!(bed.picked(), "abc", "nothing is left of its failures");
}

#[tokio::test(start_paused = true)]
async fn an_ejected_endpoint_that_leaves_takes_its_past_along() {
    let mut bed = Bed::new("abc", ROWS).await;
    let held: Vec<_> = (0..20).map(|_| bed.pick_of("b").lease()).collect();
    bed.eject("b").await;
    bed.becomes(all("acd")).await;
    assert_eq!(bed.picked(), "acd", "d, maybe in b's slot, is new");
    for lease in held {
        lease.failure();
    }
    settle().await;
    assert_eq!(bed.picked(), "acd", "the end of b's requests is not d's");
    assert_eq!(bed.status("d").failures, 0);
    bed.becomes(all("abcd")).await;
    assert_eq!((bed.picked().as_str(), bed.status("b").failures), ("abcd", 0));
    pass(BASE * 2).await;
    assert_eq!(bed.told_briefly(), ["b ejected", "b-", "d+", "b+"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_lags_is_told_what_it_missed() {
    let bed = Bed::new("abc", ROWS).await;
    let mut events = bed.balancer.events();
    for _ in 0..600 {
        bed.balancer.set_down(&at("b"), true);
        settle().await;
        bed.balancer.set_down(&at("b"), false);
        settle().await;
    }
    assert!(matches!(events.try_recv(), Err(TryRecvError::Lagged(176))));
    assert_eq!(events.len(), 1024);
    let event = events.try_recv().unwrap();
    assert_eq!(event.to_string(), "b:80: down");
}
