//! The client: an HTTP client per endpoint, and a steady load of calls through the balancer.

use core::error::Error;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use evenkeel::{Backoff, Balancer, Retry, RetryPolicy, RetryPolicyError, Target, hash};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::backend::label;
use super::stats::{Stats, Turn};

/// How long after the last call was sent an answer may take before the call counts as lost.
const GRACE: Duration = Duration::from_secs(15);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection pool to one endpoint.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    http: legacy::Client<HttpConnector, Empty<Bytes>>,
    target: Target,
    address: SocketAddr,
}

impl HttpClient {
    /// Connects at the first call.
    pub(super) fn new(target: Target) -> Result<Self, String> {
        let address = target.socket_addr().ok_or_else(|| format!("{target} has no address"))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // A request that meets a dead connection is a failure that the balancer shall see and
        // retry, not the pool.
        let http = legacy::Client::builder(TokioExecutor::new())
            .retry_canceled_requests(false)
            .pool_max_idle_per_host(IDLE)
            .build(connector);
        Ok(Self { http, target, address })
    }

    /// Asks for call number `number`; only that call's answer from this very endpoint will do.
    async fn get(&self, number: u64) -> Result<(), Failure> {
        let path = format!("/{number}");
        let request = Request::get(format!("http://{}{path}", self.address))
            .header(HOST, self.target.host())
            .body(Empty::new())
            .map_err(|error| Failure::Broken(error.into()))?;
        let response =
            self.http.request(request).await.map_err(|error| Failure::Broken(error.into()))?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status()));
        }
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| Failure::Broken(error.into()))?
            .to_bytes();
        let right = body
            .strip_prefix(label(&self.target).as_bytes())
            .is_some_and(|rest| rest == path.as_bytes());
        if right {
            Ok(())
        } else {
            Err(Failure::Foreign(String::from_utf8_lossy(&body).into_owned()))
        }
    }
}

/// What the load saw of the endpoints' health.
#[derive(Debug)]
pub(super) enum Sight {
    Fails { target: Target, reason: String },
    Recovers { target: Target },
}

/// How sending went.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The errors of lost calls.
    pub(super) errors: Vec<String>,
    /// How much later than due a call was sent, at worst.
    pub(super) late: Duration,
}

/// Sends calls at a fixed rate, however long their answers take.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) balancer: Balancer<HttpClient>,
    pub(super) retry: Retry,
    pub(super) stats: Arc<Stats>,
    pub(super) sights: mpsc::UnboundedSender<Sight>,
}

impl Load {
    /// Sends `rate` calls per second until `stop`, then waits for every answer.
    pub(super) async fn run(self, rate: u32, stop: Arc<Notify>) -> Report {
        let load = Arc::new(self);
        let begun = Instant::now();
        let mut calls = JoinSet::new();
        let mut report = Report::default();
        for number in 0_u64.. {
            let due = begun
                + Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(rate));
            tokio::select! {
                () = sleep_until(due) => {}
                () = stop.notified() => break,
            }
            report.late = report.late.max(due.elapsed());
            calls.spawn(Arc::clone(&load).call(number));
            while let Some(ended) = calls.try_join_next() {
                report.errors.extend(lost(ended));
            }
        }
        let drain = async {
            while let Some(ended) = calls.join_next().await {
                report.errors.extend(lost(ended));
            }
        };
        // What is still out after that stays unaccounted for in the statistics.
        let _ = timeout(GRACE, drain).await;
        report
    }

    async fn call(self: Arc<Self>, number: u64) -> Result<(), String> {
        let begun = self.stats.begin_call();
        let key = hash::bytes(&number.to_le_bytes());
        let result = self
            .balancer
            .call_for(key, &self.retry, async |attempt| {
                if attempt.number() > 1 {
                    self.stats.count_retry();
                }
                let guard = self.stats.begin_attempt(attempt.target());
                let result = attempt.get(number).await;
                let target = attempt.target().clone();
                let sight = match guard.end(result.is_ok()) {
                    Turn::Same => return result,
                    Turn::Fails => Sight::Fails { target, reason: reason(&result) },
                    Turn::Recovers => Sight::Recovers { target },
                };
                // The screen may be gone already; the call goes on.
                let _ = self.sights.send(sight);
                result
            })
            .await;
        self.stats.end_call(begun, result.is_ok());
        result.map_err(|error| format!("call {number}: {error}"))
    }
}

/// Idle connections that are kept of each backend: what an overload opened must not use up the
/// files of this process.
const IDLE: usize = 8;
/// How often a call is tried at most: where all backends but the ejected one refuse, each attempt
/// takes [`QUEUE_TIME`](super::backend::QUEUE_TIME), and the ejection may take some to be undone.
const ATTEMPTS: u32 = 40;

/// Retries calls at once, because another backend is asked, and more often than the
/// demo's faults can need, so that a lost call is the balancer's fault.
pub(super) fn retry() -> Result<Retry, RetryPolicyError> {
    let policy = RetryPolicy::new(ATTEMPTS)?
        .with_timeout(Duration::from_secs(10))?
        .with_attempt_timeout(ATTEMPT_TIMEOUT)?
        .with_backoff(Backoff::None)?;
    Ok(Retry::new(policy))
}

fn lost(ended: Result<Result<(), String>, tokio::task::JoinError>) -> Option<String> {
    ended.unwrap_or_else(|panic| Err(panic.to_string())).err()
}

fn reason(result: &Result<(), Failure>) -> String {
    result.as_ref().err().map(ToString::to_string).unwrap_or_default()
}

/// Why an attempt has no good answer.
#[derive(Debug)]
pub(super) enum Failure {
    Status(StatusCode),
    Broken(Box<dyn Error + Send + Sync>),
    Foreign(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Broken(error) => {
                // hyper's own message is general ("client error"); the innermost says what
                // happened.
                let mut cause: &dyn Error = error.as_ref();
                while let Some(inner) = cause.source() {
                    cause = inner;
                }
                match cause.downcast_ref::<io::Error>() {
                    Some(error) => write!(f, "{}", error.kind()),
                    None => write!(f, "{cause}"),
                }
            }
            Self::Foreign(body) => write!(f, "an answer to something else: {body:?}"),
        }
    }
}

impl Error for Failure {}
