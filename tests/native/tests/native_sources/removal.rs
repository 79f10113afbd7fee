//! Endpoints that a source does not name any more: when they are let go.

use core::convert::Infallible;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::health::Health;
use evenkeel::{
    Balancer, Change, Config, Empty, Endpoint, Outcome, Publisher, Removal, SourceHealth, Target,
};
use evenkeel_tests::source::{Says, Script, source};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{Bed, at, becomes, known, status};

const SECOND: Duration = Duration::from_secs(1);

/// A balancer over a source that is asked every 5 s, and how many clients it has made.
fn polled(says: &'static str, removal: Removal) -> (Bed, Script, Arc<AtomicUsize>) {
    let (mut source, script) = source(Says::Endpoints(says));
    source.poller.default = 5 * SECOND;
    source.poller.jitter_percent = 0;
    let made = Arc::new(AtomicUsize::new(0));
    let factory = {
        let made = Arc::clone(&made);
        move |target: Target| {
            made.fetch_add(1, SeqCst);
            async move { Ok::<_, Infallible>(target) }
        }
    };
    (Balancer::builder(source).removal(removal).seed(7).build(factory).unwrap(), script, made)
}

/// The endpoints as discovery tells them, with a mark on those that are drained.
fn told(bed: &Bed) -> String {
    let set = bed.discovered().borrow().clone();
    let told = set.endpoints.iter().map(|endpoint| {
        format!("{}{}", endpoint.addr.host(), if endpoint.draining { "!" } else { "" })
    });
    told.collect::<Vec<_>>().join(" ")
}

