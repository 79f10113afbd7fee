//! The HTTP server that a process runs.

use core::convert::Infallible;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Default)]
struct Mode {
    fails: AtomicBool,
    slow_ms: AtomicU64,
}

/// Serves on this port of the loopback address, or a free one for 0; writes the port to the
/// standard output as soon as it listens. Obeys lines of the standard input: `well`, `fail`,
/// `slow MILLISECONDS`; ends with it.
///
/// # Errors
/// The port cannot be had.
pub fn serve(port: u16) -> io::Result<()> {
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
            tokio::spawn(answer(stream, Arc::clone(&mode)));
        }
    })
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

async fn answer(stream: TcpStream, mode: Arc<Mode>) -> hyper::Result<()> {
    // Only a hint to the system.
    let _ = stream.set_nodelay(true);
    let service = service_fn(async |_: Request<Incoming>| {
        let slow = mode.slow_ms.load(Relaxed);
        if slow > 0 {
            tokio::time::sleep(Duration::from_millis(slow)).await;
        }
        let mut response = Response::new(Empty::<Bytes>::new());
        if mode.fails.load(Relaxed) {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok::<_, Infallible>(response)
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
}
