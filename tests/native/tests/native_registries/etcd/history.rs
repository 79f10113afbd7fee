//! History that is compacted, rewritten, or another's.

use evenkeel_tests::servers::gate::Gate;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_compacted_while_nobody_watched_is_listed() {
    let etcd = Etcd::start(1);
    etcd.put("/web/a", "a.test:1");
    etcd.put("/web/b", "b.test:1");
    let gate = Gate::to(&etcd.urls()[0]).await;
    let bed = bed(source(&gate.url));
    becomes(&bed, "a.test:1 b.test:1").await;
    gate.shut();
    let said = error(&bed).await;
    assert!(said.starts_with(&gate.url), "{said}");
    etcd.ctl(&["del", "/web/a"]);
    etcd.put("/web/c", "c.test:1");
    etcd.put("/other", "x");
    let status = etcd.ctl(&["endpoint", "status", "--write-out", "json"]);
    let revision = status.split("\"revision\":").nth(1).unwrap().split(',').next().unwrap();
    etcd.ctl(&["compact", revision]);
    assert_eq!(known(&bed), "a.test:1 b.test:1");
    gate.open(&etcd.urls()[0]);
    becomes(&bed, "b.test:1 c.test:1").await;
    well(&bed).await;
    // And the watch goes on.
    etcd.put("/web/d", "d.test:1");
    becomes(&bed, "b.test:1 c.test:1 d.test:1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_while_nobody_watched_is_told_by_the_next_watch() {
    let etcd = Etcd::start(1);
    etcd.put("/web/a", "a.test:1");
    let gate = Gate::to(&etcd.urls()[0]).await;
    let config = ListWatchConfig { relist_after: u8::MAX, ..quick() };
    let bed = bed(source(&gate.url).with_config(config).unwrap());
    becomes(&bed, "a.test:1").await;
    gate.shut();
    error(&bed).await;
    gate.open(&etcd.urls()[0]);
    // Nothing changed, and the watch that begins says so.
    well(&bed).await;
    gate.shut();
    error(&bed).await;
    etcd.put("/web/b", "b.test:1");
    etcd.ctl(&["del", "/web/a"]);
    gate.open(&etcd.urls()[0]);
    becomes(&bed, "b.test:1").await;
}

/// etcd tells it by 1,000 revisions at a time, each of which names the last of all in its head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_changes_while_nobody_watched_are_all_told_by_the_next_watch() {
    const CHANGES: u16 = 2_500;
    let etcd = Etcd::start(1);
    etcd.put("/web/gone", "gone.test:1");
    etcd.put("/web/stays", "stays.test:1");
    let gate = Gate::to(&etcd.urls()[0]).await;
    // Far fewer failures than that, however long the changes take.
    let config = ListWatchConfig {
        relist_after: u8::MAX,
        backoff_base: Duration::from_secs(1),
        backoff_max: Duration::from_secs(2),
        ..quick()
    };
    let bed = bed(source(&gate.url).with_config(config).unwrap());
    becomes(&bed, "gone.test:1 stays.test:1").await;
    gate.shut();
    error(&bed).await;
    // A revision each.
    let keys = (1..=CHANGES).map(|port| (format!("/web/{port}"), format!("10.0.0.1:{port}")));
    etcd.put_each(keys).await.unwrap();
    etcd.ctl(&["del", "/web/gone"]);
    gate.open(&etcd.urls()[0]);
    let mut all: Vec<_> = (1..=CHANGES).map(|port| format!("10.0.0.1:{port}")).collect();
    all.insert(0, "stays.test:1".to_owned());
    becomes(&bed, &all.join(" ")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_goes_back_in_time_is_followed() {
    let mut etcd = Etcd::start(1);
    etcd.put("/web/a", "a.test:1");
    etcd.save();
    let config = ListWatchConfig { relist_after: u8::MAX, ..quick() };
    let bed = bed(source(&etcd.urls()[0]).with_config(config).unwrap());
    for port in 1..9 {
        etcd.put("/web/b", &format!("b.test:{port}"));
    }
    becomes(&bed, "a.test:1 b.test:8").await;
    etcd.restore();
    becomes(&bed, "a.test:1").await;
    etcd.put("/web/c", "c.test:1");
    becomes(&bed, "a.test:1 c.test:1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_behind_the_address_is_listed() {
    let (one, two) = (Etcd::start(1), Etcd::start(1));
    one.put("/web/a", "a.test:1");
    // Its revision is later: only the cluster's number tells.
    for port in 1..9 {
        two.put("/web/b", &format!("b.test:{port}"));
    }
    let gate = Gate::to(&one.urls()[0]).await;
    let config = ListWatchConfig { relist_after: u8::MAX, ..quick() };
    let bed = bed(source(&gate.url).with_config(config).unwrap());
    becomes(&bed, "a.test:1").await;
    gate.open(&two.urls()[0]);
    becomes(&bed, "b.test:8").await;
}
