//! What large sets from files and registries cost, and how long they keep a runtime's thread. The
//! servers are processes of their own.

mod kind;

use core::convert::Infallible;
use core::fmt::Write as _;
use core::net::Ipv4Addr;
use core::time::Duration;
use std::fs;
use std::io;
use std::sync::Arc;

use evenkeel::{
    Balancer, BoxDiscover, BoxError, Consul as ConsulSource, Etcd as EtcdSource, File, HttpList,
    Kubernetes as KubernetesSource, LongPollConfig, Random, Target,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::obeying::{self, Obeying, Served};
use crate::servers::consul::{Consul, Instance};
use crate::servers::etcd::Etcd;
use crate::servers::kubernetes::Kubernetes;
use crate::servers::web::Web;
use crate::usage::{longest, memory, processor_time};
pub use kind::Kind;

/// Each source has so many endpoints, one after the other.
pub const SIZES: [u32; 3] = [100, 10_000, 100_000];

/// How long questions are counted.
const COUNTED: Duration = Duration::from_secs(60);
const ROUNDS: u32 = 10;
/// Keys in a transaction of etcd: as many as may be.
const STEPS: u32 = 128;

/// The table's head.
pub const HEAD: &str = "
From a file and from registries, on a runtime of one thread; servers are processes of their own. An
update is one percent of the endpoints, which have other addresses. The list and Consul may be asked
100 times in a row, and not 4, so that the updates do not wait. No task should keep its thread for
5 ms:

first       until the first endpoint has a client, and until all have
asked       questions until then; and in a minute in which nothing changes, of all sources of a size at
            the same time
update      as above, in steps of 1 ms. A file, a list and Consul are read whole each time, 2 MB to 110 MB
            of JSON; the 1,000 keys of etcd's largest come in 8 transactions, each of which is a set
longest     the most processor time that the runtime's thread took between two turns of a task that
            wanted to run all the time: while the first set was taken over, and in the middle one
            and the worst of ten updates. No clock on the wall, but where the machine is shared, its
            other users are still in it

endpoints   source       first (ms)   all (ms)   asked   memory (B)   update (ms)   longest, first (ms)   middle   worst   per minute
";

/// Measures one source, and prints its row, but for the quiet minute.
///
/// # Errors
/// The source does not start.
pub fn row(kind: Kind, size: u32) -> io::Result<()> {
    let (runtime, server, source) = start(kind, size)?;
    // In a task: what runtimes run beside tasks has its turn more rarely.
    let measured = runtime.spawn(measure(server, source, size));
    let measured = runtime.block_on(measured)??;
    print!("{size:>9}   {kind:<10}   {measured}");
    Ok(())
}

/// Counts the questions of one source in a quiet minute, and prints the end of its row.
///
/// # Errors
/// The source does not start.
pub fn quiet(kind: Kind, size: u32) -> io::Result<()> {
    let (runtime, mut server, source) = start(kind, size)?;
    let asked = runtime.block_on(async {
        let balancer = Balancer::builder(source).policy(Random);
        let balancer = balancer.build_with(|target: Target| target).map_err(io::Error::other)?;
        balancer.ready_all().await;
        let before = server.asked()?;
        sleep(COUNTED).await;
        Ok::<_, io::Error>(server.asked()? - before)
    });
    println!("   {:>10}", asked?);
    Ok(())
}

/// Starts a server, and makes what asks it.
fn start(kind: Kind, size: u32) -> io::Result<(Runtime, Obeying, BoxDiscover)> {
    let mut server = Obeying::start(&["serve", kind.name(), &size.to_string()])?;
    let at = server.hear()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok((runtime, server, source(kind, &at).map_err(io::Error::other)?))
}

/// Returns what is in a row.
async fn measure(mut server: Obeying, source: BoxDiscover, size: u32) -> io::Result<String> {
    // Who has filled the registry has asked it, too.
    let (before, unasked) = (memory()?, server.asked()?);
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
    let mut first = Duration::ZERO;
    let first_longest = longest(async {
        all(1).await;
        first = begun.elapsed();
        all(size).await;
    });
    let first_longest = first_longest.await;
    let taken_over = begun.elapsed();
    let asked = server.asked()? - unasked;
    let memory = memory()?.saturating_sub(before) / u64::from(size);

    let before = processor_time()?;
    for round in 1..=ROUNDS {
        server.begin(round)?;
        all(size + size / 100 * round).await;
    }
    let update = processor_time()?.saturating_sub(before) / ROUNDS;
    let mut updates = Vec::new();
    for round in ROUNDS + 1..=2 * ROUNDS {
        server.begin(round)?;
        updates.push(longest(all(size + size / 100 * round)).await);
    }
    updates.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    Ok(format!(
        "{:>10.1}   {:>8.1}   {asked:>5}   {memory:>10}   {:>11.1}   {:>19.1}   {:>6.1}   {:>5.1}",
        ms(first),
        ms(taken_over),
        ms(update),
        ms(first_longest),
        ms(updates[updates.len() / 2]),
        ms(updates[updates.len() - 1])
    ))
}

/// Returns the source that follows what is served there.
fn source(kind: Kind, at: &str) -> Result<BoxDiscover, BoxError> {
    let often = LongPollConfig { burst: 100, ..LongPollConfig::default() };
    Ok(match kind {
        Kind::File => BoxDiscover::new(File::new(at)),
        Kind::Http => BoxDiscover::new(HttpList::new(at)?.with_config(often)?),
        Kind::Consul => BoxDiscover::new(ConsulSource::new(at, "web")?.with_config(often)?),
        Kind::Kubernetes => BoxDiscover::new(KubernetesSource::new(at, "shop", "web")?),
        Kind::Etcd => BoxDiscover::new(EtcdSource::new([at], "/web/")?),
    })
}

/// Serves one of the sources until nobody gives orders any more.
///
/// # Errors
/// The source does not start.
pub fn serve(kind: Kind, size: u32) -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut place = match kind {
        Kind::File => Place::File(TempDir::new()?),
        Kind::Http => {
            let (list, lists) = watch::channel((0, Arc::default()));
            Place::Http(runtime.block_on(serve_list(lists)), list)
        }
        Kind::Consul => Place::Consul(runtime.block_on(Consul::start(Vec::new()))),
        Kind::Kubernetes => Place::Kubernetes(runtime.block_on(Kubernetes::start())),
        Kind::Etcd => Place::Etcd(Etcd::start(1)),
    };
    let at = match &mut place {
        Place::File(dir) => dir.path().join("list.json").display().to_string(),
        Place::Http(web, _) => web.url.clone(),
        Place::Consul(server) => {
            server.change(|state| {
                state.instances = (0..size).map(|number| instance(number, 0)).collect();
            });
            server.web.url.clone()
        }
        Place::Kubernetes(server) => {
            (0..SLICES).for_each(|slice| put(server, slice, size, 0));
            server.web.url.clone()
        }
        Place::Etcd(server) => {
            put_keys(server, 0..size, 0);
            server.urls().swap_remove(0)
        }
    };
    let mut serving = Serving { place, size };
    if let Place::File(_) | Place::Http(..) = serving.place {
        serving.begin(0)?;
    }
    obeying::obey(&at, serving)
}

