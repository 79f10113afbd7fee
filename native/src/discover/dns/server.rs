//! One name server: UDP, then TCP when the answer does not fit or UDP stays silent.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use tokio::time::{Instant, timeout, timeout_at};

use super::error::Cause;
use super::message::says_what_exists;
use super::tcp::Tcp;
use super::udp::Udp;

/// Times out at the latest after this: the clock must not overflow.
const LONGEST: Duration = Duration::from_secs(3600);

/// A server that did not answer is asked last for so long.
const REST: Duration = Duration::from_secs(30);

/// A server that said anything within so long is not dead if it leaves an AAAA without an answer.
const LATELY: Duration = Duration::from_secs(60);

/// One name server.
#[derive(Debug)]
pub(super) struct Server {
    addr: SocketAddr,
    name: Arc<str>,
    timeout: Duration,
    /// Never asked over UDP (`options use-vc`).
    tcp_only: bool,
    udp: Udp,
    tcp: Tcp,
    // TCP answered where UDP did not: ask both at once from then on.
    udp_silent: AtomicBool,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// When it last said anything, if only that it cannot help.
    heard: Option<Instant>,
    /// When it last left a question without an answer, and nothing was heard of it since.
    silent: Option<Instant>,
}

impl Server {
    pub(super) fn new(addr: SocketAddr, timeout: Duration, tcp_only: bool) -> Self {
        Self {
            addr,
            name: addr.to_string().into(),
            timeout: timeout.min(LONGEST),
            tcp_only,
            udp: Udp::default(),
            tcp: Tcp::default(),
            udp_silent: AtomicBool::new(false),
            standing: Mutex::default(),
        }
    }

    /// Returns what it is called in answers and errors.
    pub(super) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// Returns how long ago it was found silent, if that was lately.
    pub(super) fn silent_for(&self, now: Instant) -> Option<Duration> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let ago = now.saturating_duration_since(standing.silent?);
        (ago < REST).then_some(ago)
    }

    /// Asks within the timeout. The answer says what there is, or that there is nothing.
    pub(super) async fn ask(&self, query: &Query) -> Result<Message, Cause> {
        let begun = Instant::now();
        let answer = self.over_any(query, begun + self.timeout).await;
        let result = answer.and_then(judge);
        let silent = matches!(&result, Err(cause) if cause.is_silence());
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Some servers and firewalls drop one type, and are well otherwise.
        let one_type = query.query_type() == RecordType::AAAA;
        let since = if one_type { now.checked_sub(LATELY).unwrap_or(begun) } else { begun };
        if !silent {
            *standing = Standing { heard: Some(now), silent: None };
        } else if standing.heard.is_none_or(|heard| heard < since) {
            standing.silent = Some(now);
        }
        result
    }

    /// Asks over UDP, which has the first half of the timeout for itself; then TCP joins, and the
    /// first that answers wins.
    async fn over_any(&self, query: &Query, deadline: Instant) -> Result<Message, Cause> {
        let over_tcp = || self.tcp.ask(self.addr, query, deadline);
        if self.tcp_only {
            return whole(over_tcp().await);
        }
        let mut udp = core::pin::pin!(self.udp.ask(self.addr, query, self.timeout / 4));
        let alone =
            if self.udp_silent.load(Ordering::Relaxed) { Duration::ZERO } else { self.timeout / 2 };
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
                    Err(_) => Err(Cause::TimedOut(self.timeout).and_over_tcp(tcp)),
                },
            },
        }
    }
}

/// Lets only a whole answer pass: a part of a set would remove the rest.
fn whole(answer: Result<Message, Cause>) -> Result<Message, Cause> {
    match answer {
        Ok(answer) if answer.truncation => Err(Cause::Truncated),
        answer => answer,
    }
}

/// Judges an answer; a code that says nothing of the records is the server's failure.
fn judge(answer: Message) -> Result<Message, Cause> {
    if !says_what_exists(answer.response_code) {
        return Err(Cause::Code(answer.response_code.into()));
    }
    let has = |ns: bool| {
        answer.authorities.iter().any(|record| match &record.data {
            RData::NS(_) => ns,
            RData::SOA(_) => !ns,
            _ => false,
        })
    };
    let referral = answer.response_code == ResponseCode::NoError
        && answer.answers.is_empty()
        && has(true)
        && !has(false);
    if referral { Err(Cause::Referral) } else { Ok(answer) }
}
