//! One name server: UDP, then TCP when the answer does not fit or UDP stays silent.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequestOptions, Message, Query, ResponseCode};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use tokio::time::timeout;

use super::error::Cause;

/// What fits into one datagram on every path (DNS flag day 2020, RFC 9715).
const UDP_PAYLOAD: u16 = 1232;

/// hickory adds timeouts to the clock, which must not overflow.
const LONGEST: Duration = Duration::from_secs(3600);

type Pool = NameServerPool<TokioRuntimeProvider>;

/// A server's last word on a question.
pub(super) enum Reply {
    /// There are records, of the type asked or aliases.
    Records(Message),
    /// There are none (NXDOMAIN or NODATA), and there will be none for so many seconds.
    Nothing { ttl: Option<u32> },
}

/// One name server with a pool of connections per transport.
///
/// hickory's pool of several transports never tries TCP where UDP stays silent, so each pool here
/// has one transport.
pub(super) struct Server {
    addr: SocketAddr,
    timeout: Duration,
    context: Arc<PoolContext>,
    udp: Pool,
    // Replaced after a timeout: a connection that a middlebox forgot would swallow every later
    // question.
    tcp: Mutex<Pool>,
    // TCP answered where UDP did not: ask both at once from then on.
    udp_silent: AtomicBool,
}

impl Server {
    pub(super) fn new(addr: SocketAddr, context: Arc<PoolContext>) -> Self {
        Self {
            addr,
            timeout: context.options.timeout,
            udp: pool(addr, ProtocolConfig::Udp, context.clone()),
            tcp: Mutex::new(pool(addr, ProtocolConfig::Tcp, context.clone())),
            context,
            udp_silent: AtomicBool::new(false),
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Asks within the timeout.
    pub(super) async fn ask(&self, query: &Query) -> Result<Reply, Cause> {
        if let Ok(answer) = timeout(self.timeout, self.over_any(query)).await {
            return reply(answer, self.timeout);
        }
        *self.tcp.lock().unwrap_or_else(PoisonError::into_inner) =
            pool(self.addr, ProtocolConfig::Tcp, self.context.clone());
        Err(Cause::TimedOut(self.timeout))
    }

    /// Asks over UDP, which has the first half of the timeout for itself; then TCP joins, and the
    /// first that answers wins.
    async fn over_any(&self, query: &Query) -> Result<Message, NetError> {
        let mut udp = core::pin::pin!(send(self.udp.clone(), query));
        let alone =
            if self.udp_silent.load(Ordering::Relaxed) { Duration::ZERO } else { self.timeout / 2 };
        if let Ok(answer) = timeout(alone, &mut udp).await {
            return if answered(&answer) { answer } else { self.over_tcp(query).await };
        }
        let mut tcp = core::pin::pin!(self.over_tcp(query));
        tokio::select! {
            answer = &mut udp => {
                if answered(&answer) {
                    self.udp_silent.store(false, Ordering::Relaxed);
                    answer
                } else {
                    tcp.await
                }
            }
            answer = &mut tcp => {
                if answered(&answer) {
                    self.udp_silent.store(true, Ordering::Relaxed);
                    answer
                } else {
                    udp.await
                }
            }
        }
    }

    async fn over_tcp(&self, query: &Query) -> Result<Message, NetError> {
        let pool = self.tcp.lock().unwrap_or_else(PoisonError::into_inner).clone();
        send(pool, query).await
    }
}

/// Makes what all pools share.
pub(super) fn context(timeout: Duration) -> Result<Arc<PoolContext>, NetError> {
    let mut options = ResolverOpts::default();
    options.timeout = timeout.min(LONGEST);
    options.num_concurrent_reqs = 1;
    Ok(Arc::new(PoolContext::new(options, TlsConfig::new()?)))
}

fn pool(addr: SocketAddr, protocol: ProtocolConfig, context: Arc<PoolContext>) -> Pool {
    let mut connection = ConnectionConfig::new(protocol);
    connection.port = addr.port();
    let server = NameServerConfig::new(addr.ip(), true, vec![connection]);
    Pool::from_config([server], context, TokioRuntimeProvider::default())
}

async fn send(pool: Pool, query: &Query) -> Result<Message, NetError> {
    let mut options = DnsRequestOptions::default();
    options.edns_payload_len = UDP_PAYLOAD;
    let response = pool.lookup(query.clone(), options).first_answer().await?;
    if response.truncation { Err(NetError::Truncated) } else { Ok(response.into_message()) }
}

/// Tells that the server itself spoke, well or ill, and the other transport would say the same.
fn answered(answer: &Result<Message, NetError>) -> bool {
    matches!(answer, Ok(_) | Err(NetError::Dns(_)))
}

/// Judges an answer; a code that says nothing of the records is the server's failure.
fn reply(answer: Result<Message, NetError>, timeout: Duration) -> Result<Reply, Cause> {
    match answer {
        Ok(message) => Ok(Reply::Records(message)),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let referral = none.response_code == ResponseCode::NoError
                && none.soa.is_none()
                && none.ns.is_some();
            if referral {
                Err(Cause::Referral)
            } else {
                Ok(Reply::Nothing { ttl: none.negative_ttl })
            }
        }
        Err(NetError::Dns(DnsError::ResponseCode(code))) => Err(Cause::Code(code.into())),
        Err(NetError::Timeout) => Err(Cause::TimedOut(timeout)),
        Err(NetError::Truncated) => Err(Cause::Truncated),
        Err(error) => Err(Cause::Failed(error.into())),
    }
}
