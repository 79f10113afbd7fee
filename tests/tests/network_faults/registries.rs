//! Registries behind a network that is cut without a word: the questions that wait for news wait on,
//! and nobody tells that no answer can come any more.

use core::time::Duration;

use evenkeel::{Consul, Etcd, Kubernetes, ListWatchConfig, LongPollConfig};
use evenkeel_tests::bed::{Bed, becomes, bed};
use evenkeel_tests::servers::{consul, etcd, kubernetes};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::faults::Fault;
use crate::net::{breaks, counts, heals};

pub(crate) const FAULTS: &[Fault] = &[
    ("consul_is_cut_off", || Box::pin(consul_is_cut_off())),
    ("etcd_is_cut_off", || Box::pin(etcd_is_cut_off())),
    ("kubernetes_is_cut_off", || Box::pin(kubernetes_is_cut_off())),
];

/// What a connection may be silent for, and what finding out that another one cannot be made takes:
/// 40 s and 5 s.
const NOTICED: Duration = Duration::from_secs(45);
/// How long they may be silent for all that they know: only the connection can tell.
const SILENT: Duration = Duration::from_secs(300);
/// The longest wait between two questions so soon after the cut, and what a busy machine may add.
const SLACK: Duration = Duration::from_secs(15);

async fn consul_is_cut_off() {
    let server = consul::Consul::start(Vec::new()).await;
    let put = |nodes: &[&'static str]| {
        server.change(|state| {
            state.index += 1;
            state.instances = nodes.iter().map(|node| consul::Instance::on(node, 80)).collect();
        });
    };
    put(SETS[0]);
    let config = LongPollConfig { wait: SILENT, ..LongPollConfig::default() };
    let source = Consul::new(&server.web.url, "web").unwrap();
    let bed = bed(source.with_config(config).unwrap());
    follows(&bed, &put).await;
    // The next question waits for the next change.
    server.web.asked_times(3).await;
    lives_through(&bed, &server.web.url, || put(SETS[2])).await;
    becomes(&bed, &known(2)).await;
}

async fn etcd_is_cut_off() {
    let server = etcd::Etcd::start(1);
    let put = |nodes: &[&str]| {
        for node in nodes {
            server.put(&format!("/web/{node}"), &format!("{node}:80"));
        }
    };
    put(SETS[0]);
    let url = &server.urls()[0];
    let source = Etcd::new([&**url], "/web/").unwrap();
    let config = ListWatchConfig { idle: SILENT, ..ListWatchConfig::default() };
    let bed = bed(source.with_config(config).unwrap());
    follows(&bed, &put).await;
    // The client that puts cannot reach it either.
    lives_through(&bed, url, || ()).await;
    put(SETS[2]);
    becomes(&bed, &known(2)).await;
}

async fn kubernetes_is_cut_off() {
    let server = kubernetes::Kubernetes::start().await;
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    let put = |addresses: &[&str]| {
        let endpoints = addresses.iter().map(|address| json!({"addresses": [address]}));
        server.put("web-1", &ports, &endpoints.collect::<Value>());
    };
    put(SETS[0]);
    let bed = bed(Kubernetes::new(&server.web.url, "shop", "web").unwrap());
    follows(&bed, &put).await;
    lives_through(&bed, &server.web.url, || put(SETS[2])).await;
    becomes(&bed, &known(2)).await;
}

/// What is there at first, then, and at last.
const SETS: [&[&str]; 3] =
    [&["10.0.0.1"], &["10.0.0.1", "10.0.0.2"], &["10.0.0.1", "10.0.0.2", "10.0.0.3"]];

fn known(set: usize) -> String {
    SETS[set].iter().map(|node| format!("{node}:80")).collect::<Vec<_>>().join(" ")
}

/// Goes on until a change was told: the registry is being watched.
async fn follows(bed: &Bed, put: &impl Fn(&[&'static str])) {
    becomes(bed, &known(0)).await;
    put(SETS[1]);
    becomes(bed, &known(1)).await;
}

/// Cuts the way to a registry when all is quiet, lets that change, and mends the way once the cut was
/// noticed.
async fn lives_through(bed: &Bed, url: &str, changes: impl FnOnce()) {
    let port = url.rsplit(':').next().unwrap();
    counts();
    breaks(&[&format!("tcp dport {port} drop"), &format!("tcp sport {port} drop")]);
    let cut = Instant::now();
    changes();
    let mut status = bed.discovery();
    let fails = status.wait_for(|status| status.error.is_some());
    let said = timeout(NOTICED + SLACK, fails).await.expect("the cut is noticed").unwrap().clone();
    println!("noticed after {:.1?}: {}", cut.elapsed(), said.error.unwrap());
    assert_eq!(bed.discovered().borrow().version, 2, "the set is as it was");
    assert!(bed.pick().is_ok());

    heals();
    let healed = Instant::now();
    let well = status.wait_for(|status| status.error.is_none());
    let _ = timeout(SLACK, well).await.expect("it is asked again soon").unwrap();
    println!("well again after {:.1?}", healed.elapsed());
}
