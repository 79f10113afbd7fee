//! Questions over HTTPS (RFC 8484), by HTTP/2: many at once over one connection.

use core::error::Error;
use core::fmt;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use hickory_proto::op::{Message, Query};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{ACCEPT, AGE, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::error::Cause;
use super::kept::{Fault, Transport};
use super::life::meant;
use super::message::{Asked, Heard};
use super::place::{NO_HTTP_2, Place};
use crate::reason::with_sources;
use crate::tls::{Connector, Tls};

const HTTP_2: &[u8] = b"h2";
const DNS_MESSAGE: &str = "application/dns-message";

/// No message is longer (RFC 1035 §4.2.2).
const LIMIT: usize = 65_535;

/// A server that is asked over HTTPS.
pub(super) struct Https {
    url: Uri,
    place: Place,
    connector: Connector,
}

impl Https {
    pub(super) fn new(url: Uri, place: Place, settings: Tls) -> Self {
        Self { url, place, connector: Connector::new(settings).speaking(&[HTTP_2]) }
    }
}

impl fmt::Debug for Https {
    /// Leaves the URL out, whose query may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Transport for Https {
    type Connection = http2::SendRequest<Full<Bytes>>;

    fn connect(&self) -> BoxFuture<'static, Result<Self::Connection, Cause>> {
        let (place, connector) = (self.place.clone(), self.connector.clone());
        Box::pin(async move {
            let stream = place.connect(&connector).await?;
            if stream.get_ref().1.alpn_protocol() != Some(HTTP_2) {
                return Err(Cause::Tls(Arc::new(io::Error::other(NO_HTTP_2))));
            }
            let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
            let (sender, connection) = handshake.await.map_err(|error| failed(&error))?;
            // How it ends is told to those who ask.
            tokio::spawn(async { drop(connection.await) });
            Ok(sender)
        })
    }

    fn has_answered(_: &Self::Connection) -> bool {
        false
    }

    async fn ask(&self, mut connection: Self::Connection, query: &Query) -> Result<Message, Fault> {
        // The same question is the same request, for caches (RFC 8484 §4.1).
        let asked = Asked::new(query, false).map_err(Fault::Answered)?.with_id(0);
        let mut request = Request::new(Full::new(Bytes::from(asked.bytes.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(DNS_MESSAGE));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(DNS_MESSAGE));
        headers.insert(USER_AGENT, HeaderValue::from_static("evenkeel"));
        let broken = |error: hyper::Error| Fault::Broken(failed(&error));
        connection.ready().await.map_err(broken)?;
        let response = connection.send_request(request).await.map_err(broken)?;
        read(&asked, query, response).await
    }
}

/// Reads the response to a question.
async fn read(
    asked: &Asked,
    query: &Query,
    response: Response<Incoming>,
) -> Result<Message, Fault> {
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(Fault::Answered(Cause::Status(head.status.as_u16())));
    }
    let unusable = |what| Err(Fault::Answered(Cause::Unusable(what)));
    let content = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = content.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(DNS_MESSAGE.as_bytes()) {
        let content = String::from_utf8_lossy(content);
        return unusable(format!("its type is '{}'", content.escape_debug()));
    }
    let body = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return unusable(format!("more than {LIMIT} bytes"));
        }
        Err(error) => return Err(Fault::Broken(failed(&*error))),
    };
    match asked.read(query, &body) {
        Heard::Answer(mut answer) => {
            grow_old(&mut answer, age(&head.headers));
            Ok(answer)
        }
        Heard::WrongQuestion => Err(Fault::Answered(Cause::WrongQuestion)),
        Heard::Broken(what) => unusable(what),
        Heard::Foreign => unusable(format!("{} bytes that answer nothing", body.len())),
    }
}

/// Returns for how many seconds a cache on the way has kept the response.
fn age(headers: &HeaderMap) -> u32 {
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    age.unwrap_or_default()
}

/// Takes what is over off the times to live (RFC 8484 §5.1).
fn grow_old(answer: &mut Message, age: u32) {
    for section in [&mut answer.answers, &mut answer.authorities, &mut answer.additionals] {
        for record in section {
            record.ttl = meant(record.ttl).saturating_sub(age);
        }
    }
}

fn failed(error: &(dyn Error + 'static)) -> Cause {
    Cause::io(io::Error::other(with_sources(error)))
}
