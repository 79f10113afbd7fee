use core::time::Duration;

use evenkeel::{
    Balancer, BuildError, Change, DnsSrv, Endpoint, PickError, PollerConfig, PollerConfigError,
    Publisher, SourceHealth,
};
use evenkeel_tests::source::{Says, source};

use crate::{Text, endpoints, pass, text};

/// The address of a name server that is not there.
fn dead_server() -> core::net::SocketAddr {
    evenkeel_tests::servers::bind_both().1.local_addr().unwrap()
}

#[tokio::test]
async fn n1_a_lookup_that_fails_for_real_is_no_error_of_the_constructor() {
    let source = DnsSrv::new("foo").unwrap().servers([dead_server()]).unwrap();
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.discovery().wait_for(|status| status.failures > 0).await.unwrap();
    // go-kit hides the resolver's error; a pick tells it.
    let error = balancer.pick().unwrap_err();
    let PickError::NoEndpoints { discovery: Some(cause) } = &error else { panic!("{error:?}") };
    assert!(error.to_string().contains(&cause.to_string()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn n2_a_bad_lookup_is_asked_once_at_first() {
    let (source, script) = source(Says::Error("kaputt"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.discovery().wait_for(|status| status.failures == 1).await.unwrap();
    assert_eq!((script.lookups(), endpoints(&balancer).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn n3_a_refresh_without_change_changes_nothing() {
    let (source, script) = source(Says::Endpoints("a:80 b:80"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.ready().await;
    let mut sets = balancer.discovered();
    assert_eq!(sets.borrow_and_update().version, 1);
    pass(34).await;
    assert_eq!(script.lookups(), 2);
    assert!(!sets.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn n4_a_refresh_follows_changes_keeps_the_last_good_set_on_errors_and_says_why() {
    let (source, script) = source(Says::Endpoints("a:80 b:80"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    let mut changes = balancer.changes();
    balancer.ready().await;
    assert_eq!(endpoints(&balancer), ["a:80", "b:80"]);
    for _ in 0..2 {
        assert!(matches!(changes.recv().await, Some(Change::Added(_))));
    }

    script.say(Says::Endpoints("b:80 c:80"));
    pass(34).await;
    assert_eq!(endpoints(&balancer), ["b:80", "c:80"]);
    let mut seen = [changes.recv().await.unwrap(), changes.recv().await.unwrap()]
        .map(|change| format!("{change:?}"));
    seen.sort();
    assert!(seen[0].starts_with("Added") && seen[0].contains("\"c\""), "{seen:?}");
    assert!(seen[1].starts_with("Removed") && seen[1].contains("\"a\""), "{seen:?}");

    script.say(Says::Error("kaputt"));
    pass(120).await;
    assert_eq!(endpoints(&balancer), ["b:80", "c:80"]);
    let status = balancer.discovery().borrow().clone();
    assert!(matches!(status.health, SourceHealth::Stale { .. }));
    assert_eq!(status.error.unwrap().to_string(), "kaputt");

    // An empty answer is not believed either, except on demand; and neither wipes out what is
    // known.
    script.say(Says::Endpoints(""));
    pass(120).await;
    assert_eq!(endpoints(&balancer), ["b:80", "c:80"]);
    assert!(balancer.discovery().borrow().empty_held > 0);
}

#[tokio::test(start_paused = true)]
async fn n5_from_none_to_three_on_the_next_refresh() {
    let (source, script) = source(Says::Endpoints(""));
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.discovery().wait_for(|status| status.empty_held == 1).await.unwrap();
    assert_eq!((script.lookups(), endpoints(&balancer).len()), (1, 0));
    script.say(Says::Endpoints("a:80 b:80 c:80"));
    balancer.ready().await;
    assert_eq!((script.lookups(), endpoints(&balancer).len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_decidedly_absent_is_believed_the_second_time() {
    let (source, script) = source(Says::Endpoints("a:80"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.ready().await;
    script.say(Says::Absent);
    balancer.discovery().wait_for(|status| status.empty_held == 1).await.unwrap();
    assert_eq!(endpoints(&balancer), ["a:80"]);
    let mut changes = balancer.changes();
    assert!(matches!(changes.recv().await, Some(Change::Added(_))));
    assert!(matches!(changes.recv().await, Some(Change::Removed(_))));
    assert!(matches!(balancer.pick(), Err(PickError::NoEndpoints { discovery: None })));
}

#[tokio::test(start_paused = true)]
async fn c18_invalidate_on_error_is_max_stale_and_a_timer_does_it() {
    let (mut source, script) = source(Says::Endpoints("a:80"));
    source.poller.max_stale = Some(Duration::from_secs(100));
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.ready().await;
    script.say(Says::Error("kaputt"));
    pass(99).await;
    assert_eq!(endpoints(&balancer), ["a:80"]);
    pass(2).await;
    assert_eq!(endpoints(&balancer).len(), 0);
    // go-kit's balancer then answers with the first error; ours with the last.
    assert_eq!(balancer.pick().unwrap_err().to_string(), "no endpoints available: kaputt");
    script.say(Says::Endpoints("a:80"));
    balancer.ready().await;
    assert_eq!(endpoints(&balancer), ["a:80"]);
}

#[tokio::test(start_paused = true)]
async fn fault_01_ready_waits_for_the_first_set() {
    let (source, _script) = source(Says::Endpoints("a:80 b:80 c:80"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    let error = balancer.pick().unwrap_err().to_string();
    assert_eq!(error, "no endpoints available: discovery has not answered yet");
    balancer.ready().await;
    assert!(balancer.pick().is_ok());
}

#[tokio::test(start_paused = true)]
async fn fault_01_ready_within_says_what_is_missing() {
    let (source, _script) = source(Says::Error("kaputt"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    let error = balancer.ready_within(Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(error.to_string(), "not ready after 3s: 0 endpoints found, none usable; kaputt");
}

#[tokio::test(start_paused = true)]
async fn fault_03_a_subscriber_that_never_reads_stalls_nobody() {
    let (source, script) = source(Says::Endpoints("a:80"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    let _never_read = balancer.changes();
    balancer.ready().await;
    for round in 0..1_100 {
        script.say(Says::Endpoints(if round % 2 == 0 { "b:80" } else { "a:80" }));
        let expected = if round % 2 == 0 { "b:80" } else { "a:80" };
        pass(34).await;
        assert_eq!(endpoints(&balancer), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn fault_06_the_last_handle_stops_everything() {
    let (source, script) = source(Says::Nothing);
    let balancer: Text = Balancer::builder(source).build(text).unwrap();
    let clone = balancer.clone();
    balancer.discovery().wait_for(|status| status.queries == 1).await.unwrap();
    drop(balancer);
    pass(1).await;
    assert!(!script.is_stopped(), "a handle is left");
    drop(clone);
    // The lookup under way is dropped with its source.
    pass(1).await;
    assert!(script.is_stopped());
    assert_eq!(script.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn fault_13_settings_are_checked_and_refresh_asks_early() {
    let (mut bad, _script) = source(Says::Nothing);
    bad.poller.min = Duration::ZERO;
    let error = Balancer::builder(bad).build(text).unwrap_err();
    assert_eq!(error, BuildError::Poller(PollerConfigError::Zero { name: "min" }));

    let (source, script) = source(Says::Endpoints("a:80"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.ready().await;
    assert_eq!(script.lookups(), 1);
    for _ in 0..1_000 {
        balancer.refresh();
    }
    // A thousand wishes are one query, a second after the last.
    pass(2).await;
    assert_eq!(script.lookups(), 2);
}

#[test]
fn fault_13_nothing_blocks_and_nothing_panics_outside_a_runtime() {
    let (source, _script) = source(Says::Nothing);
    let error = Balancer::builder(source).build(text).unwrap_err();
    assert_eq!(error.to_string(), "no tokio runtime: build the balancer within one");
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_hangs_is_given_up_and_asked_again() {
    let (source, script) = source(Says::Nothing);
    let balancer = Balancer::builder(source).build(text).unwrap();
    let timeout = PollerConfig::default().timeout;
    tokio::time::sleep(timeout + Duration::from_millis(1)).await;
    assert_eq!(balancer.discovery().borrow().failures, 1);
    script.say(Says::Endpoints("a:80"));
    balancer.ready().await;
}

/// Reads an endpoint.
fn at(target: &str) -> Endpoint<evenkeel::Target> {
    Endpoint::new(target.parse().unwrap())
}

/// Eureka's cases, by a source that is told by who has a client of it.
#[tokio::test(start_paused = true)]
async fn n17_two_an_error_and_one_two_one() {
    let (registry, source) = Publisher::new();
    registry.replace([at("a:80"), at("b:80")]);
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.ready_all().await;
    assert_eq!(endpoints(&balancer), ["a:80", "b:80"]);

    let (registry, source) = Publisher::new();
    let balancer = Balancer::builder(source).build(text).unwrap();
    registry.fail("kaputt");
    balancer.discovery().wait_for(|status| status.error.is_some()).await.unwrap();
    assert_eq!(endpoints(&balancer), Vec::<String>::new());
    assert!(balancer.pick().unwrap_err().to_string().contains("kaputt"));

    registry.upsert(at("a:80"));
    pass(1).await;
    assert_eq!(endpoints(&balancer), ["a:80"]);
    registry.upsert(at("b:80"));
    pass(1).await;
    assert_eq!(endpoints(&balancer), ["a:80", "b:80"]);
    assert!(registry.remove(&"b:80".parse().unwrap()));
    pass(1).await;
    assert_eq!(endpoints(&balancer), ["a:80"]);
}

/// `ZooKeeper`'s case, and its fault: after one failure it hears of nothing more.
#[tokio::test(start_paused = true)]
async fn n19_fault_16_an_error_between_changes_ends_nothing() {
    let (registry, source) = Publisher::new();
    let balancer = Balancer::builder(source).build(text).unwrap();
    let count = async || {
        pass(1).await;
        endpoints(&balancer).len()
    };
    let error = || balancer.discovery().borrow().error.as_ref().map(ToString::to_string);
    registry.upsert(at("a:80"));
    registry.upsert(at("b:80"));
    assert_eq!(count().await, 2);
    registry.fail("connection lost");
    assert_eq!((count().await, error().as_deref()), (2, Some("connection lost")));
    registry.upsert(at("c:80"));
    assert_eq!((count().await, error()), (3, None));
    for gone in ["a:80", "b:80"] {
        assert!(registry.remove(&gone.parse().unwrap()));
    }
    assert_eq!((count().await, endpoints(&balancer)), (1, vec!["c:80".to_owned()]));
}
