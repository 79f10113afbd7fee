//! Very many endpoints arrive complete, and so does their change. How long they keep a thread is
//! measured by `discovery` (`tests/tables/discovery.txt`).

use core::fmt::Write as _;
use core::time::Duration;

use evenkeel::{Consul, Discover, Etcd as Keys, HttpList, Kubernetes as Slices};
use evenkeel_tests::servers::etcd::Etcd;
use evenkeel_tests::servers::kubernetes::Kubernetes;
use evenkeel_tests::servers::web::Web;
use serde_json::{Value, json};

use crate::kubernetes::{http, ready};
use crate::{Bed, bed};

const MANY: u32 = 100_000;
/// Endpoints in a slice.
const SLICE: u32 = 1_000;

fn address(number: u32) -> String {
    core::net::Ipv4Addr::from(0x0a00_0000 + number).to_string()
}

fn slice(numbers: core::ops::Range<u32>) -> Value {
    numbers.map(|number| ready(&address(number))).collect()
}

/// Waits until the last one is this, and all are there.
async fn complete(bed: &Bed, last: u32) {
    let (mut sets, last) = (bed.discovered(), address(last));
    let all = sets.wait_for(|set| {
        set.endpoints.len() == MANY as usize
            && set.endpoints.last().is_some_and(|one| one.addr.host() == last)
    });
    drop(tokio::time::timeout(Duration::from_secs(60), all).await.expect("in time").unwrap());
}

/// Runs a server on a thread of its own.
fn elsewhere() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Follows a source on a runtime of its own, through the change that `then` makes.
fn follows(source: impl Discover, then: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bed = bed(source);
        complete(&bed, MANY - 1).await;
        then();
        complete(&bed, MANY).await;
    });
}

#[test]
fn a_list() {
    let servers = elsewhere();
    let list = |from: u32| {
        let mut list = format!("[\"{}:80\"", address(from));
        for number in from + 1..from + MANY {
            write!(list, ",\"{}:80\"", address(number)).unwrap();
        }
        list + "]"
    };
    let lists = [list(0), list(1)];
    let (go_on, may) = tokio::sync::watch::channel(false);
    let web = servers.block_on(Web::start(move |number, _, answering| {
        let (list, mut may) = (lists[number.min(1)].clone(), may.clone());
        async move {
            if number > 0 {
                drop(may.wait_for(|may| *may).await);
            }
            answering.whole(200, &format!("X-Index: {}\r\n", number + 1), &list).await
        }
    }));
    let source = HttpList::new(&web.url).unwrap();
    follows(source, || {
        go_on.send_replace(true);
    });
}

#[test]
fn instances_of_consul() {
    let servers = elsewhere();
    let instances = |from: u32| {
        let instance = |number: u32| {
            let address = address(number);
            format!(
                r#"{{"Node":{{"Node":"n","Address":"{address}"}},"Service":{{"ID":"web-{number}",
                "Service":"web","Tags":[],"Address":"","Port":80,"Weights":{{"Passing":1,
                "Warning":1}}}},"Checks":[{{"CheckID":"serfHealth","Status":"passing"}}]}}"#
            )
        };
        format!("[{}]", (from..from + MANY).map(instance).collect::<Vec<_>>().join(","))
    };
    let answers = [instances(0), instances(1)];
    let (go_on, may) = tokio::sync::watch::channel(false);
    let web = servers.block_on(Web::start(move |_, asked, answering| {
        // A blocking query, once the first answer is there.
        let blocks = asked.query.contains_key("index");
        let (answer, mut may) = (answers[usize::from(blocks)].clone(), may.clone());
        async move {
            if blocks {
                drop(may.wait_for(|may| *may).await);
            }
            let index = format!("X-Consul-Index: {}\r\n", 1 + u8::from(blocks));
            answering.whole(200, &index, &answer).await
        }
    }));
    follows(Consul::new(&web.url, "web").unwrap(), || {
        go_on.send_replace(true);
    });
}

#[test]
fn slices_of_kubernetes() {
    let servers = elsewhere();
    let kubernetes = servers.block_on(Kubernetes::start());
    for begin in (0..MANY).step_by(SLICE as usize) {
        kubernetes.put(&format!("web-{begin:05}"), &http(), &slice(begin..begin + SLICE));
    }
    let source = Slices::new(&kubernetes.web.url, "shop", "web").unwrap();
    follows(source, || {
        kubernetes.put("web-00000", &http(), &slice(1..SLICE));
        kubernetes.put("web-more", &http(), &json!([ready(&address(MANY))]));
    });
}

#[test]
fn keys_of_etcd() {
    let etcd = Etcd::start(1);
    let all: Vec<_> = (0..MANY).collect();
    for part in all.chunks(10_000) {
        let put = |number: &u32| format!("put /web/{number} {}:80\n", address(*number));
        etcd.transact(&part.iter().map(put).collect::<String>());
    }
    let source = Keys::new([&*etcd.urls()[0]], "/web/").unwrap();
    follows(source, || {
        etcd.transact(&format!("del /web/0\nput /web/{MANY} {}:80\n", address(MANY)));
    });
}
