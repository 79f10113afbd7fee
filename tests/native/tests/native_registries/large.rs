//! Very many endpoints keep no other task from running.

use core::fmt::Write as _;
use core::time::Duration;
use std::sync::Arc;

use evenkeel::{Discover, HttpList, Kubernetes as Slices};
use evenkeel_tests::servers::kubernetes::Kubernetes;
use evenkeel_tests::servers::web::Web;
use evenkeel_tests::usage::longest;
use serde_json::{Value, json};

use crate::kubernetes::{http, ready};
use crate::{Bed, bed};

const MANY: u32 = 100_000;
/// Endpoints in a slice.
const SLICE: u32 = 1_000;
/// To read a list takes many times as long, not optimised as it is here, and one step of it less
/// than a tenth.
const LITTLE: Duration = Duration::from_millis(40);

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

/// Runs in a task, as those tasks do that must not wait.
fn balanced(source: impl Discover, then: impl FnOnce() + Send + 'static) -> [Duration; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let task = runtime.spawn(async {
        let bed = bed(source);
        let first = longest(complete(&bed, MANY - 1)).await;
        then();
        [first, longest(complete(&bed, MANY)).await]
    });
    runtime.block_on(task).unwrap()
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
    let longest = balanced(source, move || {
        go_on.send_replace(true);
    });
    assert!(longest.iter().all(|longest| *longest < LITTLE), "{longest:?}");
}

#[test]
fn slices_of_kubernetes() {
    let servers = elsewhere();
    let kubernetes = servers.block_on(Kubernetes::start());
    for begin in (0..MANY).step_by(SLICE as usize) {
        kubernetes.put(&format!("web-{begin:05}"), &http(), &slice(begin..begin + SLICE));
    }
    let source = Slices::new(&kubernetes.web.url, "shop", "web").unwrap();
    let server = Arc::new(kubernetes);
    let longest = balanced(source, {
        let server = Arc::clone(&server);
        move || {
            server.put("web-00000", &http(), &slice(1..SLICE));
            server.put("web-more", &http(), &json!([ready(&address(MANY))]));
        }
    });
    assert!(longest.iter().all(|longest| *longest < LITTLE), "{longest:?}");
}
