//! An HTTP/1.1 client: one connection for each question, which ends when its answer is dropped.
//!
//! Questions are rare (a long poll, a watch), and each may be given up at any time: a pool would
//! only keep what nobody uses. No task of its own: who reads the answer drives the connection.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::io;

use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, DATE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{RegistryError, Secret};
use crate::aside::{LONG_TEXT, aside};
use crate::connect::connect;
use crate::discover::json::Bad;
use crate::discover::url::Url;
use crate::reason::with_sources;
use crate::tls::{Connector, explained};

/// For finding the address, the connection, and the handshake of TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection is asked for a sign of life when nothing came for so long, then twice more with as
/// long in between: after 40 s of silence it is broken, also with a question on the way. Without
/// that, who waits for news would notice only when it has waited for as long as it may that a
/// network was cut, or that a firewall forgot the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Most bytes of an answer, or of a line of a stream.
const LIMIT: usize = 256 << 20;
/// So many bytes are read at once. A long answer must not keep other tasks from running.
const SLICE: usize = 256 << 10;
/// So much is read, and shown, of an answer that is an error.
const ERROR_LIMIT: usize = 300;

/// Asks registries.
#[derive(Clone, Debug, Default)]
pub(in crate::discover) struct Client {
    pub(in crate::discover) tls: Connector,
    /// What no error may show.
    pub(in crate::discover) secrets: Vec<Secret>,
}

/// A question.
#[derive(Debug)]
pub(in crate::discover) struct Ask {
    pub(in crate::discover) method: Method,
    pub(in crate::discover) url: Url,
    pub(in crate::discover) headers: HeaderMap,
    pub(in crate::discover) body: String,
}

/// A good answer that is being read. Dropped, it ends the connection.
pub(in crate::discover) struct Reply {
    pub(in crate::discover) at: String,
    pub(in crate::discover) status: StatusCode,
    pub(in crate::discover) headers: HeaderMap,
    connection: Option<Connection>,
    body: Incoming,
    /// So many bytes were read since other tasks could run.
    at_once: usize,
    #[cfg(any(feature = "etcd", feature = "kubernetes"))]
    lines: Lines,
}

/// What was read and not yet told.
#[cfg(any(feature = "etcd", feature = "kubernetes"))]
#[derive(Default)]
struct Lines {
    read: Vec<u8>,
    /// So much of it was told.
    told: usize,
    /// So much of it was told, or has no end of a line.
    seen: usize,
}

#[cfg(any(feature = "etcd", feature = "kubernetes"))]
impl Lines {
    /// Takes the next line that is not empty.
    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(end) = self.read[self.seen..].iter().position(|byte| *byte == b'\n') {
            self.seen += end + 1;
            let line = &self.read[self.told..self.seen];
            self.told = self.seen;
            if !line.trim_ascii().is_empty() {
                return Some(line.to_vec());
            }
        }
        // Once for many lines.
        self.read.drain(..self.told);
        (self.told, self.seen) = (0, self.read.len());
        None
    }
}

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

#[cfg(any(feature = "http-list", feature = "consul", feature = "kubernetes"))]
impl Ask {
    /// Asks for what is there.
    pub(in crate::discover) fn get(url: Url, headers: HeaderMap) -> Self {
        Self { method: Method::GET, url, headers, body: String::new() }
    }
}

