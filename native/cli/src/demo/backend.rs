//! An HTTP server on a loopback port whose faults can be switched on and off while it serves.

use core::net::Ipv4Addr;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use evenkeel::Target;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What a healthy backend takes for a request.
const WORK: Duration = Duration::from_millis(2);
/// What a slow one takes.
pub(super) const SLOW_WORK: Duration = Duration::from_millis(100);
/// After this time a request is refused that found no place before: for the balancer a
/// [slow failure](evenkeel::health::SLOW_FAILURE).
pub(super) const QUEUE_TIME: Duration = Duration::from_millis(220);

/// How a backend treats its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Healthy,
    /// Every request gets a 500 or a connection reset, in turn.
    Failing,
    Slow,
    /// Every request waits in a queue, and gets a 503 in the end.
    Swamped,
    /// Every connection is reset.
    Dead,
    /// No new connections; those that are open end after their current request.
    Off,
}

/// One running server; it stops when this is dropped.
pub(super) struct Backend {
    pub(super) name: &'static str,
    pub(super) port: u16,
    mode: watch::Sender<Mode>,
}

impl Backend {
    /// Starts a healthy backend for each name, on free ports of 127.0.0.1 that ascend with the
    /// names.
    pub(super) async fn start_all<const N: usize>(
        names: [&'static str; N],
    ) -> io::Result<Vec<Self>> {
        let mut listeners = Vec::new();
        for _ in names {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            listeners.push((listener.local_addr()?.port(), listener));
        }
        // The balancer sorts its endpoints by address: only if each name keeps its place is a run
        // repeatable.
        listeners.sort_unstable_by_key(|(port, _)| *port);
        let start = |(name, (port, listener))| {
            let (mode, current) = watch::channel(Mode::Healthy);
            tokio::spawn(accept(
                listener,
                Server { name, mode: current, requests: Arc::default() },
            ));
            Self { name, port, mode }
        };
        Ok(names.into_iter().zip(listeners).map(start).collect())
    }

    pub(super) fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    pub(super) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

/// Returns the first label of a target's host name: the name of the backend behind it.
pub(super) fn label(target: &Target) -> &str {
    target.host().split('.').next().unwrap_or_default()
}

#[derive(Clone)]
struct Server {
    name: &'static str,
    mode: watch::Receiver<Mode>,
    requests: Arc<AtomicU64>,
}

async fn accept(listener: TcpListener, server: Server) {
    let mut mode = server.mode.clone();
    loop {
        tokio::select! {
            () = off(&mut mode) => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, server.clone()));
                }
                // Out of file descriptors: accepting again at once would spin.
                Err(_) => sleep(WORK).await,
            },
        }
    }
}

async fn serve(stream: TcpStream, server: Server) {
    // A connection that the handler gives up on is closed with a reset, as the kernel does for a
    // process that died.
    if stream.set_nodelay(true).is_err() || stream.set_zero_linger().is_err() {
        return;
    }
    let mut mode = server.mode.clone();
    let handler = service_fn(move |request| server.clone().answer(request));
    let mut connection =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), handler));
    // How a connection ends is the client's to judge.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = off(&mut mode) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

impl Server {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Reset> {
        let turn = self.requests.fetch_add(1, Ordering::Relaxed);
        let mode = *self.mode.borrow();
        match mode {
            Mode::Failing if turn.is_multiple_of(2) => {
                return Ok(refusal(StatusCode::INTERNAL_SERVER_ERROR));
            }
            Mode::Failing | Mode::Dead => return Err(Reset),
            Mode::Swamped => {
                sleep(QUEUE_TIME).await;
                return Ok(refusal(StatusCode::SERVICE_UNAVAILABLE));
            }
            Mode::Slow => sleep(SLOW_WORK).await,
            Mode::Healthy | Mode::Off => sleep(WORK).await,
        }
        Ok(Response::new(Full::from(format!("{}{}", self.name, request.uri().path()))))
    }
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("out of order"));
    *response.status_mut() = status;
    response
}

/// Resolves when the backend is switched off or dropped.
async fn off(mode: &mut watch::Receiver<Mode>) {
    // An error says that the sender is gone, which is the same to us.
    let _ = mode.wait_for(|mode| *mode == Mode::Off).await;
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct Reset;

impl core::fmt::Display for Reset {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("connection reset")
    }
}

impl core::error::Error for Reset {}
