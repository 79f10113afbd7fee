//! Sources made of others.

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::{
    Balancer, BoxDiscover, BuildError, Discover, Empty, Fixed, PickError, PollerConfig, Publisher,
    Removal, SourceHealth, Target,
};
use evenkeel_tests::source::{Says, Script, Source, source};

use crate::{Bed, at, becomes, bed, error, known, status};

/// Asked every 5 s.
fn polled(says: Says) -> (Source, Script) {
    let (mut source, script) = source(says);
    source.poller.default = Duration::from_secs(5);
    source.poller.jitter_percent = 0;
    (source, script)
}

#[tokio::test(start_paused = true)]
async fn merged_sources_have_the_endpoints_of_both() {
    let (one, script) = polled(Says::Endpoints("a:80 b:80"));
    let (publisher, two) = Publisher::new();
    let bed = bed(one.merge(two));
    becomes(&bed, "a:80 b:80").await;
    publisher.replace([at("b:80").with_priority(1), at("c:80")]);
    becomes(&bed, "a:80 b:80 c:80").await;
    let worst = bed.discovered().borrow().endpoints.iter().map(|one| one.priority).max();
    assert_eq!(worst, Some(0), "the better priority counts");

    // What one has found stays while it fails, and the other goes on.
    script.say(Says::Error("kaputt"));
    assert_eq!(error(&bed).await, "kaputt");
    publisher.remove(&"c:80".parse().unwrap());
    becomes(&bed, "a:80 b:80").await;
    script.say(Says::Endpoints("a:80"));
    publisher.replace([at("d:80")]);
    becomes(&bed, "a:80 d:80").await;
    status(&bed, |status| status.error.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn merged_sources_that_both_fail_say_why_and_come_back() {
    let (one, first) = polled(Says::Error("kaputt"));
    let (two, second) = polled(Says::Nothing);
    let bed = bed(one.merge(two));
    assert_eq!(error(&bed).await, "kaputt");
    assert!(matches!(bed.pick(), Err(PickError::NoEndpoints { discovery: Some(_) })));
    second.say(Says::Endpoints("b:80"));
    becomes(&bed, "b:80").await;
    first.say(Says::Endpoints("a:80"));
    becomes(&bed, "a:80 b:80").await;
}

#[tokio::test(start_paused = true)]
async fn the_service_is_absent_when_both_say_so() {
    let (one, two) = (Publisher::new(), Publisher::new());
    let bed = bed(one.1.merge(two.1));
    one.0.replace([at("a:80")]);
    two.0.replace([at("b:80")]);
    becomes(&bed, "a:80 b:80").await;
    one.0.absent();
    becomes(&bed, "b:80").await;
    two.0.absent();
    becomes(&bed, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_fallback_serves_as_long_as_the_first_has_nothing() {
    let (one, script) = polled(Says::Error("kaputt"));
    let (two, fallback) = polled(Says::Endpoints("z:80"));
    let bed = bed(one.or_else(two));
    becomes(&bed, "z:80").await;
    assert_eq!(error(&bed).await, "kaputt");
    assert_eq!(bed.discovery().borrow().health, SourceHealth::Fresh);
    script.say(Says::Endpoints("a:80"));
    becomes(&bed, "a:80").await;
    // From now on there is something, though it is old.
    script.say(Says::Error("kaputt"));
    error(&bed).await;
    assert_eq!(known(&bed), "a:80");
    script.say(Says::Absent);
    becomes(&bed, "z:80").await;
    fallback.say(Says::Endpoints("y:80"));
    becomes(&bed, "y:80").await;
}

#[tokio::test(start_paused = true)]
async fn a_fallback_is_not_asked_before_it_is_needed_and_comes_when_the_first_expires() {
    let (mut one, script) = polled(Says::Endpoints("a:80"));
    one.poller.max_stale = Some(Duration::from_secs(60));
    let (two, fallback) = polled(Says::Endpoints("z:80"));
    let bed = bed(one.or_else(two));
    becomes(&bed, "a:80").await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(fallback.lookups(), 0);
    script.say(Says::Error("kaputt"));
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!((known(&bed).as_str(), fallback.lookups()), ("a:80", 0));
    becomes(&bed, "z:80").await;
    assert_eq!(fallback.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_reaches_the_parts() {
    let ((one, first), (two, second)) =
        (polled(Says::Endpoints("a:80")), polled(Says::Endpoints("b:80")));
    let (mut one, mut two) = (one, two);
    (one.poller.default, two.poller.default) = (one.poller.max, two.poller.max);
    let bed = bed(one.merge(two));
    becomes(&bed, "a:80 b:80").await;
    first.say(Says::Endpoints("c:80"));
    second.say(Says::Endpoints("d:80"));
    bed.refresh();
    becomes(&bed, "c:80 d:80").await;
    assert_eq!((first.lookups(), second.lookups()), (2, 2));
    drop(bed);
    for script in [first, second] {
        while !script.is_stopped() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_changed_and_left_out_on_the_way() {
    let (publisher, source) = Publisher::new();
    let bed =
        bed(source.map(|endpoint| (endpoint.addr.port() == 80).then(|| endpoint.with_priority(3))));
    publisher.replace([at("a:80"), at("b:81")]);
    becomes(&bed, "a:80").await;
    assert_eq!(bed.discovered().borrow().endpoints[0].priority, 3);
    publisher.upsert(at("c:80"));
    becomes(&bed, "a:80 c:80").await;
}

#[tokio::test]
async fn bad_settings_of_a_part_are_told_when_building() {
    let fixed = || Fixed::new(["a:80"]).unwrap();
    let bad = || {
        let (mut bad, _) = source(Says::Nothing);
        bad.poller = PollerConfig { timeout: Duration::ZERO, ..PollerConfig::default() };
        bad
    };
    let build = |result: Result<_, BuildError>| match result {
        Err(BuildError::Poller(error)) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(Balancer { .. }) => panic!("it is built"),
    };
    let client = async |target: Target| Ok::<_, Infallible>(target);
    let expected = "`timeout` is 0: it must be above 0";
    let built = |source| Balancer::builder(source).build(client);
    assert_eq!(build(built(BoxDiscover::new(bad().merge(fixed())))), expected);
    assert_eq!(build(built(BoxDiscover::new(fixed().merge(bad())))), expected);
    assert_eq!(build(built(BoxDiscover::new(bad().or_else(fixed())))), expected);
    assert_eq!(build(built(BoxDiscover::new(fixed().or_else(bad())))), expected);
}

#[tokio::test(start_paused = true)]
async fn parts_follow_the_rule_for_empty_answers_or_their_own() {
    let soon = Empty::KeepFor(Duration::from_secs(20));
    for (rule, own, left) in [
        (Empty::Keep, None, "a:80 b:80"),
        (Empty::Accept, None, "a:80"),
        (soon, None, "a:80"),
        (Empty::Keep, Some(Empty::Accept), "a:80"),
        (Empty::Keep, Some(soon), "a:80"),
        (Empty::Accept, Some(Empty::Keep), "a:80 b:80"),
    ] {
        let ((one, first), (two, second)) =
            (polled(Says::Endpoints("a:80")), polled(Says::Endpoints("b:80")));
        // A rule passes through what a source is wrapped in.
        let two = match own {
            Some(own) => BoxDiscover::new(two.with_empty(own).map(Some)),
            None => BoxDiscover::new(two.map(Some)),
        };
        let removal = Removal { empty: rule, ..Removal::default() };
        let factory = async |target: Target| Ok::<_, Infallible>(target);
        let bed: Bed = Balancer::builder(one.merge(two)).removal(removal).build(factory).unwrap();
        becomes(&bed, "a:80 b:80").await;
        second.say(Says::Endpoints(""));
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!(known(&bed), left, "{rule:?} {own:?}");
        first.say(Says::Endpoints(""));
        tokio::time::sleep(Duration::from_secs(40)).await;
        let is_none = rule != Empty::Keep && own.is_none();
        assert_eq!(known(&bed).is_empty(), is_none, "{rule:?} {own:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_part_has_a_status_of_its_own() {
    let ((one, _first), (two, second)) =
        (polled(Says::Endpoints("a:80")), polled(Says::Error("kaputt")));
    let (publisher, three) = Publisher::new();
    let bed = bed(one.merge(two).merge(three));
    let all = status(&bed, |status| status.parts.len() == 2).await;
    // The first part of all is made of two.
    let parts = &all.parts[0].borrow().parts.clone();
    let [first, failing] = &parts[..] else { panic!("{parts:?}") };
    let failed = failing.clone().wait_for(|status| status.error.is_some()).await.unwrap().clone();
    assert_eq!((failed.error.unwrap().to_string().as_str(), failed.failures > 0), ("kaputt", true));
    let well = first.borrow().clone();
    assert_eq!((well.health, well.failures), (SourceHealth::Fresh, 0));
    assert_eq!(all.parts[1].borrow().health, SourceHealth::Pending);
    publisher.replace([at("c:80")]);
    becomes(&bed, "a:80 c:80").await;
    assert_eq!(all.parts[1].borrow().health, SourceHealth::Fresh);
    // What is told is live.
    second.say(Says::Endpoints("b:80"));
    becomes(&bed, "a:80 b:80 c:80").await;
    assert!(failing.borrow().error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_fallback_has_a_status_once_it_is_asked() {
    let ((one, first), (two, _second)) =
        (polled(Says::Endpoints("a:80")), polled(Says::Endpoints("z:80")));
    let removal = Removal { empty: Empty::Accept, ..Removal::default() };
    let factory = async |target: Target| Ok::<_, Infallible>(target);
    let bed: Bed = Balancer::builder(one.or_else(two)).removal(removal).build(factory).unwrap();
    becomes(&bed, "a:80").await;
    assert_eq!(bed.discovery().borrow().parts.len(), 1);
    first.say(Says::Endpoints(""));
    becomes(&bed, "z:80").await;
    assert_eq!(bed.discovery().borrow().parts.len(), 2);
}
