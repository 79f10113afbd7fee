//! Servers that are killed under load.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::tonic::{Channel, Connectivity};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Status;

use crate::server::Server;
use crate::{hello, to, until};

/// Calls without a pause, from several tasks.
struct Load {
    tasks: JoinSet<Vec<Status>>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
}

impl Load {
    fn start(channel: &Channel, tasks: usize) -> Self {
        let mut load = Self { tasks: JoinSet::new(), stop: Arc::default(), done: Arc::default() };
        for _ in 0..tasks {
            let (channel, stop) = (channel.clone(), Arc::clone(&load.stop));
            let done = Arc::clone(&load.done);
            load.tasks.spawn(async move {
                let mut failures = Vec::new();
                while !stop.load(SeqCst) {
                    failures.extend(hello(&channel).await.err());
                    done.fetch_add(1, SeqCst);
                    tokio::task::yield_now().await;
                }
                failures
            });
        }
        load
    }

    fn done(&self) -> usize {
        self.done.load(SeqCst)
    }

    /// Waits for so many calls more.
    async fn more(&self, calls: usize) {
        let wanted = self.done() + calls;
        until("more calls", || self.done() >= wanted).await;
    }

    async fn end(mut self) -> Vec<Status> {
        self.stop.store(true, SeqCst);
        let mut failures = Vec::new();
        while let Some(task) = self.tasks.join_next().await {
            failures.extend(task.unwrap());
        }
        failures
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_is_killed_and_comes_back_and_no_call_fails() {
    let mut servers = [Server::echo(), Server::echo(), Server::echo()];
    let channel = to(&servers.each_ref()).build().unwrap();
    let load = Load::start(&channel, 8);
    load.more(500).await;
    assert!(servers.iter().all(|server| server.calls() > 0));
    // A connection that is lost within the first wait counts as a try in vain.
    let begun = Instant::now();
    until("connections are old enough", || begun.elapsed() > Duration::from_millis(1_300)).await;
    for kill in 0..2 {
        let addr = servers[1].addr();
        servers[1].kill();
        let is = |wanted| {
            let of = |(target, is): &(evenkeel::Target, Connectivity)| {
                target.socket_addr() == Some(addr) && *is == wanted
            };
            channel.connections().iter().any(of)
        };
        until("the dead one is seen to be dead", || is(Connectivity::Backoff)).await;
        // Not for long: with each try in vain, the next comes later.
        load.more(50).await;
        let before = servers[1].calls();
        servers[1].revive();
        let back = Instant::now();
        until("it is connected again", || is(Connectivity::Ready)).await;
        // The second time, the connection is lost as soon as it is there.
        assert!(kill > 0 || back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
        let connected = load.done();
        until("it is used again", || servers[1].calls() > before).await;
        // What it answered late, or not at all, before it died is forgotten.
        let others = load.done() - connected;
        assert!(others < 1_000, "{others} calls went to the others first");
        load.more(500).await;
    }
    let failures = load.end().await;
    assert!(failures.is_empty(), "{} failed: {:?}", failures.len(), failures.first());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_but_one_are_killed_and_no_call_fails() {
    let mut servers = [Server::echo(), Server::echo(), Server::echo()];
    let channel = to(&servers.each_ref()).build().unwrap();
    let load = Load::start(&channel, 8);
    load.more(300).await;
    servers[0].kill();
    servers[2].kill();
    load.more(500).await;
    let failures = load.end().await;
    assert!(failures.is_empty(), "{} failed: {:?}", failures.len(), failures.first());
}
