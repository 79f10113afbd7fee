//! `evenkeel watch` on every URL that it takes, with the options of each.

use core::fmt::Write as _;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use evenkeel_tests::servers::consul::{Consul, Instance};
use evenkeel_tests::servers::etcd::Etcd;
use evenkeel_tests::servers::hickory::Hickory;
use evenkeel_tests::servers::hostile::{Hostile, send};
use evenkeel_tests::servers::kubernetes::Kubernetes;
use evenkeel_tests::servers::web::Web;
use evenkeel_tests::servers::zone::Zone;
use serde_json::{Value, json};
use tokio::io::{BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::{exit_code, interrupt, line_with, lines, start_in};

/// A watch that is running, and what it prints.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn of(args: &[&str]) -> Self {
        Self::inside(args, &[])
    }

    fn inside(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = start_in(&[&["watch"], args].concat(), environment);
        Self { lines: lines(&mut child), child }
    }

    async fn says(&mut self, text: &str) -> String {
        line_with(&mut self.lines, text).await
    }

    /// Reads the next line, which says this.
    async fn says_next(&mut self, text: &str) {
        let line = self.lines.next_line().await.unwrap().expect("a line");
        assert!(line.contains(text), "{line}");
    }

    async fn ends(mut self) {
        interrupt(&self.child);
        assert_eq!(exit_code(&mut self.child).await, Some(0));
    }
}

#[tokio::test]
async fn watch_asks_dns_for_records_and_for_addresses() {
    let hickory = Hickory::start().await;
    hickory.srv("_h._tcp.lb.test.", 60, 0, 1, 80, "a.lb.test.").await;
    hickory.address("a.lb.test.", 60, "127.0.0.1").await;
    hickory.address("a.lb.test.", 60, "::1").await;
    let server = hickory.addr().to_string();

    let mut watch = Watch::of(&["srv://_h._tcp.lb.test", "--server", &server]);
    watch.says(&format!("watching _h._tcp.lb.test at {server}; ")).await;
    watch.says("+ a.lb.test at ").await;
    let set = watch.says(&format!("  2 endpoints from {server}; asked again in ")).await;
    assert!(set.ends_with(" s"), "{set}");
    watch.ends().await;

    for (family, address) in [("v4", "127.0.0.1:8080"), ("v6", "[::1]:8080")] {
        let args = ["dns://a.lb.test:8080", "--server", &server, "--family", family];
        let mut watch = Watch::of(&args);
        watch.says(&format!("watching dns://a.lb.test:8080 at {server}; ")).await;
        watch.says(&format!("+ a.lb.test at {address}  priority 0, weight 1")).await;
        watch.says(&format!("  1 endpoint from {server}")).await;
        watch.ends().await;
    }
}

#[tokio::test]
async fn watch_waits_for_a_name_server_as_long_as_it_is_told() {
    let (silent, hickory) = (Hostile::start_udp(|_| Vec::new()), Hickory::start().await);
    hickory.address("a.lb.test.", 60, "127.0.0.1").await;
    let [silent, second] = [silent.addr(), hickory.addr()].map(|addr| addr.to_string());
    let asked = ["dns://a.lb.test:80", "--server", &silent, "--timeout", "1"];

    let mut watch = Watch::of(&asked);
    let trouble = watch.says("timed out after 1s").await;
    for text in [silent.as_str(), "; nothing is known yet; asked again in 1 s"] {
        assert!(trouble.contains(text), "{trouble}");
    }
    watch.ends().await;

    let mut watch = Watch::of(&[&asked[..], &["--server", &second]].concat());
    watch.says("+ a.lb.test at 127.0.0.1:80").await;
    watch.says(&format!("  1 endpoint from {second}")).await;
    watch.ends().await;
}