/// Those that get requests.
fn picked(bed: &Bed) -> String {
    let mut picked = BTreeMap::new();
    for _ in 0..64 {
        *picked.entry(bed.pick().unwrap().target().host().to_owned()).or_insert(0) += 1;
    }
    picked.into_keys().collect::<Vec<_>>().join(" ")
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn in_its_grace_an_endpoint_is_drained_and_comes_back_as_it_was() {
    let grace = Removal { grace: 12 * SECOND, ..Removal::default() };
    let (bed, script, made) = polled("a:80 b:80", grace);
    bed.ready().await;
    assert_eq!((told(&bed), picked(&bed)), ("a b".into(), "a b".into()));
    script.say(Says::Endpoints("a:80"));
    pass(6).await;
    assert_eq!((told(&bed), picked(&bed)), ("a b!".into(), "a".into()));
    assert_eq!(known(&bed), "a:80");
    script.say(Says::Endpoints("a:80 b:80"));
    pass(5).await;
    assert_eq!((told(&bed), picked(&bed)), ("a b".into(), "a b".into()));
    assert_eq!(made.load(SeqCst), 2, "the client is the same");

    script.say(Says::Endpoints("a:80"));
    pass(5).await;
    assert_eq!(told(&bed), "a b!");
    pass(13).await;
    assert_eq!(told(&bed), "a");
    assert_eq!(bed.endpoints().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn in_its_grace_an_endpoint_keeps_its_health() {
    let (publisher, source) = Publisher::new();
    let bed = Balancer::builder(source)
        .removal(Removal { grace: 60 * SECOND, ..Removal::default() })
        .config(Config { base_ejection_time: 30 * SECOND, ..Config::DEFAULT })
        .seed(7)
        .build(async |target| Ok::<_, Infallible>(target))
        .unwrap();
    let set = || [at("a:80"), at("b:80")];
    publisher.replace(set());
    bed.ready().await;
    while picked(&bed) == "a b" {
        let lease = bed.pick().unwrap().lease();
        let of_b = lease.target().host() == "b";
        lease.report(if of_b { Outcome::Failure } else { Outcome::Success });
        pass(0).await;
    }
    let until = || {
        let all = bed.endpoints();
        let b = all.iter().find(|status| status.endpoint.addr.host() == "b").unwrap();
        match b.health {
            Health::Ejected { until, .. } => until,
            ref other => panic!("b is {other:?}"),
        }
    };
    let ejected = until();
    publisher.replace([at("a:80")]);
    pass(1).await;
    assert_eq!(told(&bed), "a b!");
    publisher.replace(set());
    pass(1).await;
    assert_eq!((told(&bed), picked(&bed)), ("a b".into(), "a".into()));
    assert_eq!(until(), ejected, "not a moment longer or shorter");
}

#[tokio::test(start_paused = true)]
async fn a_grace_of_answers_counts_those_that_follow_each_other() {
    let (bed, script, _) = polled("a:80 b:80", Removal { grace_answers: 2, ..Removal::default() });
    bed.ready().await;
    script.say(Says::Endpoints("a:80"));
    pass(11).await;
    assert_eq!(told(&bed), "a b!", "missing in two answers");
    script.say(Says::Endpoints("a:80 b:80"));
    pass(5).await;
    script.say(Says::Endpoints("a:80"));
    pass(10).await;
    assert_eq!(told(&bed), "a b!", "the count began anew");
    pass(5).await;
    assert_eq!(told(&bed), "a");
}

#[tokio::test(start_paused = true)]
async fn a_grace_does_not_pass_while_discovery_fails() {
    let (bed, script, _) =
        polled("a:80 b:80", Removal { grace: 20 * SECOND, ..Removal::default() });
    bed.ready().await;
    script.say(Says::Endpoints("a:80"));
    pass(6).await;
    script.say(Says::Error("kaputt"));
    pass(600).await;
    assert_eq!(told(&bed), "a b!");
    script.say(Says::Endpoints("a:80"));
    status(&bed, |status| status.error.is_none()).await;
    pass(60).await;
    assert_eq!(told(&bed), "a");
}

#[tokio::test(start_paused = true)]
async fn answers_of_three_out_of_eight_at_random_remove_nobody() {
    for (removal, churn) in
        [(Removal::default(), true), (Removal { grace: 60 * SECOND, ..Removal::default() }, false)]
    {
        let (publisher, source) = Publisher::new();
        let bed = Balancer::builder(source)
            .removal(removal)
            .build(async |target| Ok::<_, Infallible>(target))
            .unwrap();
        let all: Vec<_> = (0..8).map(|i| at(&format!("e{i}:80"))).collect();
        publisher.replace(all.clone());
        bed.ready().await;
        let (mut rng, mut changes, mut removed) = (ChaCha8Rng::seed_from_u64(7), bed.changes(), 0);
        for _ in 0..30 {
            let mut left = all.clone();
            let three = (0..3).map(|_| left.swap_remove((rng.next_u32() as usize) % left.len()));
            publisher.replace(three.collect::<Vec<_>>());
            pass(1).await;
            while let Some(change) = changes.try_recv() {
                removed += usize::from(matches!(change, Change::Removed(_)));
            }
            assert_eq!(known(&bed).split(' ').count(), 3, "requests go to those that are named");
        }
        assert_eq!(removed > 0, churn, "{removed} removed");
    }
}

#[tokio::test(start_paused = true)]
async fn empty_answers_are_kept_kept_for_a_while_or_accepted() {
    for (empty, gone_after) in
        [(Empty::Keep, None), (Empty::KeepFor(30 * SECOND), Some(30)), (Empty::Accept, Some(0))]
    {
        let (bed, script, _) = polled("a:80", Removal { empty, ..Removal::default() });
        bed.ready().await;
        script.say(Says::Endpoints(""));
        let mut changed = bed.discovered();
        changed.borrow_and_update();
        let begun = tokio::time::Instant::now();
        let gone = tokio::time::timeout(3_600 * SECOND, changed.changed()).await.is_ok();
        let after = gone.then(|| begun.elapsed().as_secs() - 5);
        assert_eq!(after, gone_after, "{empty:?}: the next answer comes after 5 s");
        assert_eq!(known(&bed), if gone { "" } else { "a:80" }, "{empty:?}");
    }
}

/// A balancer over a publisher that told it of `a:80`, and then of nothing.
async fn emptied(removal: Removal) -> (Publisher, Bed) {
    let (publisher, source) = Publisher::new();
    let bed = Balancer::builder(source)
        .removal(removal)
        .build(async |target| Ok::<_, Infallible>(target))
        .unwrap();
    publisher.replace([at("a:80")]);
    bed.ready().await;
    publisher.replace([]);
    (publisher, bed)
}

#[tokio::test(start_paused = true)]
async fn a_publisher_of_nothing_is_believed_when_its_time_is_over() {
    let (publisher, source) = Publisher::new();
    let removal = Removal { empty: Empty::KeepFor(30 * SECOND), ..Removal::default() };
    let bed = Balancer::builder(source)
        .removal(removal)
        .build(async |target| Ok::<_, Infallible>(target))
        .unwrap();
    publisher.replace([at("a:80")]);
    bed.ready().await;
    publisher.replace([]);
    pass(29).await;
    assert_eq!(known(&bed), "a:80");
    publisher.replace([at("b:80")]);
    pass(29).await;
    assert_eq!(known(&bed), "b:80", "the wait has ended with the new set");
    publisher.replace([]);
    pass(31).await;
    assert_eq!(known(&bed), "");
}

#[tokio::test(start_paused = true)]
async fn the_grace_of_what_is_believed_to_be_gone_passes() {
    let removal =
        Removal { empty: Empty::KeepFor(30 * SECOND), grace: 60 * SECOND, ..Removal::default() };
    let (bed, script, _) = polled("a:80 b:80", removal);
    bed.ready().await;
    script.say(Says::Endpoints(""));
    // The answer comes after 5 s.
    pass(34).await;
    assert_eq!(told(&bed), "a b");
    pass(2).await;
    assert_eq!(told(&bed), "a! b!");
    assert_eq!(bed.discovery().borrow().health, SourceHealth::Fresh);
    pass(58).await;
    assert_eq!(told(&bed), "a! b!");
    pass(2).await;
    assert_eq!((told(&bed), bed.endpoints().len()), (String::new(), 0));
    let held = bed.discovery().borrow().empty_held;
    pass(600).await;
    let status = bed.discovery().borrow().clone();
    assert_eq!((status.health, status.empty_held), (SourceHealth::Fresh, held), "it is believed");

    // Who tells only of news is not asked again.
    let (_publisher, bed) = emptied(removal).await;
    pass(31).await;
    assert_eq!(told(&bed), "a!");
    pass(61).await;
    assert_eq!((told(&bed), bed.endpoints().len()), (String::new(), 0));
}

#[tokio::test(start_paused = true)]
async fn above_the_most_the_known_ones_stay_and_the_choice_is_stable() {
    let removal = Removal { max_endpoints: Some(10), ..Removal::default() };
    let (publisher, source) = Publisher::new();
    let bed = Balancer::builder(source)
        .removal(removal)
        .seed(7)
        .build(async |target| Ok::<_, Infallible>(target))
        .unwrap();
    let numbered = |range: core::ops::Range<usize>| -> Vec<Endpoint<Target>> {
        range.map(|i| at(&format!("e{i:03}:80"))).collect()
    };
    publisher.replace(numbered(0..100));
    bed.ready().await;
    let first = known(&bed);
    assert_eq!((first.split(' ').count(), bed.discovery().borrow().above_max), (10, 90));
    let mut sets = bed.discovered();
    sets.borrow_and_update();
    publisher.replace(numbered(0..200));
    status(&bed, |status| status.above_max == 190).await;
    assert!(!sets.has_changed().unwrap(), "the known ones come first");
    let gone: Target = first.split(' ').next().unwrap().parse().unwrap();
    assert!(publisher.remove(&gone));
    status(&bed, |status| status.above_max == 189).await;
    sets.changed().await.unwrap();
    let now = known(&bed);
    assert_eq!(now.split(' ').filter(|target| first.contains(target)).count(), 9);
    publisher.replace(numbered(0..5));
    status(&bed, |status| status.above_max == 0).await;
    becomes(&bed, "e000:80 e001:80 e002:80 e003:80 e004:80").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_in_half_a_set_stays() {
    let (bed, script, _) = polled("a:80 b:80", Removal::default());
    bed.ready().await;
    script.say(Says::Half(vec![at("b:80").with_weight(5), at("c:80")], "no answer for a"));
    let status = status(&bed, |status| status.error.is_some()).await;
    assert_eq!((status.error.unwrap().to_string(), status.failures), ("no answer for a".into(), 1));
    becomes(&bed, "a:80 b:80 c:80").await;
    assert_eq!(bed.discovered().borrow().endpoints[1].weight, 5);
}
