//! How long large sets from files and registries keep a runtime's thread. The servers have threads
//! of their own.

use core::convert::Infallible;
use core::fmt::Write as _;
use core::net::Ipv4Addr;
use core::time::Duration;
use std::fs;
use std::io;
use std::sync::Arc;

use evenkeel::{Balancer, BoxDiscover, Etcd as EtcdSource, File, HttpList, Random, Target};
use evenkeel::{BoxError, Kubernetes as KubernetesSource};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::servers::etcd::Etcd;
use crate::servers::kubernetes::Kubernetes;
use crate::servers::web::Web;
use crate::usage::longest;

/// The sources that are measured.
pub const NAMES: [&str; 4] = ["file", "http", "kubernetes", "etcd"];
/// With so many endpoints.
pub const SIZE: u32 = 100_000;

const ROUNDS: u32 = 10;
/// Endpoints in a slice of Kubernetes: as many as may be.
const SLICE: u32 = 1_000;
/// Keys in a transaction of etcd: as many as may be.
const STEPS: u32 = 128;

/// The table's head.
pub const HEAD: &str = "
From a file and from registries, on a runtime of one thread; servers have others. An update is one
percent of the endpoints, which have other addresses. No task should keep its thread for 5 ms:

first       until all endpoints have clients
longest     the most processor time that the runtime's thread took between two turns of a task that
            wanted to run all the time: while the first set was taken over, and in the middle one
            and the worst of ten updates. No clock on the wall, but where the machine is shared, its
            other users are still in it

endpoints   source       first (ms)   longest, first (ms)   middle update (ms)   worst update (ms)
";

/// Measures one source, and prints its row.
///
/// # Errors
/// There is no such source, or it does not start.
pub fn row(name: &str, size: u32) -> io::Result<()> {
    let servers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let place = Place::new(name, size, &servers)?;
    let source = place.source().map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // In a task: what runtimes run beside tasks has its turn more rarely.
    let measured = runtime.spawn(measure(place, source, size));
    let measured = runtime.block_on(measured)??;
    println!("{size:>9}   {name:<10}   {measured}");
    Ok(())
}

/// Returns what is in a row.
async fn measure(mut place: Place, source: BoxDiscover, size: u32) -> io::Result<String> {
    let clients = watch::Sender::new(0);
    let mut made = clients.subscribe();
    let begun = Instant::now();
    let _balancer = Balancer::builder(source)
        .policy(Random)
        .build(move |target: Target| {
            clients.send_modify(|made| *made += 1);
            async { Ok::<_, Infallible>(target) }
        })
        .map_err(io::Error::other)?;
    let mut all = async |count| drop(made.wait_for(|made| *made >= count).await);
    let first_longest = longest(all(size)).await;
    let first = begun.elapsed();
    let mut updates = Vec::new();
    for round in 1..=ROUNDS {
        // That it changes costs this thread nothing.
        let changed = spawn_blocking(move || place.change(round).map(|()| place));
        updates.push(longest(all(size + size / 100 * round)).await);
        place = changed.await??;
    }
    updates.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    Ok(format!(
        "{:>10.1}   {:>19.1}   {:>18.1}   {:>17.1}",
        ms(first),
        ms(first_longest),
        ms(updates[updates.len() / 2]),
        ms(updates[updates.len() - 1])
    ))
}

/// Where the endpoints are told.
enum Place {
    File(TempDir, u32),
    Http(Web, watch::Sender<(u32, Arc<str>)>, u32),
    Kubernetes(Kubernetes),
    Etcd(Etcd, u32),
}

impl Place {
    fn new(name: &str, size: u32, servers: &Runtime) -> io::Result<Self> {
        let mut place = match name {
            "file" => Self::File(TempDir::new()?, size),
            "http" => {
                let (list, lists) = watch::channel((0, Arc::default()));
                Self::Http(servers.block_on(serve(lists)), list, size)
            }
            "kubernetes" => Self::Kubernetes(servers.block_on(Kubernetes::start())),
            "etcd" => Self::Etcd(Etcd::start(1), size),
            _ => return Err(io::Error::other(format!("no source '{name}': {NAMES:?}"))),
        };
        match &mut place {
            Self::File(..) | Self::Http(..) => place.change(0)?,
            Self::Kubernetes(server) => {
                (0..size / SLICE).for_each(|slice| put(server, slice, 0));
            }
            Self::Etcd(server, size) => put_keys(server, 0..*size, 0),
        }
        Ok(place)
    }

    fn source(&self) -> Result<BoxDiscover, BoxError> {
        Ok(match self {
            Self::File(dir, _) => BoxDiscover::new(File::new(dir.path().join("list.json"))),
            Self::Http(web, ..) => BoxDiscover::new(HttpList::new(&web.url)?),
            Self::Kubernetes(server) => {
                BoxDiscover::new(KubernetesSource::new(&server.web.url, "shop", "web")?)
            }
            Self::Etcd(server, _) => {
                let urls = server.urls();
                BoxDiscover::new(EtcdSource::new(urls.iter().map(|url| &**url), "/web/")?)
            }
        })
    }

    /// One percent of the endpoints have other addresses from now on.
    fn change(&mut self, round: u32) -> io::Result<()> {
        match self {
            Self::File(dir, size) => {
                let new = dir.path().join("new");
                fs::write(&new, list(*size, round))?;
                fs::rename(new, dir.path().join("list.json"))?;
            }
            Self::Http(_, to, size) => drop(to.send_replace((round, list(*size, round).into()))),
            // Slices are that large, or a part of one would do.
            Self::Kubernetes(server) => put(server, round, round),
            Self::Etcd(server, size) => {
                let each = *size / 100;
                put_keys(server, each * round..each * (round + 1), round);
            }
        }
        Ok(())
    }
}

/// Answers with the list, at once or when there is another.
async fn serve(lists: watch::Receiver<(u32, Arc<str>)>) -> Web {
    Web::start(move |_, asked, answering| {
        let mut lists = lists.clone();
        async move {
            let known = asked.query.get("index").and_then(|index| index.parse().ok());
            let new = lists.wait_for(|(round, _)| Some(round + 1) != known).await;
            let (round, list) = new.map_err(io::Error::other)?.clone();
            answering.whole(200, &format!("X-Index: {}\r\n", round + 1), &list).await
        }
    })
    .await
}

/// Writes a list without the first percents, and with as many more at the end.
fn list(size: u32, round: u32) -> String {
    let mut list = "[".to_owned();
    for number in 0..size {
        let comma = if number == 0 { "" } else { "," };
        // Nobody fails to write into a text.
        let _ = write!(list, "{comma}\"{}:80\"", address(size / 100 * round + number, 0));
    }
    list + "]"
}

/// Puts a slice of Kubernetes.
fn put(server: &Kubernetes, slice: u32, round: u32) {
    let endpoints = (slice * SLICE..(slice + 1) * SLICE).map(|number| {
        json!({
            "addresses": [address(number, round)], "nodeName": "n",
            "conditions": {"ready": true, "serving": true, "terminating": false},
        })
    });
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    server.put(&format!("web-{slice:03}"), &ports, &endpoints.collect::<Value>());
}

/// Puts keys of etcd.
fn put_keys(server: &Etcd, mut numbers: core::ops::Range<u32>, round: u32) {
    while !numbers.is_empty() {
        let puts = numbers
            .by_ref()
            .take(STEPS as usize)
            .map(|number| format!("put /web/{number:06} {}:80\n", address(number, round)));
        server.transact(&puts.collect::<String>());
    }
}

/// Returns the address of an endpoint, which is in another net each round.
fn address(number: u32, round: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + (round << 20) + number)
}