#[tokio::test]
async fn watch_waits_for_a_registry_as_long_as_it_is_told() {
    let hangs = Web::start(|_, _, answering| answering.hung_up()).await;
    let list = format!("{}/list", hangs.url);
    let server = ["--server", hangs.url.as_str()];
    for (place, server) in [
        (list.as_str(), [].as_slice()),
        ("consul://web", &server),
        ("etcd:///web/", &server),
        ("k8s://shop/web:http", &server),
    ] {
        let mut watch = Watch::of(&[&[place, "--timeout", "1"], server].concat());
        watch.says("no answer in time; nothing is known yet; asked again in 1 s").await;
        watch.ends().await;
    }
}

#[tokio::test]
async fn watch_tells_of_a_target_that_dangles() {
    let hickory = Hickory::start().await;
    hickory.srv("_h._tcp.lb.test.", 60, 0, 1, 80, "a.lb.test.").await;
    hickory.srv("_h._tcp.lb.test.", 60, 0, 1, 81, "gone.lb.test.").await;
    hickory.address("a.lb.test.", 60, "127.0.0.1").await;
    let server = hickory.addr().to_string();
    let args = ["_h._tcp.lb.test", "--server", &server];
    let (mut people, mut machine) =
        (Watch::of(&args), Watch::of(&[&args[..], &["--json"]].concat()));

    people.says("+ a.lb.test at 127.0.0.1:80").await;
    people.says("! left out: the target gone.lb.test does not exist").await;
    let skipped: Value = serde_json::from_str(&machine.says(r#""event":"skipped""#).await).unwrap();
    assert_eq!(skipped["records"], 1);
    let reason = skipped["reasons"][0].as_str().unwrap();
    assert!(reason.contains("gone.lb.test"), "{skipped}");
    people.ends().await;
    machine.ends().await;
}

#[tokio::test]
async fn watch_tells_of_failures_the_last_answer_and_the_next_query() {
    let web = Web::start(|number, _, answering| async move {
        match number {
            // With an index, the next question comes at once.
            0 => answering.whole(200, "X-Index: 1\r\n", r#"["10.0.0.1:80"]"#).await,
            1 | 2 => answering.whole(503, "", "").await,
            _ => answering.whole(200, "", r#"["10.0.0.1:80"]"#).await,
        }
    })
    .await;
    let url = format!("{}/list", web.url);
    let mut watch = Watch::of(&[&url]);
    watch.says(&format!("watching {url}; ")).await;
    watch.says("+ 10.0.0.1:80").await;
    let trouble = watch.says("503").await;
    let rest = "; stale: 1 endpoint from before; the last news came ";
    assert!(trouble.contains(rest) && trouble.contains(" ago; asked again in "), "{trouble}");
    watch.says("= the server answers again, after 2 queries that failed").await;
    watch.ends().await;
}

#[tokio::test]
async fn watch_says_that_a_service_is_declared_absent() {
    let (down, is_down) = (Arc::new(AtomicBool::new(false)), "_h._tcp.t 1 SRV 0 0 0 .");
    let asked = down.clone();
    let server = Hostile::start(move |asking| {
        let up = "_h._tcp.t 1 SRV 0 1 80 a.t\na.t 1 A 10.0.0.1";
        let zone = Zone::new(if asked.load(Relaxed) { is_down } else { up });
        send(&zone.answer(asking.response.clone()))
    });
    let mut watch = Watch::of(&["_h._tcp.t.", "--server", &server.addr().to_string()]);
    watch.says("+ a.t at 10.0.0.1:80").await;
    down.store(true, Relaxed);
    // Believed the second time.
    watch.says("the service is declared absent; stale: 1 endpoint from before").await;
    watch.says("- a.t at 10.0.0.1:80").await;
    watch.says("  0 endpoints").await;
    down.store(false, Relaxed);
    // It was not well before it was back.
    watch.says_next("+ a.t at 10.0.0.1:80").await;
    watch.says("= DNS answers again").await;
    watch.ends().await;
}

#[tokio::test]
async fn watch_follows_consul() {
    let tagged = |node| Instance { tags: &["v2"], ..Instance::on(node, 80) };
    let consul = Consul::start(vec![tagged("10.0.0.1"), Instance::on("10.0.0.9", 80)]).await;
    let variables = [("CONSUL_HTTP_ADDR", consul.web.authority.as_str())];
    let url = "consul://%77eb?tag=v2&dc=east&filter=Service.Port%20%3D%3D%2080";
    let mut watch = Watch::inside(&[url], &variables);
    watch.says(&format!("watching consul://web at {}; ", consul.web.url)).await;
    watch.says("+ 10.0.0.1:80  priority 0, weight 1").await;
    let asked = consul.web.asked_times(1).await;
    assert_eq!(asked[0].query.get("dc").map(String::as_str), Some("east"));
    assert!(asked[0].query["filter"].ends_with("(Service.Port == 80)"), "{:?}", asked[0].query);
    consul.change(|state| {
        state.index += 1;
        state.instances.push(tagged("10.0.0.2"));
    });
    watch.says("+ 10.0.0.2:80").await;
    watch.says("  2 endpoints").await;
    watch.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_follows_etcd() {
    let etcd = Etcd::start(1);
    etcd.put("/web/1", "10.0.0.1:80");
    let url = etcd.urls().remove(0);
    let mut watch = Watch::of(&["etcd:///web/", "--server", &url]);
    watch.says(&format!("watching etcd:///web/ at {url}; ")).await;
    watch.says("+ 10.0.0.1:80").await;
    etcd.put("/web/2", "10.0.0.2:80");
    watch.says("+ 10.0.0.2:80").await;
    watch.says("  2 endpoints").await;
    etcd.ctl(&["del", "/web/1"]);
    watch.says("- 10.0.0.1:80").await;
    watch.ends().await;
}

#[tokio::test]
async fn watch_follows_kubernetes() {
    let kubernetes = Kubernetes::start().await;
    let ports = json!([{"name": "http", "port": 80}, {"name": "admin", "port": 81}]);
    let one = |address: &str| json!([{"addresses": [address], "conditions": {"ready": true}}]);
    kubernetes.put("web-1", &ports, &one("10.0.0.1"));
    let url = &kubernetes.web.url;
    let mut watch = Watch::of(&["k8s://shop/web:admin", "--server", url]);
    watch.says(&format!("watching k8s://shop/web at {url}; ")).await;
    watch.says("+ 10.0.0.1:81").await;
    kubernetes.put("web-2", &ports, &one("10.0.0.2"));
    watch.says("+ 10.0.0.2:81").await;
    watch.says("  2 endpoints").await;
    watch.ends().await;
}

#[tokio::test]
async fn watch_prints_100_000_endpoints() {
    const MANY: usize = 100_000;
    let mut list = "[".to_owned();
    for number in 0..MANY {
        let comma = if number == 0 { "" } else { "," };
        let [high, middle, low] = [number >> 16, (number >> 8) & 255, number & 255];
        write!(list, "{comma}\"10.{high}.{middle}.{low}:80\"").unwrap();
    }
    list.push(']');
    let folder = tempfile::TempDir::new().expect("a directory");
    let file = folder.path().join("list.json");
    fs::write(&file, list).expect("it is written");
    let mut watch = Watch::of(&[&format!("file:{}", file.display()), "--json"]);
    let mut targets = BTreeSet::new();
    loop {
        let line = watch.says("").await;
        let facts: Value = serde_json::from_str(&line).expect("JSON");
        if facts["event"] == "added" {
            assert!(targets.insert(facts["endpoint"]["target"].as_str().unwrap().to_owned()));
        } else {
            assert_eq!((&facts["event"], &facts["endpoints"]), (&json!("set"), &json!(MANY)));
            break;
        }
    }
    assert_eq!(targets.len(), MANY);
    watch.ends().await;
}
