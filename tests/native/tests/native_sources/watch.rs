//! A channel of tokio's as a source.

use core::time::Duration;

use evenkeel::{SourceHealth, Watch};
use tokio::sync::watch;

use crate::{at, becomes, bed, known, status};

#[tokio::test(start_paused = true)]
async fn what_is_in_the_channel_is_known_at_once() {
    let (sender, receiver) = watch::channel(vec![at("a:1")]);
    let bed = bed(Watch::from(receiver));
    becomes(&bed, "a:1").await;
    let begin = tokio::time::Instant::now();
    for port in 1..100 {
        sender.send_replace(vec![at(&format!("b:{port}"))]);
        becomes(&bed, &format!("b:{port}")).await;
    }
    assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_empty_channel_is_not_believed() {
    let (sender, receiver) = watch::channel(Vec::new());
    let bed = bed(Watch::new(receiver));
    status(&bed, |status| status.empty_held == 1).await;
    assert_eq!(bed.discovery().borrow().health, SourceHealth::Pending);
    sender.send_replace(vec![at("a:1")]);
    becomes(&bed, "a:1").await;
    sender.send_replace(Vec::new());
    status(&bed, |status| status.empty_held == 2).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!((known(&bed).as_str(), bed.discovery().borrow().queries), ("a:1", 3));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_sender_ends_the_source_and_the_set_stays() {
    let (sender, receiver) = watch::channel(vec![at("a:1")]);
    let bed = bed(Watch::new(receiver));
    becomes(&bed, "a:1").await;
    sender.send_replace(vec![at("b:1")]);
    drop(sender);
    let ended = status(&bed, |status| status.ended.is_some()).await.ended.unwrap();
    assert_eq!(ended.reason(), "the sender of the channel was dropped");
    becomes(&bed, "b:1").await;
}
