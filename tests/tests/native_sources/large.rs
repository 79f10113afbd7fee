//! Very many endpoints: all of them arrive.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel::{Change, Publisher, Target};

use crate::file::Scene;
use crate::{Bed, at, bed};

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
