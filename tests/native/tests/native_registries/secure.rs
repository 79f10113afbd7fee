//! Registries over TLS, and what is logged of any of them.

use evenkeel::{BoxDiscover, Consul, Etcd, HttpList, Kubernetes, Tls};
use evenkeel_tests::logged::Logged;
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::consul::{Consul as ConsulServer, Instance};
use evenkeel_tests::servers::kubernetes::Kubernetes as KubernetesServer;
use evenkeel_tests::servers::secure::Secure;
use evenkeel_tests::servers::web::Web;
use serde_json::json;

use crate::{Bed, becomes, bed, error, known};

/// A server behind one that shows this certificate.
async fn front(web: &Web, identity: &(String, String)) -> (Secure, String) {
    let secure = Secure::to(web.authority.parse().unwrap(), identity).await;
    let url = format!("https://{}", secure.addr);
    (secure, url)
}

fn trusting(authority: &Authority) -> Tls {
    Tls::default().with_ca(authority.pem.as_bytes()).unwrap()
}

/// Follows a server that it trusts, and one that it does not.
async fn trusts(web: &Web, follow: impl Fn(&str, Tls) -> Bed, targets: &str) {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (_secure, url) = front(web, &authority.certifies("127.0.0.1")).await;
    becomes(&follow(&url, trusting(&authority)), targets).await;
    for (tls, identity) in [
        (trusting(&authority), stranger.certifies("127.0.0.1")),
        (trusting(&authority), authority.certifies("127.0.0.2")),
        (Tls::default(), authority.certifies("127.0.0.1")),
    ] {
        let (_secure, url) = front(web, &identity).await;
        let bed = follow(&url, tls);
        let said = error(&bed).await;
        assert!(said.contains("invalid peer certificate"), "{said}");
        assert_eq!(known(&bed), "");
    }
}

#[tokio::test]
async fn a_list_is_read_from_who_is_trusted() {
    let web = Web::start(|_, _, answering| answering.whole(200, "", r#"["a.test:1"]"#)).await;
    let follow = |url: &str, tls| bed(HttpList::new(url).unwrap().with_tls(tls));
    trusts(&web, follow, "a.test:1").await;
}

#[tokio::test]
async fn consul_is_asked_if_it_is_trusted() {
    let consul = ConsulServer::start(vec![Instance::on("10.0.0.1", 80)]).await;
    let follow = |url: &str, tls| bed(Consul::new(url, "web").unwrap().with_tls(tls));
    trusts(&consul.web, follow, "10.0.0.1:80").await;
}

#[tokio::test]
async fn kubernetes_is_asked_if_it_is_trusted() {
    let kubernetes = KubernetesServer::start().await;
    let endpoints = json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}]);
    kubernetes.put("web-1", &json!([{"name": "http", "port": 80}]), &endpoints);
    let follow = |url: &str, tls| bed(Kubernetes::new(url, "shop", "web").unwrap().with_tls(tls));
    trusts(&kubernetes.web, follow, "10.0.0.1:80").await;
}

#[tokio::test]
async fn failures_are_logged_and_no_secret_is() {
    const SECRET: &str = "hunter2-very-secret";
    let (logged, _guard) = Logged::begin();
    // It says what it was told.
    let web = Web::start(|_, asked, answering| async move {
        let told = format!("{:?} {:?} {}", asked.headers, asked.query, asked.body);
        answering.whole(403, "", &told).await
    })
    .await;
    let url = web.url.as_str();
    let list = HttpList::new(&format!("{url}/?key={SECRET}%2Bother&n=1")).unwrap();
    let etcd = Etcd::new([url], "/").unwrap();
    let etcd = etcd.with_login("reader", "an older one").with_login("reader", SECRET);
    let sources = [
        ("HttpList", BoxDiscover::new(list.with_bearer(SECRET).unwrap())),
        ("Consul", BoxDiscover::new(Consul::new(url, "web").unwrap().with_token(SECRET).unwrap())),
        ("Etcd", BoxDiscover::new(etcd)),
        (
            "Kubernetes",
            BoxDiscover::new(Kubernetes::new(url, "a", "b").unwrap().with_token(SECRET).unwrap()),
        ),
    ];
    for (name, source) in sources {
        let asked = web.asked().len();
        let bed = bed(source);
        let said = error(&bed).await;
        let sent = format!("{:?}", web.asked_times(asked + 1).await.last());
        assert!(sent.contains(SECRET), "{name} sent {sent}");
        let logged = logged.take();
        let line = logged.lines().find(|line| line.contains("discovery failed"));
        assert!(line.is_some_and(|line| line.contains("403")), "{name}: {logged}");
        for text in [said, logged] {
            assert!(!text.contains(SECRET) && !text.contains("+other"), "{name}: {text}");
        }
    }
}
