//! go-kit's cases of sources that cannot be made: what is wrong with settings, the constructor
//! says; what is wrong with a server, the status of discovery.

use core::fmt::Debug;
use core::time::Duration;

use evenkeel::{
    Balancer, BuildError, Consul, DnsHost, DnsSrv, Etcd, Fixed, HttpList, Kubernetes,
    ListWatchConfig, LongPollConfig, Publisher,
};
use evenkeel_tests::bed::{bed, error, known, status};
use evenkeel_tests::servers::web::Web;

use crate::text;

const URL: &str = "http://a.test";

fn said<T: Debug>(made: Result<T, impl ToString>) -> String {
    made.unwrap_err().to_string()
}

#[test]
fn n12_n20_what_has_no_name_is_refused_by_the_constructor() {
    for (refused, says) in [
        (said(Etcd::new([], "/web/")), "`members`: it is empty"),
        (said(Etcd::new([URL], "")), "`prefix`: it is empty"),
        (said(Etcd::new(["a.test"], "/web/")), "'a.test': it begins neither with http:// nor"),
        (said(Consul::new(URL, "")), "`service`: it is empty"),
        (said(Consul::new("", "web")), "'': it is no URL"),
        (said(Kubernetes::new(URL, "", "web")), "`namespace`: it is empty"),
        (said(Kubernetes::new(URL, "shop", "")), "`service`: it is empty"),
        (said(HttpList::new("/list.json")), "'/list.json': it begins neither with http:// nor"),
        (said(DnsSrv::new("")), "the DNS name is empty"),
        (said(DnsSrv::new("_h..t")), "the DNS name \"_h..t\" has an empty label"),
        (said(DnsHost::new("", 80)), "the DNS name is empty"),
        (said(Fixed::new(["a"])), "has no port"),
    ] {
        assert!(refused.contains(says), "{refused:?} has no {says:?}");
    }
}

/// A source that cannot be read at first, or never, is no error of the constructor, but told.
#[tokio::test]
async fn n20_a_first_read_that_fails_is_told_and_tried_again() {
    let web = Web::start(async |number, _, answering| match number {
        0 => answering.whole(500, "", "not yet").await,
        _ => answering.whole(200, "", r#"["a.test:80"]"#).await,
    })
    .await;
    let config = LongPollConfig {
        backoff_base: Duration::from_secs(60),
        backoff_max: Duration::from_secs(60),
        ..LongPollConfig::default()
    };
    let bed = bed(HttpList::new(&web.url).unwrap().with_config(config).unwrap());
    assert!(error(&bed).await.ends_with("status 500: not yet"));
    assert!(bed.pick().unwrap_err().to_string().starts_with("no endpoints available: "));
    bed.refresh();
    bed.ready_within(evenkeel_tests::bed::PATIENCE).await.unwrap();
    assert_eq!(known(&bed), "a.test:80");
}

/// As go-kit's client of `ZooKeeper` after its `Stop`.
#[tokio::test]
async fn n20_a_source_that_has_stopped_says_so() {
    let (publisher, source) = Publisher::new();
    drop(publisher);
    let bed = bed(source);
    assert_eq!(error(&bed).await, "every publisher was dropped before it said anything");
}

#[tokio::test]
async fn n21_times_of_zero_are_refused() {
    let zero = Duration::ZERO;
    let long_poll = || LongPollConfig { timeout: zero, ..LongPollConfig::default() };
    let list_watch = || ListWatchConfig { timeout: zero, ..ListWatchConfig::default() };
    let polls = "`LongPollConfig`: `timeout` is 0: it must be above 0";
    let watches = "`ListWatchConfig`: `timeout` is 0: it must be above 0";
    let consul = Consul::new(URL, "web").unwrap();
    assert_eq!(said(consul.with_config(long_poll())), polls);
    let http = HttpList::new(URL).unwrap();
    assert_eq!(said(http.with_config(long_poll())), polls);
    let etcd = Etcd::new([URL], "/web/").unwrap();
    assert_eq!(said(etcd.with_config(list_watch())), watches);
    let kubernetes = Kubernetes::new(URL, "shop", "web").unwrap();
    assert_eq!(said(kubernetes.with_config(list_watch())), watches);
    assert_eq!(said(DnsSrv::new("t").unwrap().timeout(zero)), "the DNS timeout is zero");
    assert_eq!(said(DnsHost::new("t", 80).unwrap().timeout(zero)), "the DNS timeout is zero");
    let fixed = Fixed::new(["a:80"]).unwrap();
    let Err(BuildError::Zero { setting }) =
        Balancer::builder(fixed).client_timeout(zero).build(text)
    else {
        panic!("no client can be made in no time")
    };
    assert_eq!(setting, "client_timeout");
}

/// Whether a name needs a password, etcd decides; a refusal is told, and asked for rarely.
#[tokio::test]
async fn n21_a_name_without_a_password_is_told() {
    let web = Web::start(async |_, _, answering| {
        let why = "etcdserver: authentication failed, invalid user ID or password";
        answering.whole(400, "", &format!(r#"{{"error":"{why}","code":3}}"#)).await
    })
    .await;
    let bed = bed(Etcd::new([&*web.url], "/web/").unwrap().with_login("nopass", ""));
    let told = error(&bed).await;
    assert!(told.contains("status 400") && told.contains("authentication failed"), "{told}");
    let asked = web.asked();
    assert_eq!((asked.len(), &*asked[0].path), (1, "/v3/auth/authenticate"));
    let next = status(&bed, |status| status.next_query.is_some()).await.next_query.unwrap();
    assert!(next.saturating_since(bed.now()) > Duration::from_secs(20), "the longest wait");
}
