//! What a publisher says is seen at once, and those that come together count as one.

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::{Balancer, Published, Publisher, SourceHealth, Target};

use crate::{Bed, at, becomes, bed, error, known, status};

fn published(source: Published, publisher: &Publisher, targets: &[&str]) -> Bed {
    publisher.replace(targets.iter().map(|target| at(target)));
    bed(source)
}

#[tokio::test(start_paused = true)]
async fn a_balancer_waits_for_the_first_update() {
    let (publisher, source) = Publisher::new();
    let bed = bed(source);
    // An hour, on the paused clock.
    let in_an_hour = Duration::from_secs(3_600);
    assert!(bed.ready_within(in_an_hour).await.is_err());
    let discovery = bed.discovery().borrow().clone();
    assert_eq!((discovery.health, discovery.failures), (SourceHealth::Pending, 0));
    publisher.upsert(at("a:1"));
    becomes(&bed, "a:1").await;
    assert_eq!(bed.discovery().borrow().health, SourceHealth::Fresh);
}

#[tokio::test(start_paused = true)]
async fn updates_are_seen_at_once_after_failures_too() {
    let (publisher, source) = Publisher::new();
    let bed = published(source, &publisher, &["a:1", "b:1"]);
    becomes(&bed, "a:1 b:1").await;
    let begin = tokio::time::Instant::now();
    for round in 0..100 {
        publisher.fail(format!("failure {round}"));
        assert_eq!(error_of(&bed, round + 1).await, format!("failure {round}"));
        assert_eq!(known(&bed), "a:1 b:1");
    }
    publisher.upsert(at("c:1"));
    becomes(&bed, "a:1 b:1 c:1").await;
    assert!(publisher.remove(&"a:1".parse().unwrap()));
    assert!(!publisher.remove(&"a:1".parse().unwrap()));
    becomes(&bed, "b:1 c:1").await;
    assert!(bed.discovery().borrow().error.is_none());
    let took = begin.elapsed();
    assert!(took.as_millis() < 500, "{took:?} of waiting, where nothing has to wait");
}

