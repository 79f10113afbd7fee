//! `evenkeel watch`: the endpoints of a service, wherever they are listed, and every change of
//! them.

mod log;
mod place;

use core::convert::Infallible;
use core::pin::pin;
use std::io;
use std::process::ExitCode;

use evenkeel::{Balancer, Family};
use tokio::runtime;
use tokio::signal::ctrl_c;

use self::log::Log;
use self::place::Place;

/// Options of `evenkeel watch`.
#[expect(clippy::doc_markdown, reason = "it is printed as it stands")]
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An SRV name, such as _http._tcp.web.example.com, or a URL: srv://NAME, dns://HOST:PORT,
    /// file:PATH (a list in JSON or TOML), http(s)://… (a list in JSON),
    /// consul://SERVICE?tag=…&dc=…, etcd://PREFIX, k8s://NAMESPACE/SERVICE:PORT
    #[arg(value_parser = place::read)]
    name: Place,
    /// A server to ask: instead of the system's a name server (IP:PORT, tls://IP#NAME or
    /// tls://NAME for DNS over TLS, https://… for DNS over HTTPS), or the URL of Consul (else
    /// CONSUL_HTTP_ADDR, or port 8500 here), of a member of etcd (else ETCDCTL_ENDPOINTS, or port
    /// 2379 here) or of the API of Kubernetes (else kubectl's proxy on port 8001 here); name servers and
    /// members of etcd are given again, the next to ask if one does not answer
    #[arg(long = "server", value_name = "SERVER")]
    servers: Vec<String>,
    /// How many seconds a server may take for an answer, before the next is asked
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: Option<u64>,
    /// Which addresses of a host in DNS are listed
    #[arg(long)]
    family: Option<FamilyArg>,
    /// Print an object of JSON for each change, one a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FamilyArg {
    Both,
    V4,
    V6,
    PreferV4,
    PreferV6,
}

impl From<FamilyArg> for Family {
    fn from(family: FamilyArg) -> Self {
        match family {
            FamilyArg::Both => Self::Both,
            FamilyArg::V4 => Self::V4,
            FamilyArg::V6 => Self::V6,
            FamilyArg::PreferV4 => Self::PreferV4,
            FamilyArg::PreferV6 => Self::PreferV6,
        }
    }
}

/// Prints the set and its changes until it is interrupted.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(watch(args))
}

async fn watch(args: &Args) -> io::Result<ExitCode> {
    let (source, what) = args.name.source(args)?;
    // Nobody calls anything here: the clients are empty.
    let balancer = Balancer::builder(source)
        .build(async |_| Ok::<_, Infallible>(()))
        .map_err(io::Error::other)?;
    let (mut changes, mut discovery) = (balancer.changes(), balancer.discovery());
    let mut log = Log::new(args.name.clone(), args.json);
    log.begin(&what)?;
    let mut interrupt = pin!(ctrl_c());
    loop {
        tokio::select! {
            biased;
            interrupted = interrupt.as_mut() => return interrupted.map(|()| ExitCode::SUCCESS),
            first = changes.recv() => {
                let first = first.ok_or_else(|| io::Error::other("discovery has ended"))?;
                log.change(first)?;
                // One answer's changes come together, and their count once.
                while let Some(change) = changes.try_recv() {
                    log.change(change)?;
                }
                let status = discovery.borrow().clone();
                log.count(&status, balancer.now())?;
            }
            Ok(()) = discovery.changed() => {
                let status = discovery.borrow_and_update().clone();
                log.health(&status, balancer.now())?;
            }
        }
    }
}
