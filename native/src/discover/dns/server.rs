//! One name server: how to ask it, and what is known of it.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use tokio::time::Instant;

use super::error::Cause;
#[cfg(feature = "dns-over-https")]
use super::https::Https;
#[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
use super::kept::Kept;
use super::message::{says_what_exists, whole};
use super::name_server::{Kind, NameServer};
use super::plain::Plain;
#[cfg(feature = "dns-over-tls")]
use super::tls::Tls;

/// Times out at the latest after this: the clock must not overflow.
const LONGEST: Duration = Duration::from_secs(3600);

/// A server that did not answer is asked last for so long.
const REST: Duration = Duration::from_secs(30);

/// A server that said anything within so long is not dead if it leaves an AAAA without an answer.
const LATELY: Duration = Duration::from_secs(60);

/// One name server.
#[derive(Debug)]
pub(super) struct Server {
    name: Arc<str>,
    timeout: Duration,
    way: Way,
    standing: Mutex<Standing>,
}

/// How it is asked.
#[derive(Debug)]
enum Way {
    Plain(Plain),
    #[cfg(feature = "dns-over-tls")]
    Tls(Kept<Tls>),
    #[cfg(feature = "dns-over-https")]
    Https(Kept<Https>),
}

#[derive(Debug, Default)]
struct Standing {
    /// When it last said anything, if only that it cannot help.
    heard: Option<Instant>,
    /// When it last left a question without an answer, and what was met instead, if nothing was
    /// heard of it since.
    silent: Option<(Instant, Cause)>,
}

impl Server {
    pub(super) fn new(server: &NameServer, timeout: Duration, tcp_only: bool) -> Self {
        let way = match server.kind() {
            &Kind::Plain(addr) => Way::Plain(Plain::new(addr, tcp_only)),
            #[cfg(feature = "dns-over-tls")]
            Kind::Tls(place, tls) => Way::Tls(Kept::new(Tls::new(place.clone(), tls.clone()))),
            #[cfg(feature = "dns-over-https")]
            Kind::Https(url, place, tls) => {
                Way::Https(Kept::new(Https::new(url.clone(), place.clone(), tls.clone())))
            }
        };
        let name = server.to_string().into();
        Self { name, timeout: timeout.min(LONGEST), way, standing: Mutex::default() }
    }

    /// Returns what it is called in answers and errors.
    pub(super) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// Returns how long ago it was found silent, and what was met, if that was lately.
    pub(super) fn rests(&self, now: Instant) -> Option<Cause> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, met) = standing.silent.as_ref()?;
        let ago = now.saturating_duration_since(*since);
        (ago < REST).then(|| Cause::Resting { ago, met: Box::new(met.clone()) })
    }

    /// Asks within the timeout. The answer says what there is, or that there is nothing.
    pub(super) async fn ask(&self, query: &Query) -> Result<Message, Cause> {
        let begun = Instant::now();
        let answer = match &self.way {
            Way::Plain(plain) => plain.ask(query, self.timeout).await,
            #[cfg(feature = "dns-over-tls")]
            Way::Tls(kept) => kept.ask(query, self.timeout).await,
            #[cfg(feature = "dns-over-https")]
            Way::Https(kept) => kept.ask(query, self.timeout).await,
        };
        let result = whole(answer).and_then(judge);
        let silence = result.as_ref().err().filter(|cause| cause.is_silence());
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Some servers and firewalls drop one type, and are well otherwise.
        let one_type = query.query_type() == RecordType::AAAA;
        let since = if one_type { now.checked_sub(LATELY).unwrap_or(begun) } else { begun };
        match silence {
            None => *standing = Standing { heard: Some(now), silent: None },
            Some(cause) if standing.heard.is_none_or(|heard| heard < since) => {
                standing.silent = Some((now, cause.clone()));
            }
            Some(_) => {}
        }
        result
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
