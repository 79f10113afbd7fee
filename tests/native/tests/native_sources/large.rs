//! Very many endpoints: all of them arrive.

use core::convert::Infallible;
use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel::{Balancer, Change, Publisher, Target};
use futures_util::FutureExt;

use crate::file::Scene;
use crate::{Bed, PATIENCE, at, bed};

const MANY: u32 = 100_000;

fn name(i: u32) -> String {
    format!("10.{}.{}.{}:80", i >> 16, (i >> 8) & 255, i & 255)
}

/// Waits until so many are known, and returns how many a reader of changes has, who begins now.
async fn complete(bed: &Bed, count: usize) -> usize {
    let mut sets = bed.discovered();
    let all = sets.wait_for(|set| set.endpoints.len() == count);
    let _ = tokio::time::timeout(Duration::from_secs(60), all).await.expect("in time").unwrap();
    let (mut changes, mut known) = (bed.changes(), BTreeSet::<Target>::new());
    while let Some(change) = changes.try_recv() {
        match change {
            Change::Added(endpoint) => assert!(known.insert(endpoint.addr)),
            Change::Removed(_) | Change::Changed(_) => panic!("{change:?} on the way"),
        }
    }
    known.len()
}

#[tokio::test]
async fn a_file_of_100_000_endpoints_arrives_complete() {
    let mut list = "[".to_owned();
    for i in 0..MANY {
        write!(list, "{}\"{}\"", if i == 0 { "" } else { "," }, name(i)).unwrap();
    }
    list.push(']');
    let scene = Scene::new("list.json", &list);
    assert_eq!(complete(&scene.bed, MANY as usize).await, MANY as usize);
}

#[tokio::test]
async fn a_wait_for_very_many_changes_can_be_given_up_and_begun_again() {
    let (publisher, source) = Publisher::new();
    let bed = bed(source);
    publisher.replace((0..MANY).map(|i| at(&name(i))));
    let mut sets = bed.discovered();
    let _ = sets.wait_for(|set| set.version == 1).await.unwrap();
    let mut changes = bed.changes();
    assert!(changes.recv().now_or_never().is_none(), "they are found aside");
    // Whoever looks only now and then has them as soon as they are found.
    let first = loop {
        tokio::task::yield_now().await;
        if let Some(change) = changes.recv().now_or_never() {
            break change;
        }
    };
    assert!(matches!(first, Some(Change::Added(_))), "{first:?}");
    for i in 1..MANY {
        let change = changes.recv().await;
        assert!(matches!(change, Some(Change::Added(_))), "{change:?} in place {i}");
    }
    assert_eq!(changes.try_recv(), None);
}

#[tokio::test]
async fn changes_of_more_than_1_024_endpoints_are_all_told() {
    let (publisher, source) = Publisher::new();
    let bed = bed(source);
    publisher.replace([at("a:80")]);
    bed.ready().await;
    let mut early = bed.changes();
    assert!(matches!(early.try_recv(), Some(Change::Added(_))));
    publisher.replace((0..1_400).map(|i| at(&name(i))));
    assert_eq!(complete(&bed, 1_400).await, 1_400, "who comes late");
    let mut told = (0, 0);
    while let Some(change) = early.try_recv() {
        match change {
            Change::Added(_) => told.0 += 1,
            Change::Removed(_) => told.1 += 1,
            Change::Changed(_) => panic!("{change:?}"),
        }
    }
    assert_eq!(told, (1_400, 1));
}

#[tokio::test]
async fn a_client_that_never_comes_holds_up_no_news_of_many_endpoints() {
    let (publisher, source) = Publisher::new();
    let factory = async |target: Target| {
        if target.host() == "never" {
            core::future::pending::<()>().await;
        }
        Ok::<_, Infallible>(target)
    };
    let bed: Bed = Balancer::builder(source).build(factory).unwrap();
    let many = |from: u32| (from..from + 5_000).map(|i| at(&name(i)));
    publisher.replace(many(0));
    bed.ready().await;
    publisher.replace(many(50).chain([at("never:80")]));
    let served = || bed.endpoints().into_iter().filter(|one| one.candidate).collect::<Vec<_>>();
    let first = many(50).next().map(|one| one.addr);
    let taken_over = async {
        while served().first().map(|one| one.target.clone()) != first || served().len() < 5_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, taken_over).await.expect("in time");
    assert_eq!((served().len(), bed.endpoints().len()), (5_000, 5_001));
}
