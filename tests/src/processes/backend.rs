//! The server that a process runs, of HTTP/1 or gRPC.

use core::convert::Infallible;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1: an empty answer to each request.
    Http,
    /// gRPC, over HTTP/2 by prior knowledge: an empty message for each call.
    Grpc,
}

impl Protocol {
    /// Returns the command by which programs serve it: `backend`, `grpc`.
    pub fn command(self) -> &'static str {
        match self {
            Self::Http => "backend",
            Self::Grpc => "grpc",
        }
    }
}

#[derive(Debug, Default)]
struct Mode {
    fails: AtomicBool,
    slow_ms: AtomicU64,
}

/// Serves a protocol on this port of the loopback address, or a free one for 0; writes the port to the
/// standard output as soon as it listens. Obeys lines of the standard input: `well`, `fail`,
/// `slow MILLISECONDS`; ends with it.
///
/// # Errors
/// The port cannot be had.
pub fn serve(protocol: Protocol, port: u16) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mode = Arc::new(Mode::default());
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        println!("{}", listener.local_addr()?.port());
        io::stdout().flush()?;
        let told = Arc::clone(&mode);
        std::thread::spawn(move || obey(&told));
        loop {
            let (stream, _) = listener.accept().await?;
            let mode = Arc::clone(&mode);
            match protocol {
                Protocol::Http => tokio::spawn(http(stream, mode)),
                Protocol::Grpc => tokio::spawn(grpc(stream, mode)),
            };
        }
    })
}

impl Mode {
    /// Waits as long as it was told to.
    async fn slow(&self) {
        let slow = self.slow_ms.load(Relaxed);
        if slow > 0 {
            tokio::time::sleep(Duration::from_millis(slow)).await;
        }
    }
}

/// Obeys until the standard input ends; then the process does.
fn obey(mode: &Mode) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let slow = line.strip_prefix("slow ").and_then(|ms| ms.parse().ok());
        mode.slow_ms.store(slow.unwrap_or(0), Relaxed);
        mode.fails.store(line == "fail", Relaxed);
    }
    std::process::exit(0);
}

async fn http(stream: TcpStream, mode: Arc<Mode>) -> hyper::Result<()> {
    // Only a hint to the system.
    let _ = stream.set_nodelay(true);
    let service = service_fn(async |_: Request<Incoming>| {
        mode.slow().await;
        let mut response = Response::new(Empty::<Bytes>::new());
        if mode.fails.load(Relaxed) {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok::<_, Infallible>(response)
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
}

async fn grpc(stream: TcpStream, mode: Arc<Mode>) -> hyper::Result<()> {
    // Only a hint to the system.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mode = Arc::clone(&mode);
        async move {
            // To the end, as every server of unary calls.
            request.into_body().collect().await?;
            mode.slow().await;
            // 13 is INTERNAL.
            let status = if mode.fails.load(Relaxed) { "13" } else { "0" };
            let mut response = Response::new(message(status));
            let kind = HeaderValue::from_static("application/grpc");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            Ok::<_, hyper::Error>(response)
        }
    });
    let builder = http2::Builder::new(TokioExecutor::new());
    builder.serve_connection(TokioIo::new(stream), service).await
}

/// Returns an empty message, not compressed, and the status of the call.
fn message(status: &'static str) -> impl Body<Data = Bytes, Error = Infallible> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    Full::new(Bytes::from_static(&[0; 5])).with_trailers(core::future::ready(Some(Ok(trailers))))
}