async fn error_of(bed: &Bed, failures: u64) -> String {
    let status = status(bed, |status| status.failures == failures).await;
    status.error.unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn an_error_is_told_once_and_not_again_by_the_hour() {
    let (publisher, source) = Publisher::new();
    let bed = published(source, &publisher, &["a:1"]);
    becomes(&bed, "a:1").await;
    publisher.fail("out of order");
    assert_eq!(error(&bed).await, "out of order");
    tokio::time::sleep(Duration::from_secs(36_000)).await;
    let discovery = bed.discovery().borrow().clone();
    assert_eq!((discovery.failures, discovery.queries), (1, 2));
}

#[tokio::test]
async fn ten_thousand_updates_in_a_row_are_one() {
    let (publisher, source) = Publisher::new();
    let bed = published(source, &publisher, &["a:1"]);
    becomes(&bed, "a:1").await;
    let before = bed.discovery().borrow().queries;
    // Nothing else can run meanwhile: this is the only thread.
    for port in 1..=10_000 {
        publisher.upsert(at(&format!("b:{port}")));
    }
    status(&bed, |status| status.queries > before).await;
    assert_eq!(bed.discovery().borrow().queries, before + 1);
    let mut sets = bed.discovered();
    let set = sets.wait_for(|set| set.endpoints.len() > 1).await.unwrap();
    assert_eq!((set.endpoints.len(), set.version), (10_001, 2));
}

#[tokio::test(start_paused = true)]
async fn an_empty_set_is_not_believed_and_absence_is() {
    let (publisher, source) = Publisher::new();
    let bed = published(source, &publisher, &["a:1"]);
    becomes(&bed, "a:1").await;
    publisher.replace([]);
    status(&bed, |status| status.empty_held == 1).await;
    assert_eq!(known(&bed), "a:1");
    assert!(matches!(bed.discovery().borrow().health, SourceHealth::Stale { .. }));
    publisher.absent();
    becomes(&bed, "").await;
    assert_eq!(bed.discovery().borrow().health, SourceHealth::Fresh);
    publisher.upsert(at("b:1"));
    becomes(&bed, "b:1").await;
    let queries = bed.discovery().borrow().queries;
    publisher.absent();
    becomes(&bed, "").await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(bed.discovery().borrow().queries, queries + 2, "said twice, and then no more");
}

#[tokio::test(start_paused = true)]
async fn of_two_records_of_one_target_one_counts() {
    let (publisher, source) = Publisher::new();
    let bed = bed(source);
    publisher.replace([at("a:1").with_priority(1), at("a:1").with_weight(3), at("b:1")]);
    bed.ready().await;
    let weights: Vec<_> = bed.endpoints().iter().map(|status| status.weight).collect();
    assert_eq!(weights, [3, 1]);
    let mut changes = bed.changes();
    for _ in 0..2 {
        assert!(matches!(changes.try_recv(), Some(evenkeel::Change::Added(_))));
    }
    publisher.upsert(at("a:1").with_weight(0));
    publisher.upsert(at("a:1").with_weight(7));
    let change = changes.recv().await.unwrap();
    assert_eq!(change, evenkeel::Change::Changed(at("a:1").with_weight(7)));
}

#[tokio::test(start_paused = true)]
async fn when_all_publishers_are_dropped_the_set_stays_and_the_status_says_so() {
    let (publisher, source) = Publisher::new();
    let bed = published(source, &publisher, &["a:1"]);
    let another = publisher.clone();
    becomes(&bed, "a:1").await;
    drop(publisher);
    another.upsert(at("b:1"));
    becomes(&bed, "a:1 b:1").await;
    assert_eq!(bed.discovery().borrow().ended, None);
    // The last word counts.
    another.upsert(at("c:1"));
    drop(another);
    let ended = status(&bed, |status| status.ended.is_some()).await.ended.unwrap();
    assert_eq!(ended.to_string(), "the source has ended: every publisher was dropped");
    becomes(&bed, "a:1 b:1 c:1").await;
    bed.refresh();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(known(&bed), "a:1 b:1 c:1");
    assert_eq!(bed.task().borrow().panics, 0);
}

#[tokio::test(start_paused = true)]
async fn publishers_that_go_without_a_word_are_an_error() {
    let (publisher, source) = Publisher::new();
    let bed = bed(source);
    drop(publisher);
    assert_eq!(error(&bed).await, "every publisher was dropped before it said anything");
    status(&bed, |status| status.ended.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_publisher_says_why_it_ends_and_nothing_more() {
    let (publisher, source) = Publisher::new();
    let bed = published(source, &publisher, &["a:1"]);
    let another = publisher.clone();
    becomes(&bed, "a:1").await;
    publisher.upsert(at("b:1"));
    publisher.end("the lease was lost");
    another.end("another reason");
    another.replace([at("c:1")]);
    another.upsert(at("c:1"));
    assert!(!another.remove(&at("a:1").addr));
    another.absent();
    another.fail("never heard");
    let ended = status(&bed, |status| status.ended.is_some()).await.ended.unwrap();
    assert_eq!(ended.to_string(), "the source has ended: the lease was lost");
    becomes(&bed, "a:1 b:1").await;
    bed.refresh();
    drop((publisher, another));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(known(&bed), "a:1 b:1");
    let said = bed.discovery().borrow().clone();
    assert_eq!((said.ended, said.failures), (Some(ended), 0));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_ends_before_it_says_anything_is_an_error() {
    let (publisher, source) = Publisher::new();
    let bed = bed(source);
    publisher.end("there is no such service");
    assert_eq!(error(&bed).await, "the source has ended: there is no such service");
    status(&bed, |status| status.ended.is_some()).await;
}

#[tokio::test]
async fn a_publisher_hears_that_the_balancer_is_gone() {
    let (publisher, source) = Publisher::new();
    let bed = published(source, &publisher, &["a:1"]);
    becomes(&bed, "a:1").await;
    drop(bed);
    assert!(tokio::time::timeout(crate::PATIENCE, publisher.closed()).await.is_ok());
    publisher.upsert(at("b:1"));
}

#[tokio::test]
async fn a_publisher_is_not_asked_again_by_itself() {
    for seed in 0..20 {
        let (publisher, source) = Publisher::new();
        let bed: Bed = Balancer::builder(source)
            .seed(seed)
            .build(async |target: Target| Ok::<_, Infallible>(target))
            .unwrap();
        publisher.fail("kaputt");
        let failed = status(&bed, |status| status.failures == 1).await;
        assert_eq!(failed.next_query, None);
        publisher.replace([at("a:80")]);
        let well = status(&bed, |status| status.error.is_none()).await;
        assert_eq!(well.next_query, None);
    }
}
