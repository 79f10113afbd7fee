//! Three nodes, of which some die or hang.

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicUsize};
use std::process::Command;
use std::sync::Arc;

use evenkeel_tests::servers::web::Web;

use super::*;
use crate::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_under_load_is_passed_over() {
    let mut etcd = Etcd::start(3);
    etcd.put("/web/a", "a.test:1");
    let leader = etcd.leader();
    let mut urls = etcd.urls();
    // It is watched at the one that dies.
    urls.rotate_left(leader);
    let members = urls.iter().map(|url| &**url);
    let bed = bed(Source::new(members, "/web/").unwrap().with_config(quick()).unwrap());
    becomes(&bed, "a.test:1").await;
    bed.ready().await;

    let written = Arc::new(Written::default());
    let followers = urls[1..].join(",");
    let writer = tokio::task::spawn_blocking({
        let written = Arc::clone(&written);
        move || written.write(&followers)
    });
    let (caller, calls) = (bed.clone(), Arc::clone(&written));
    let caller = tokio::spawn(async move {
        while !calls.stop.load(Relaxed) {
            caller.pick().expect("there is always an endpoint").success();
            tokio::task::yield_now().await;
        }
    });
    written.come_to(3).await;
    etcd.kill(leader);
    // The others first have to choose a leader.
    let before = written.taken();
    written.come_to(before + 3).await;
    written.stop.store(true, Relaxed);
    let taken = writer.await.unwrap();
    caller.await.expect("no pick failed");

    // What was put last is known, so all before is.
    etcd.put("/web/b", "b.test:1");
    let mut sets = bed.discovered();
    let all =
        sets.wait_for(|set| set.endpoints.iter().any(|endpoint| endpoint.addr.host() == "b.test"));
    let set = tokio::time::timeout(PATIENCE, all).await.expect("in time").unwrap().clone();
    let known = |host: &String| set.endpoints.iter().any(|one| one.addr.host() == host);
    let lost: Vec<_> = taken.iter().filter(|host| !known(host)).collect();
    assert!(lost.is_empty(), "{lost:?} of {taken:?}");
    well(&bed).await;
    etcd.start_again(leader);
    etcd.put("/web/c", "c.test:1");
    etcd.ctl(&["del", "--prefix", "/web/load"]);
    becomes(&bed, "a.test:1 b.test:1 c.test:1").await;
}

/// Keys that are put one after the other.
#[derive(Default)]
struct Written {
    stop: AtomicBool,
    count: AtomicUsize,
}

impl Written {
    /// Puts keys at these members until it has to stop; returns the hosts that were taken.
    fn write(&self, members: &str) -> Vec<String> {
        let mut taken = Vec::new();
        for number in 0.. {
            if self.stop.load(Relaxed) {
                break;
            }
            let (key, host) = (format!("/web/load{number}"), format!("load{number}.test"));
            let value = format!("{host}:1");
            let put = Command::new("etcdctl")
                .env("ETCDCTL_API", "3")
                .args(["--endpoints", members, "--command-timeout", "1s", "put", &key, &value])
                .output()
                .expect("etcdctl: install etcd-client");
            if put.status.success() {
                taken.push(host);
                self.count.fetch_add(1, Relaxed);
            }
        }
        taken
    }

    fn taken(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Waits until so many were taken.
    async fn come_to(&self, count: usize) {
        let enough = async {
            while self.taken() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(2 * PATIENCE, enough).await.expect("etcd takes no keys");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minority_is_an_error_that_changes_nothing() {
    let mut etcd = Etcd::start(3);
    etcd.put("/web/a", "a.test:1");
    let urls = etcd.urls();
    let members = urls.iter().map(|url| &**url);
    let bed = bed(Source::new(members, "/web/").unwrap().with_config(quick()).unwrap());
    becomes(&bed, "a.test:1").await;
    let leader = etcd.leader();
    etcd.kill(leader);
    etcd.kill((leader + 1) % 3);
    error(&bed).await;
    assert_eq!(known(&bed), "a.test:1");
    etcd.start_again((leader + 1) % 3);
    etcd.put("/web/b", "b.test:1");
    becomes(&bed, "a.test:1 b.test:1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_hangs_is_passed_over() {
    let etcd = Etcd::start(1);
    etcd.put("/web/a", "a.test:1");
    let hangs = Web::start(|_, _, answering| answering.hung_up()).await;
    let urls = [&*hangs.url, &etcd.urls()[0]];
    let bed = bed(Source::new(urls, "/web/").unwrap().with_config(quick()).unwrap());
    becomes(&bed, "a.test:1").await;
    etcd.put("/web/b", "b.test:1");
    becomes(&bed, "a.test:1 b.test:1").await;
    assert_eq!(hangs.asked().len(), 1, "once is enough");
    assert_eq!(hangs.asked()[0].path, "/v3/kv/range");
}

/// It begins to answer, and says nothing more: neither a list nor that a watch has begun.
#[tokio::test]
async fn a_member_that_hangs_in_its_answer_is_passed_over() {
    let etcd = Etcd::start(1);
    etcd.put("/web/a", "a.test:1");
    let hangs = Web::start(|_, _, mut answering| async move {
        answering.stream().await?;
        answering.hung_up().await
    })
    .await;
    let urls = [&*hangs.url, &etcd.urls()[0]];
    let config = ListWatchConfig { timeout: Duration::from_secs(2), ..quick() };
    let bed = bed(Source::new(urls, "/web/").unwrap().with_config(config).unwrap());
    becomes(&bed, "a.test:1").await;
    etcd.put("/web/b", "b.test:1");
    becomes(&bed, "a.test:1 b.test:1").await;
    assert_eq!(hangs.asked().len(), 1, "once is enough");
}
