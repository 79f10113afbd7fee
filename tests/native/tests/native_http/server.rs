//! An HTTP/1.1 server on a real socket that does what a test says.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::within;

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers: status, headers as `Name: value\r\n`, body.
    Answer(u16, &'static str, &'static str),
    /// Never answers.
    Hang,
    /// Answers so much later.
    After(Duration),
    /// Closes without an answer.
    Close,
    /// Sends what is no HTTP.
    Garbage,
    /// Answers with this status and a half of a body, and resets the connection.
    Break(u16),
    /// Answers with this status and nothing of its body, and resets the connection.
    Bodiless(u16),
    /// Answers with this status and a half of a body, and closes the connection.
    Cut(u16),
    /// Answers with this status and a half of a body, and nothing after that.
    Stall(u16),
    /// Answers with this status and a body that does not end.
    Endless(u16),
}

impl Act {
    pub(crate) const OK: Self = Self::Answer(200, "", "fine");
}

/// What it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A server that ends, with its connections, when it is dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    asked: watch::Receiver<Vec<Asked>>,
    open: watch::Receiver<Count>,
    _task: JoinSet<()>,
}

/// Connections of a server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) made: usize,
    pub(crate) open: usize,
}

impl Server {
    /// Answers each request, which are counted from 0, as `script` says.
    pub(crate) async fn start(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let (log, asked) = watch::channel(Vec::new());
        let (count, open) = watch::channel(Count::default());
        let (log, count, script) = (Arc::new(log), Arc::new(count), Arc::new(script));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.send_modify(|count| {
                    count.made += 1;
                    count.open += 1;
                });
                let (log, count, script) = (log.clone(), count.clone(), script.clone());
                connections.spawn(async move {
                    // How it ends is what tests look at from the other side.
                    let _ended = serve(stream, &log, &*script).await;
                    count.send_modify(|count| count.open -= 1);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { addr, asked, open, _task: task }
    }

    /// Answers every request in this way.
    pub(crate) async fn always(act: Act) -> Self {
        Self::start(move |_| act.clone()).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    pub(crate) fn times(&self) -> usize {
        self.asked.borrow().len()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn asked_times(&self, times: usize) {
        let mut asked = self.asked.clone();
        within(asked.wait_for(|asked| asked.len() >= times)).await.expect("the server lives");
    }

    pub(crate) fn connections(&self) -> Count {
        *self.open.borrow()
    }

    /// Waits until at most so many connections are open.
    pub(crate) async fn open_at_most(&self, most: usize) {
        let mut open = self.open.clone();
        within(open.wait_for(|count| count.open <= most)).await.expect("the server lives");
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &watch::Sender<Vec<Asked>>,
    script: &(dyn Fn(usize) -> Act + Send + Sync),
) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        let asked = ask(&mut stream, &mut read).await?;
        let mut number = 0;
        log.send_modify(|log| {
            number = log.len();
            log.push(asked);
        });
        // Of what OK answers.
        let half = |status| format!("HTTP/1.1 {status} X\r\nContent-Length: 4\r\n\r\nfi");
        match script(number) {
            Act::Answer(status, headers, body) => {
                answer(&mut stream, status, headers, body).await?;
            }
            Act::After(time) => {
                tokio::time::sleep(time).await;
                answer(&mut stream, 200, "", "late").await?;
            }
            Act::Hang => return closed(&mut stream).await,
            Act::Close => return Ok(()),
            Act::Garbage => return stream.write_all(b"NOTHTTP\r\n\r\n").await,
            Act::Break(status) => {
                stream.write_all(half(status).as_bytes()).await?;
                // Its reader has the half before the reset.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return stream.set_zero_linger();
            }
            Act::Cut(status) => return stream.write_all(half(status).as_bytes()).await,
            Act::Bodiless(status) => {
                stream.write_all(half(status).trim_end_matches("fi").as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
                return stream.set_zero_linger();
            }
            Act::Stall(status) => {
                stream.write_all(half(status).as_bytes()).await?;
                return closed(&mut stream).await;
            }
            Act::Endless(status) => {
                let head = format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                loop {
                    stream.write_all(b"5\r\nmore \r\n").await?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
    }
}

async fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> io::Result<()> {
    // These have no body, and no length.
    let length = match status {
        100..=199 | 204 | 304 => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let body = if length.is_empty() { "" } else { body };
    let text = format!("HTTP/1.1 {status} X\r\n{length}{headers}\r\n{body}");
    stream.write_all(text.as_bytes()).await
}

/// Waits until the other side closes.
async fn closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Reads a request, with a body by its length or in chunks.
async fn ask(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Asked> {
    let head = until(stream, read, b"\r\n\r\n").await?;
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = Vec::new();
    if headers.contains_key("transfer-encoding") {
        loop {
            let size = until(stream, read, b"\r\n").await?;
            let size = String::from_utf8_lossy(&size);
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or_default();
            let chunk = exactly(stream, read, size + 2).await?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = headers.get("content-length") {
        body = exactly(stream, read, length.parse().unwrap_or_default()).await?;
    }
    Ok(Asked { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

async fn until(stream: &mut TcpStream, read: &mut Vec<u8>, end: &[u8]) -> io::Result<Vec<u8>> {
    loop {
        if let Some(at) = read.windows(end.len()).position(|window| window == end) {
            return Ok(read.drain(..at + end.len()).collect());
        }
        more(stream, read).await?;
    }
}

async fn exactly(stream: &mut TcpStream, read: &mut Vec<u8>, size: usize) -> io::Result<Vec<u8>> {
    while read.len() < size {
        more(stream, read).await?;
    }
    Ok(read.drain(..size).collect())
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    if stream.read_buf(read).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