/// What is served, and how many endpoints there are.
struct Serving {
    place: Place,
    size: u32,
}

/// Where the endpoints are told.
enum Place {
    File(TempDir),
    Http(Web, watch::Sender<(u32, Arc<str>)>),
    Consul(Consul),
    Kubernetes(Kubernetes),
    Etcd(Etcd),
}

impl Served for Serving {
    /// One percent of the endpoints have other addresses from now on.
    fn begin(&mut self, round: u32) -> io::Result<()> {
        let (size, each) = (self.size, self.size / 100);
        match &self.place {
            Place::File(dir) => {
                let new = dir.path().join("new");
                fs::write(&new, list(size, round))?;
                fs::rename(new, dir.path().join("list.json"))?;
            }
            Place::Http(_, to) => drop(to.send_replace((round, list(size, round).into()))),
            Place::Consul(server) => server.change(|state| {
                state.index += 1;
                for number in each * round..each * (round + 1) {
                    state.instances[number as usize] = instance(number, round);
                }
            }),
            Place::Kubernetes(server) => put(server, round, size, round),
            Place::Etcd(server) => put_keys(server, each * round..each * (round + 1), round),
        }
        Ok(())
    }

    fn asked(&mut self) -> io::Result<u64> {
        Ok(match &self.place {
            Place::File(_) => 0,
            Place::Http(web, _) => web.asked().len() as u64,
            Place::Consul(Consul { web, .. }) | Place::Kubernetes(Kubernetes { web, .. }) => {
                web.asked().len() as u64
            }
            Place::Etcd(server) => server.asked()?,
        })
    }
}

/// Answers with the list, at once or when there is another.
async fn serve_list(lists: watch::Receiver<(u32, Arc<str>)>) -> Web {
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

/// Makes an instance for Consul.
fn instance(number: u32, round: u32) -> Instance {
    // The few that there are stay to the end.
    Instance::on(address(number, round).to_string().leak(), 80)
}

/// Slices of Kubernetes: one of them is one percent.
const SLICES: u32 = 100;

/// Puts a slice of Kubernetes.
fn put(server: &Kubernetes, slice: u32, size: u32, round: u32) {
    let each = size / SLICES;
    let endpoints = (slice * each..(slice + 1) * each).map(|number| {
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
