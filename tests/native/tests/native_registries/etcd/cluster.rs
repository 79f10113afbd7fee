//! Three nodes, of which some die or hang.

use evenkeel_tests::servers::web::Web;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_is_passed_over() {
    let mut etcd = Etcd::start(3);
    etcd.put("/web/a", "a.test:1");
    let leader = etcd.leader();
    let mut urls = etcd.urls();
    // It is watched at the one that dies.
    urls.rotate_left(leader);
    let members = urls.iter().map(|url| &**url);
    let bed = bed(Source::new(members, "/web/").unwrap().with_config(quick()).unwrap());
    becomes(&bed, "a.test:1").await;
    etcd.kill(leader);
    let put = || etcd.put("/web/b", "b.test:1");
    // The others first have to choose a leader.
    while std::panic::catch_unwind(core::panic::AssertUnwindSafe(put)).is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    becomes(&bed, "a.test:1 b.test:1").await;
    well(&bed).await;
    etcd.start_again(leader);
    etcd.put("/web/c", "c.test:1");
    becomes(&bed, "a.test:1 b.test:1 c.test:1").await;
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
