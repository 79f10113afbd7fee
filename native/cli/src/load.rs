//! `evenkeel load`: requests to a service, spread over its endpoints, and what became of them.

mod aim;
mod course;
mod report;
mod tally;

use core::time::Duration;
use std::io;
use std::process::ExitCode;

use evenkeel::dns::NameServer;
use evenkeel::http::{Client, Connections};
use evenkeel::{AnyPolicy, Balancer, Hedging, Retry, RetryPolicy, Tls};
use tokio::runtime;

use self::aim::Aim;

/// Options of `evenkeel load`.
#[expect(clippy::doc_markdown, reason = "it is printed as it stands")]
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to: http(s)://HOST[:PORT]/PATH, all addresses of the host, or srv://NAME/PATH, all that
    /// DNS lists under an SRV name (srvs:// with TLS), such as srv://_http._tcp.web.example.com/users
    #[arg(value_parser = aim::read)]
    url: Aim,
    /// A name server to ask instead of the system's: IP:PORT, tls://IP#NAME or https://…; given again,
    /// the next to ask if it does not answer
    #[arg(long = "server", value_name = "SERVER")]
    servers: Vec<NameServer>,
    /// How many requests are under way at once
    #[arg(short, long, default_value_t = 10, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// How many requests are sent in a second, whether or not those before are answered; a request
    /// that has to wait for its turn counts from when it was due. Default: as many as it takes
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rps: Option<u32>,
    /// For how many seconds, or as 90s, 5m or 1h
    #[arg(short, long, value_name = "SECONDS", default_value = "10", allow_negative_numbers = true, value_parser = seconds)]
    duration: u64,
    /// Ends after so many requests, if that is earlier
    #[arg(short = 'n', long, value_name = "COUNT", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// How endpoints are picked: peak_ewma, least_request, round_robin, random, …
    #[arg(long, default_value = "peak_ewma")]
    policy: AnyPolicy,
    /// How often a request is sent at most, where it may be sent again
    #[arg(long, default_value_t = 3, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=100))]
    attempts: u32,
    /// After how many milliseconds without an answer a request is sent to a second endpoint as well
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    hedge: Option<u64>,
    /// How many milliseconds a request may take in all, and how long the first endpoint is waited for
    #[arg(long, value_name = "MS", default_value_t = 10_000, allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    timeout: u64,
    /// How many milliseconds one attempt may take
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    attempt_timeout: Option<u64>,
    /// The method; GET, HEAD, PUT and others that may be done twice are sent again after failures
    #[arg(short = 'X', long, default_value = "GET")]
    method: String,
    /// A header, as "Name: value"; may be given again
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = aim::header)]
    headers: Vec<(String, String)>,
    /// The body of each request
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
    /// Print the result as one object of JSON
    #[arg(long)]
    json: bool,
}

/// Sends requests until the time is over or it is interrupted, and prints what became of them. Fails
/// if none was answered well.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(load(args))
}

async fn load(args: &Args) -> io::Result<ExitCode> {
    let client = client(args)?;
    let tally = course::run(args, &client).await?;
    let endpoints = client.balancer().endpoints();
    if args.json {
        report::json(&tally, &endpoints)?;
    } else {
        report::print(args, &tally, &endpoints)?;
    }
    Ok(if tally.good > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn client(args: &Args) -> io::Result<Client> {
    let mut policy = RetryPolicy::new(args.attempts).map_err(usage)?;
    policy = policy.with_timeout(Duration::from_millis(args.timeout)).map_err(usage)?;
    if let Some(millis) = args.attempt_timeout {
        policy = policy.with_attempt_timeout(Duration::from_millis(millis)).map_err(usage)?;
    }
    if let Some(millis) = args.hedge {
        let hedging = Hedging::new(Duration::from_millis(millis), 1).map_err(usage)?;
        policy = policy.with_hedging(hedging);
    }
    let mut connections = Connections::default().max_idle(args.concurrency as usize);
    if args.url.tls() {
        connections = connections.tls(Tls::default());
    }
    let balancer = Balancer::builder(args.url.source(&args.servers)?)
        .policy(args.policy.clone())
        .build(connections)
        .map_err(io::Error::other)?;
    Ok(Client::new(balancer).with_retry(Retry::new(policy)))
}

/// Reads for how long.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [("s", 1), ("m", 60), ("h", 3_600)];
    let unit = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds
        .filter(|seconds| (1..=86_400).contains(seconds))
        .ok_or_else(|| "1 to 86400 seconds, or as 90s, 5m or 1h".to_owned())
}

/// An error of the command line.
fn usage(error: impl core::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}
