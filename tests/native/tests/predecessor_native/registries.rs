//! go-kit's cases and faults of Consul and etcd, in real time on sockets.

use core::time::Duration;
use std::io;

use evenkeel::{BoxDiscover, Consul, Etcd, HttpList, LongPollConfig};
use evenkeel_tests::bed::{PATIENCE, becomes, bed, error, known, tasks_become};
use evenkeel_tests::servers::web::{Answering, Asked, Web};
use tokio::sync::watch;

const HOUR: Duration = Duration::from_secs(3_600);

/// What Consul says of one instance.
fn instance(port: u16) -> String {
    let service = format!(r#"{{"ID":"w","Service":"web","Address":"","Port":{port}}}"#);
    format!(r#"[{{"Node":{{"Address":"10.0.0.1"}},"Service":{service},"Checks":[]}}]"#)
}

async fn consul(answering: Answering, index: u32, port: u16) -> io::Result<()> {
    answering.whole(200, &format!("X-Consul-Index: {index}\r\n"), &instance(port)).await
}

/// A source of `web` that waits so long after a failure.
fn source(web: &Web, backoff: Duration) -> Consul {
    let config =
        LongPollConfig { backoff_base: backoff, backoff_max: backoff, ..LongPollConfig::default() };
    Consul::new(&web.url, "web").unwrap().with_config(config).unwrap()
}

#[tokio::test]
async fn n8_after_a_poll_that_breaks_off_the_next_one_follows() {
    let web = Web::start(async |number, _: Asked, answering| match number {
        0 => consul(answering, 10, 80).await,
        1 => answering.reset(),
        _ => consul(answering, 11, 81).await,
    })
    .await;
    let bed = bed(source(&web, Duration::from_millis(100)));
    becomes(&bed, "10.0.0.1:80").await;
    becomes(&bed, "10.0.0.1:81").await;
    let asked = web.asked_times(3).await;
    assert_eq!(asked[1].query["index"], "10");
}

/// go-kit tells it when the wait is over, up to a minute later.
#[tokio::test]
async fn fault_14_an_error_is_told_before_the_wait_which_a_refresh_ends() {
    let web = Web::start(async |number, _: Asked, answering| match number {
        0 => consul(answering, 10, 80).await,
        1 => answering.whole(500, "", "No cluster leader").await,
        _ => consul(answering, 11, 81).await,
    })
    .await;
    let bed = bed(source(&web, HOUR));
    becomes(&bed, "10.0.0.1:80").await;
    assert!(error(&bed).await.ends_with("status 500: No cluster leader"));
    assert_eq!((known(&bed), web.asked().len()), ("10.0.0.1:80".to_owned(), 2));
    bed.refresh();
    becomes(&bed, "10.0.0.1:81").await;
}

/// A source whose balancer is dropped hangs up on what it waits for, asks nothing more, and leaves
/// no task. What is asked second is kept.
async fn hangs_up<F>(
    source: impl FnOnce(&Web) -> BoxDiscover,
    answer: impl Fn(usize, Answering) -> F + Send + Clone + 'static,
) where
    F: Future<Output = io::Result<Option<Answering>>> + Send,
{
    let (hung_up, mut heard) = watch::channel(false);
    let web = Web::start(move |number, _, answering| {
        let (answer, hung_up) = (answer.clone(), hung_up.clone());
        async move {
            if let Some(kept) = answer(number, answering).await? {
                kept.hung_up().await?;
                hung_up.send_replace(true);
            }
            Ok(())
        }
    })
    .await;
    let bed = bed(source(&web));
    web.asked_times(2).await;
    assert!(!*heard.borrow());
    drop(bed);
    tokio::time::timeout(PATIENCE, heard.wait_for(|heard| *heard)).await.unwrap().unwrap();
    assert_eq!(web.asked().len(), 2);
    // Nothing is left behind.
    drop(web);
    tasks_become(0).await;
}

#[tokio::test]
async fn fault_14_a_dropped_consul_hangs_up() {
    let of = |web: &Web| BoxDiscover::new(source(web, HOUR));
    hangs_up(of, async |number, answering| {
        if number > 0 {
            return Ok(Some(answering));
        }
        consul(answering, 10, 80).await.map(|()| None)
    })
    .await;
}

#[tokio::test]
async fn fault_14_a_dropped_list_hangs_up() {
    let of = |web: &Web| BoxDiscover::new(HttpList::new(&web.url).unwrap());
    hangs_up(of, async |number, answering| {
        if number > 0 {
            return Ok(Some(answering));
        }
        answering.whole(200, "X-Index: 1\r\n", r#"["a.test:80"]"#).await.map(|()| None)
    })
    .await;
}

#[tokio::test]
async fn fault_15_a_dropped_etcd_hangs_up() {
    let of = |web: &Web| BoxDiscover::new(Etcd::new([&*web.url], "/web/").unwrap());
    hangs_up(of, async |number, mut answering| {
        let header =
            r#""header":{"cluster_id":"7","member_id":"1","revision":"10","raft_term":"2"}"#;
        if number > 0 {
            answering.stream().await?;
            answering.chunk(&format!("{{\"result\":{{{header},\"created\":true}}}}\n")).await?;
            return Ok(Some(answering));
        }
        answering.whole(200, "", &format!("{{{header}}}")).await.map(|()| None)
    })
    .await;
}