impl Client {
    /// Sends a question, and waits for the head of the answer.
    ///
    /// # Errors
    /// [`RegistryError`]; any status but 2xx and 304 is one.
    pub(in crate::discover) async fn send(&self, ask: Ask) -> Result<Reply, RegistryError> {
        let Ask { method, url, mut headers, body } = ask;
        let at = url.to_string();
        let stream = timeout(CONNECT, self.connect(&url, &at));
        let stream = stream.await.map_err(|_| RegistryError::Connect {
            at: at.clone(),
            error: io::Error::from(io::ErrorKind::TimedOut),
        })??;
        let broken = |error: hyper::Error| broken(&at, &error);
        let (mut sender, connection) =
            http1::handshake::<_, String>(TokioIo::new(stream)).await.map_err(broken)?;
        let mut connection: Option<Connection> = Some(Box::pin(connection));
        let invalid = |_| RegistryError::Url { url: at.clone(), reason: "it cannot be asked" };
        headers.insert(HOST, HeaderValue::from_str(url.authority()).map_err(invalid)?);
        headers.insert(USER_AGENT, HeaderValue::from_static("evenkeel"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = url
            .origin_form()
            .parse()
            .map_err(|_| RegistryError::Url { url: at.clone(), reason: "it cannot be asked" })?;
        *request.headers_mut() = headers;
        let mut answer = core::pin::pin!(sender.send_request(request));
        // Where the connection itself fails, that says more than that the question was canceled.
        let mut failed = None;
        let answer = poll_fn(|context| {
            failed = failed.take().or(drive(&mut connection, context));
            answer.as_mut().poll(context)
        });
        let answer = answer.await;
        let answer = answer.map_err(|error| broken(failed.unwrap_or(error)))?;
        let (head, body) = answer.into_parts();
        let reply = Reply {
            at,
            status: head.status,
            headers: head.headers,
            connection,
            body,
            at_once: 0,
            #[cfg(any(feature = "etcd", feature = "kubernetes"))]
            lines: Lines::default(),
        };
        if reply.status.is_success() || reply.status == StatusCode::NOT_MODIFIED {
            return Ok(reply);
        }
        Err(self.status_error(reply).await)
    }

    async fn connect(&self, url: &Url, at: &str) -> Result<Box<dyn Stream>, RegistryError> {
        let failed = |error| RegistryError::Connect { at: at.to_owned(), error };
        let tcp = connect(&url.host, url.port).await.map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        keep_alive(&tcp);
        if !url.https {
            return Ok(Box::new(tcp));
        }
        let (connector, name) = self.tls.session(&url.host).await?;
        Ok(Box::new(connector.connect(name, tcp).await.map_err(explained).map_err(failed)?))
    }

    /// Takes what no error may show out of what a server said.
    pub(in crate::discover) fn without_secrets(&self, said: &str) -> String {
        self.secrets.iter().fold(said.to_owned(), |text, secret| secret.out_of(&text))
    }

    /// Makes an error of how the answer begins.
    async fn status_error(&self, mut reply: Reply) -> RegistryError {
        let mut body = Vec::new();
        // What of it comes in time is good enough.
        let read = async {
            while let Ok(Some(chunk)) = reply.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > ERROR_LIMIT {
                    break;
                }
            }
        };
        let _late = timeout(Duration::from_secs(1), read).await;
        let text = self.without_secrets(&String::from_utf8_lossy(&body));
        let text = text.trim().chars().take(ERROR_LIMIT).collect::<String>();
        let body = text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
        let retry_after = retry_after(&reply.headers);
        let (at, status) = (reply.at, reply.status.as_u16());
        RegistryError::Status { at, status, body, retry_after }
    }
}

impl Reply {
    /// Reads the whole body by `read`; aside, if that takes long.
    ///
    /// # Errors
    /// [`RegistryError::Broken`] when it breaks off, [`RegistryError::TooLarge`] above 256 MiB,
    /// [`RegistryError::Content`] for what `read` finds bad.
    pub(in crate::discover) async fn read<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&[u8]) -> Result<T, Bad> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (mut chunks, mut length) = (Vec::new(), 0);
        while let Some(chunk) = self.chunk().await? {
            length += chunk.len();
            if length > LIMIT {
                return Err(RegistryError::TooLarge { at: self.at.clone(), limit: LIMIT });
            }
            chunks.push(chunk);
        }
        let read = aside(length > LONG_TEXT, move || read(&chunks.concat())).await;
        read.map_err(|bad| RegistryError::content(&*self.at, bad))
    }

    /// Reads the next line that is not empty; `None` at the end. Dropped and called again at will.
    ///
    /// # Errors
    /// As [`read`](Self::read); the end within a line is one.
    #[cfg(any(feature = "etcd", feature = "kubernetes"))]
    pub(in crate::discover) async fn line(&mut self) -> Result<Option<Vec<u8>>, RegistryError> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            let seen = self.lines.seen;
            if seen > LIMIT {
                return Err(RegistryError::TooLarge { at: self.at.clone(), limit: LIMIT });
            }
            match self.chunk().await? {
                Some(chunk) => self.lines.read.extend_from_slice(&chunk),
                None if self.lines.read.trim_ascii().is_empty() => return Ok(None),
                None => {
                    let reason = format!("it broke off in a line, after {seen} bytes");
                    return Err(RegistryError::Broken { at: self.at.clone(), reason });
                }
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        if self.at_once > SLICE {
            self.at_once = 0;
            tokio::task::yield_now().await;
        }
        loop {
            let frame = poll_fn(|context| {
                // How it ends is told by the body.
                let _told = drive(&mut self.connection, context);
                Pin::new(&mut self.body).poll_frame(context)
            });
            match frame.await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(&self.at, &error)),
                // Trailers say nothing.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.at_once += data.len();
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// Has the system look whether the server is still there. Where that cannot be said so exactly, or
/// not at all, questions end by their own deadlines.
fn keep_alive(tcp: &TcpStream) {
    let (socket, signs) = (SockRef::from(tcp), TcpKeepalive::new().with_time(KEEP_ALIVE));
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", windows))]
    let signs = signs.with_interval(KEEP_ALIVE).with_retries(3);
    let _ = socket.set_tcp_keepalive(&signs);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_user_timeout(Some(KEEP_ALIVE * 4));
}

/// Lets the connection work; returns the error that ends it.
fn drive(
    connection: &mut Option<Connection>,
    context: &mut core::task::Context<'_>,
) -> Option<hyper::Error> {
    let Poll::Ready(ended) = connection.as_mut()?.as_mut().poll(context) else { return None };
    *connection = None;
    ended.err()
}

fn broken(at: &str, error: &hyper::Error) -> RegistryError {
    RegistryError::Broken { at: at.to_owned(), reason: with_sources(error) }
}

/// Reads for how long the server wants not to be asked: in seconds, or until a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // By the server's own clock.
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}
