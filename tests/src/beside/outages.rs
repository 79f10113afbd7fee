//! A name server that was well, fails for a while, and then knows another address.

use core::time::Duration;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, sleep, timeout};

use super::cases::{Asks, CASES, Case, Does, address, script};
use super::sides::{PATIENCE, Side, balancer, known, start};
use crate::bed::{self, Bed};
use crate::servers::hostile::Hostile;

/// The old address and the new one.
const OLD: &str = "127.0.9.1";
const NEW: &str = "127.0.9.2";

/// How long it fails, in seconds.
pub const LASTS: [u64; 3] = [8, 23, 58];

/// Between two calls.
const CALLS: Duration = Duration::from_millis(20);

/// Whoever has no memory asks again when the time to live of the records is over.
const TTL: Duration = Duration::from_secs(5);

/// The outages, in the order of the table.
pub const OUTAGES: &[(&str, Does)] = &[
    ("says nothing", Does::Silent),
    ("says SERVFAIL", Does::Says(hickory_server::proto::op::ResponseCode::ServFail)),
    ("says NXDOMAIN", Does::Forgets),
    ("says no address", Does::Empties),
];

/// What became of an outage.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The least endpoints that were known.
    pub least: usize,
    /// How often the server was asked in it.
    pub asked: usize,
    /// From its end until the new address was known.
    pub back: Option<Duration>,
}

/// The name server.
struct Server {
    does: Arc<Mutex<Does>>,
    hostile: Hostile,
}

impl Server {
    fn start() -> Self {
        let does = Arc::new(Mutex::new(Does::Well));
        let now = does.clone();
        let scripts: Vec<_> = OUTAGES
            .iter()
            .map(|(_, does)| *does)
            .chain([Does::Well, Does::Moved])
            .map(|does| (does, script(does)))
            .collect();
        let hostile = Hostile::start_at(address(0), move |asked| {
            let does = *now.lock().unwrap_or_else(PoisonError::into_inner);
            let script = scripts.iter().find(|(of, _)| *of == does);
            script.map(|(_, script)| script(asked)).unwrap_or_default()
        });
        Self { does, hostile }
    }

    fn now(&self, does: Does) {
        *self.does.lock().unwrap_or_else(PoisonError::into_inner) = does;
    }
}

/// The host that is looked up.
///
/// # Panics
/// Never: there is one.
pub fn case() -> &'static Case {
    let one = |case: &&Case| matches!(case.asks, Asks::Host("web.t."));
    CASES.iter().find(one).expect("one case is of it")
}

impl Side {
    /// Lives through an outage, in whose namespaces this process is.
    ///
    /// # Errors
    /// The side cannot be begun, or finds nothing at first.
    pub async fn live_through(&self, outage: Does, lasts: Duration) -> io::Result<Outcome> {
        let server = Server::start();
        let hosts = case().hosts();
        match self {
            Self::Ours => {
                let bed = balancer(case())?;
                let calls = tokio::spawn(call(bed.clone(), server.does.clone()));
                let outcome = watch(&server, outage, lasts, async || bed::known(&bed)).await;
                calls.abort();
                outcome
            }
            Self::Getaddrinfo => {
                let last = Arc::new(Mutex::new(String::new()));
                let told = last.clone();
                let asking = tokio::spawn(async move {
                    loop {
                        let host = hosts[0].clone();
                        let look_up = move || (&*host, 80).to_socket_addrs();
                        let found = tokio::task::spawn_blocking(look_up).await;
                        let found = found.ok().and_then(Result::ok).into_iter().flatten();
                        let text = found.map(|addr| addr.to_string()).collect();
                        *told.lock().unwrap_or_else(PoisonError::into_inner) = text;
                        sleep(TTL).await;
                    }
                });
                let known = async || last.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let outcome = watch(&server, outage, lasts, known).await;
                asking.abort();
                outcome
            }
            Self::Envoy { binary, family } => {
                let envoy = start(binary, family, &hosts)?;
                watch(&server, outage, lasts, async || known(&envoy).await.join(" ")).await
            }
        }
    }
}

/// Plays the outage, and looks at what is known meanwhile.
async fn watch(
    server: &Server,
    outage: Does,
    lasts: Duration,
    known: impl AsyncFn() -> String,
) -> io::Result<Outcome> {
    timeout(PATIENCE, until(&known, OLD)).await?;
    let (begun, before) = (Instant::now(), server.hostile.asked());
    server.now(outage);
    let mut least = usize::MAX;
    while begun.elapsed() < lasts {
        least = least.min(known().await.matches(OLD).count());
        sleep(Duration::from_millis(10)).await;
    }
    let asked = server.hostile.asked() - before;
    server.now(Does::Moved);
    let ended = Instant::now();
    let back = timeout(PATIENCE * 2, until(&known, NEW)).await;
    Ok(Outcome { least, asked, back: back.ok().map(|()| ended.elapsed()) })
}

/// Calls all the time. Once the address is another one, calls to the old one fail.
async fn call(bed: Bed, does: Arc<Mutex<Does>>) {
    loop {
        if let Ok(pick) = bed.pick() {
            let moved = *does.lock().unwrap_or_else(PoisonError::into_inner) == Does::Moved;
            if moved && pick.target().to_string().contains(OLD) {
                pick.failure();
            } else {
                pick.success();
            }
        }
        sleep(CALLS).await;
    }
}

async fn until(known: &impl AsyncFn() -> String, address: &str) {
    while !known().await.contains(address) {
        sleep(Duration::from_millis(5)).await;
    }
}
