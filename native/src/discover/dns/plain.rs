//! A name server over UDP, and over TCP when the answer does not fit or UDP stays silent.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use hickory_proto::op::{Message, Query};
use tokio::time::{Instant, timeout, timeout_at};

use super::error::Cause;
use super::message::whole;
use super::tcp::Tcp;
use super::udp::Udp;

/// A server that is asked as RFC 1035 has it.
#[derive(Debug)]
pub(super) struct Plain {
    addr: SocketAddr,
    /// Never over UDP (`options use-vc`).
    tcp_only: bool,
    udp: Udp,
    tcp: Tcp,
    // TCP answered where UDP did not: ask both at once from then on.
    udp_silent: AtomicBool,
}

impl Plain {
    pub(super) fn new(addr: SocketAddr, tcp_only: bool) -> Self {
        let (udp, tcp) = (Udp::default(), Tcp::default());
        Self { addr, tcp_only, udp, tcp, udp_silent: AtomicBool::new(false) }
    }

    /// Asks over UDP, which has the first half of the timeout for itself; then TCP joins, and the
    /// first that answers wins.
    pub(super) async fn ask(&self, query: &Query, limit: Duration) -> Result<Message, Cause> {
        let deadline = Instant::now() + limit;
        let over_tcp = || self.tcp.ask(self.addr, query, deadline);
        if self.tcp_only {
            return whole(over_tcp().await);
        }
        let mut udp = core::pin::pin!(self.udp.ask(self.addr, query, limit / 4));
        let alone =
            if self.udp_silent.load(Ordering::Relaxed) { Duration::ZERO } else { limit / 2 };
        if let Ok(answer) = timeout(alone, &mut udp).await {
            return match whole(answer) {
                Ok(answer) => Ok(answer),
                Err(cause) => whole(over_tcp().await).map_err(|tcp| cause.and_over_tcp(tcp)),
            };
        }
        let mut tcp = core::pin::pin!(over_tcp());
        tokio::select! {
            answer = &mut udp => match whole(answer) {
                Ok(answer) => {
                    self.udp_silent.store(false, Ordering::Relaxed);
                    Ok(answer)
                }
                Err(cause) => whole(tcp.await).map_err(|tcp| cause.and_over_tcp(tcp)),
            },
            answer = &mut tcp => match whole(answer) {
                Ok(answer) => {
                    self.udp_silent.store(true, Ordering::Relaxed);
                    Ok(answer)
                }
                Err(tcp) => match timeout_at(deadline, udp).await {
                    Ok(answer) => whole(answer).map_err(|cause| cause.and_over_tcp(tcp)),
                    Err(_) => Err(Cause::TimedOut(limit).and_over_tcp(tcp)),
                },
            },
        }
    }
}
