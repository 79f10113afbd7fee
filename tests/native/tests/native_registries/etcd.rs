//! A real etcd, one node or three.

mod cluster;
mod faults;
mod history;
mod login;

use core::time::Duration;

use evenkeel::{Etcd as Source, ListWatchConfig};
use evenkeel_tests::servers::etcd::Etcd;

use crate::{Bed, becomes, bed, error, known, status, well};

/// Waits of milliseconds where they are seconds.
pub(crate) fn quick() -> ListWatchConfig {
    ListWatchConfig {
        min_life: Duration::from_millis(1),
        relist_within: Duration::from_millis(10),
        backoff_base: Duration::from_millis(10),
        backoff_max: Duration::from_millis(50),
        timeout: Duration::from_secs(20),
        ..ListWatchConfig::default()
    }
}

fn source(url: &str) -> Source {
    Source::new([url], "/web/").unwrap().with_config(quick()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_layouts_are_followed() {
    let etcd = Etcd::start(1);
    etcd.put("/web/10.0.0.1:80", "http://10.0.0.1:80");
    etcd.put("/web/2", r#"{"Op":0,"Addr":"10.0.0.2:80","Metadata":{"a":1}}"#);
    etcd.put("/web/3", "[::1]:80");
    etcd.put("/webother/4", "10.0.0.4:80");
    let bed = bed(source(&etcd.urls()[0]));
    becomes(&bed, "10.0.0.1:80 10.0.0.2:80 [::1]:80").await;
    etcd.put("/web/4", "https://d.test/path");
    becomes(&bed, "d.test:443 10.0.0.1:80 10.0.0.2:80 [::1]:80").await;
    // One key changes its address, and another leaves.
    etcd.put("/web/2", "10.0.0.9:80");
    etcd.ctl(&["del", "/web/3"]);
    becomes(&bed, "d.test:443 10.0.0.1:80 10.0.0.9:80").await;
    // Two keys of one address are one endpoint, until both are gone.
    etcd.put("/web/again", "10.0.0.1:80");
    etcd.ctl(&["del", "/web/10.0.0.1:80"]);
    etcd.put("/web/5", "e.test:5");
    becomes(&bed, "d.test:443 e.test:5 10.0.0.1:80 10.0.0.9:80").await;
    etcd.ctl(&["del", "--prefix", "/web/4"]);
    becomes(&bed, "e.test:5 10.0.0.1:80 10.0.0.9:80").await;
    assert_eq!(bed.discovery().borrow().failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_are_no_address_are_skipped_and_told() {
    let etcd = Etcd::start(1);
    etcd.put("/web/a", "a.test:1");
    etcd.put("/web/b", "ftp://b.test:1");
    let bed = bed(source(&etcd.urls()[0]));
    becomes(&bed, "a.test:1").await;
    let skipped = bed.discovery().borrow().skipped.clone();
    let reasons: Vec<_> = skipped.reasons().iter().map(|reason| &**reason).collect();
    assert_eq!(reasons, ["key '/web/b': 'ftp://' is neither http nor https"]);
    // A key that goes bad does not keep its address.
    etcd.put("/web/c", "c.test:1");
    becomes(&bed, "a.test:1 c.test:1").await;
    etcd.put("/web/a", "{\"Op\": 0}");
    becomes(&bed, "c.test:1").await;
    let told = status(&bed, |status| status.skipped.count() == 2).await;
    assert!(told.skipped.reasons()[0].contains("missing field `Addr`"), "{told:?}");
    for (value, reason) in [("a:0", "port 0"), ("", "has no port"), ("x y:1", "x y")] {
        etcd.put("/web/b", value);
        let says = |reasons: &[std::sync::Arc<str>]| {
            reasons.iter().any(|told| told.starts_with("key '/web/b'") && told.contains(reason))
        };
        status(&bed, |status| says(status.skipped.reasons())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_leaves_with_its_lease_and_an_empty_prefix_is_not_believed() {
    let etcd = Etcd::start(1);
    etcd.put("/web/a", "a.test:1");
    let lease = etcd.ctl(&["lease", "grant", "1"]);
    let lease = lease.split(' ').nth(1).unwrap();
    etcd.ctl(&["put", "/web/b", "b.test:1", "--lease", lease]);
    let bed = bed(source(&etcd.urls()[0]));
    becomes(&bed, "a.test:1 b.test:1").await;
    becomes(&bed, "a.test:1").await;
    etcd.ctl(&["del", "/web/a"]);
    status(&bed, |status| status.empty_held == 1).await;
    assert_eq!(known(&bed), "a.test:1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_of_many_keys_is_listed_by_pages() {
    let etcd = Etcd::start(1);
    // More than a page; by transactions, which have at most 128 steps.
    for batch in 0..160 {
        let puts = (0..64).map(|one| {
            let (key, port) = (batch * 64 + one, 1 + (batch * 64 + one) % 60_000);
            format!("put /web/{key:05} 10.0.0.1:{port}\n")
        });
        etcd.transact(&puts.collect::<String>());
    }
    let bed = bed(source(&etcd.urls()[0]));
    let all = async {
        while bed.endpoints().len() != 10_240 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::PATIENCE, all).await.expect("all pages");
    etcd.put("/web/one-more", "10.0.0.2:1");
    let mut sets = bed.discovered();
    let more = sets.wait_for(|set| set.endpoints.len() == 10_241);
    let more = tokio::time::timeout(crate::PATIENCE, more).await.expect("one more").unwrap();
    assert_eq!(more.endpoints[10_240].addr.to_string(), "10.0.0.2:1");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let no_member = Source::new([], "/web/").unwrap_err().to_string();
    assert_eq!(no_member, "`members`: it is empty");
    let no_prefix = Source::new(["http://a.test"], "").unwrap_err().to_string();
    assert_eq!(no_prefix, "`prefix`: it is empty");
    let no_url = Source::new(["http://a.test", "a.test:2379"], "/").unwrap_err().to_string();
    assert_eq!(no_url, "'a.test:2379': it begins neither with http:// nor with https://");
}
