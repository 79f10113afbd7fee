use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::ScopedJoinHandle;

use evenkeel::{AnyPolicy, Attempt, Config, Lease, Outcome, Retry};

use crate::{Bed, Text, all, counted, expect, pass, refreshed};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Bed {
    fn in_flight(&self) -> Vec<u32> {
        self.balancer.endpoints().iter().map(|status| status.in_flight).collect()
    }

    /// Requests to everyone, answered after these times; failures where there is none.
    async fn learn<const N: usize>(&self, answers: [(&str, Option<u64>); N]) {
        let mut leases = Vec::new();
        while answers
            .iter()
            .any(|(name, _)| !leases.iter().any(|lease: &Lease<String>| **lease == *name))
        {
            leases.push(self.balancer.pick().unwrap().lease());
        }
        let mut passed = 0;
        for (name, answer) in answers {
            pass(millis(answer.map_or(0, |time| time - passed))).await;
            passed = answer.unwrap_or(passed);
            let outcome = if answer.is_some() { Outcome::Success } else { Outcome::Failure };
            leases.extract_if(.., |lease| **lease == name).for_each(|lease| lease.report(outcome));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn least_request_avoids_the_busy() {
    for policy in ["least_request", "least_request(full_scan)"] {
        let bed = Bed::new(policy, Config::default(), all("abc")).await;
        let busy = bed.balancer.pick().unwrap().lease();
        assert_eq!(bed.in_flight().iter().sum::<u32>(), 1);
        for _ in 0..100 {
            assert_ne!(bed.next(), *busy, "{policy}");
        }
        let name = busy.to_owned();
        busy.report(Outcome::Abandoned);
        assert_eq!(bed.in_flight(), [0, 0, 0]);
        assert!((0..100).any(|_| bed.next() == name), "{policy}: idle again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_with_requests_in_flight_goes_to_no_other_endpoint() {
    for policy in ["least_request", "peak_ewma"] {
        let bed = Bed::new(policy, Config::default(), all("a")).await;
        let held = [bed.balancer.pick().unwrap().lease(), bed.balancer.pick().unwrap().lease()];
        bed.becomes(all("b")).await;
        assert_eq!(bed.in_flight(), [0], "{policy}: b's own");
        let lease = bed.balancer.pick().unwrap().lease();
        drop(held);
        assert_eq!(bed.in_flight(), [1], "{policy}: the end of a's requests is not b's");
        lease.success();
        assert_eq!(bed.in_flight(), [0], "{policy}");
        bed.becomes(all("a")).await;
        assert_eq!(bed.in_flight(), [0], "{policy}: a begins anew");
    }
}

#[tokio::test(start_paused = true)]
async fn peak_ewma_learns_from_answers_and_failures() {
    let bed = Bed::new("peak_ewma", Config::default(), all("abc")).await;
    bed.learn([("c", None), ("a", Some(10)), ("b", Some(100))]).await;
    let shares = bed.shares(300);
    // Of two drawn at random, c (which failed at once) loses to both, and b to a.
    assert_eq!((shares.get("c"), shares["a"] + shares["b"]), (None, 300), "{shares:?}");
    assert!(shares["a"].abs_diff(200) < 40, "{shares:?}");

    let bed = Bed::new("peak_ewma(full_scan)", Config::default(), all("abc")).await;
    bed.learn([("c", None), ("a", Some(10)), ("b", Some(100))]).await;
    assert_eq!(bed.shares(300), expect([("a", 300)]));
}

#[tokio::test(start_paused = true)]
async fn peak_ewma_tries_a_new_endpoint_with_one_request() {
    let bed = Bed::new("peak_ewma(full_scan)", Config::default(), all("ab")).await;
    bed.learn([("a", Some(10)), ("b", Some(20))]).await;
    bed.becomes(all("abc")).await;
    let probe = bed.balancer.pick().unwrap().lease();
    assert_eq!(*probe, "c");
    let others: Vec<_> = (0..50).map(|_| bed.balancer.pick().unwrap().lease()).collect();
    assert!(others.iter().all(|lease| **lease != *"c"), "until it has answered");
    pass(millis(5)).await;
    probe.success();
    assert_eq!(bed.next(), "c", "5 ms, and nothing else in flight");
}

#[tokio::test(start_paused = true)]
async fn peak_ewma_knows_nothing_of_an_endpoint_in_the_slot_of_another() {
    let bed = Bed::new("peak_ewma(full_scan)", Config::default(), all("ab")).await;
    bed.learn([("a", Some(10)), ("b", Some(100))]).await;
    bed.becomes(all("ac")).await;
    let probe = bed.balancer.pick().unwrap().lease();
    assert_eq!((probe.as_str(), bed.next().as_str()), ("c", "a"));
    probe.success();
}

/// Requests that are at fault are refused by a in 1 ms; the others take 40 ms. How long they take
/// is lent to a, which never answered otherwise.
#[tokio::test(start_paused = true)]
async fn peak_ewma_sends_no_more_to_one_that_refuses_at_once() {
    for tasks in [1, 16, 64] {
        let bed = Bed::new("peak_ewma", Config::default(), all("abcd")).await;
        let picked = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
        let ask = |balancer: Text<AnyPolicy>, picked: Arc<Mutex<BTreeMap<String, u32>>>| async move {
            for _ in 0..20_000 / tasks {
                let lease = balancer.pick().unwrap().lease();
                let refuses = *lease == "a";
                pass(millis(if refuses { 1 } else { 40 })).await;
                *picked.lock().unwrap().entry(lease.clone()).or_default() += 1;
                lease.report(if refuses { Outcome::Ignorable } else { Outcome::Success });
            }
        };
        let asking: Vec<_> = (0..tasks)
            .map(|_| tokio::spawn(ask(bed.balancer.clone(), Arc::clone(&picked))))
            .collect();
        for task in asking {
            task.await.unwrap();
        }
        let picked = picked.lock().unwrap();
        let total: u32 = picked.values().sum();
        let near = |&count: &u32| (f64::from(count) / f64::from(total) - 0.25).abs() < 0.05;
        assert!(picked.values().all(near), "{tasks}: {picked:?}");
        assert_eq!(bed.in_flight(), [0; 4]);
    }
}

#[tokio::test(start_paused = true)]
async fn peak_ewma_forgets_what_was_long_ago() {
    let bed = Bed::new("peak_ewma(full_scan)", Config::default(), all("ab")).await;
    bed.learn([("b", None), ("a", Some(2))]).await;
    assert_eq!(bed.shares(50), expect([("a", 50)]));
    // 200 ms sink below the floor of 1 ms within 5.3 τ.
    pass(Duration::from_secs(54)).await;
    assert_eq!(bed.shares(50).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn peak_ewma_sends_calls_away_from_the_slow_and_the_failing() {
    let bed = Bed::new("peak_ewma", Config::default(), all("abcd")).await;
    let retry = Retry::attempts(2).unwrap();
    let attempt = async |client: Attempt<String>| {
        pass(millis(match client.as_str() {
            "c" => 150,
            "d" => 0,
            _ => 5,
        }))
        .await;
        if *client == "d" { Err(io::Error::other("down")) } else { Ok(client.clone()) }
    };
    let mut answers = Vec::new();
    for _ in 0..400 {
        answers.push(bed.balancer.call(&retry, attempt).await.unwrap());
    }
    let shares = counted(answers.into_iter());
    let failures: u32 = bed.balancer.endpoints().iter().map(|status| status.failures).sum();
    assert!(shares["a"] + shares["b"] > 300, "{shares:?}");
    assert!(failures < 20, "{failures}");
}

/// Endpoints come and go while threads pick; no request in flight is lost or counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn counts_come_out_even_whatever_changes_meanwhile() {
    for policy in ["least_request", "peak_ewma"] {
        let bed = Bed::new(policy, Config::default(), all("abc")).await;
        let picking = || {
            let mut held = VecDeque::new();
            for _ in 0..50_000 {
                held.push_back(bed.balancer.pick().unwrap().lease());
                if held.len() > 5 {
                    held.pop_front().unwrap().success();
                }
            }
        };
        let mut changes = 0;
        std::thread::scope(|scope| {
            let threads = [scope.spawn(picking), scope.spawn(picking)];
            let changing = async {
                while !threads.iter().all(ScopedJoinHandle::is_finished) {
                    let (names, hosts) =
                        [("abd", ["a", "b", "d"]), ("ace", ["a", "c", "e"])][changes % 2];
                    bed.says(all(names));
                    refreshed(&bed.balancer, &hosts).await;
                    changes += 1;
                }
            };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(changing));
        });
        assert!(changes > 0);
        assert_eq!(bed.in_flight(), [0, 0, 0], "{policy}");
    }
}
