//! Questions in datagrams.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use hickory_proto::op::{Message, Query, ResponseCode};
use tokio::time::{Instant, sleep};

use super::error::Cause;
use super::message::{Asked, Heard};
use super::net::UdpSocket;

/// The longest datagram: some servers send more than they were asked to.
const LONGEST: usize = 65_535;

/// hickory takes the number for BADSIG, which it is in another record (RFC 6895 §2.3).
const BADVERS: u16 = 16;

/// So many questions in a row that were answered only without EDNS show that it is lost on the way.
const SILENT: u8 = 2;

/// A server is asked without EDNS for so long; then once more with it, as the way to it may have
/// become another one. Without, answers of more than 512 bytes are fetched over TCP.
const WITHOUT: Duration = Duration::from_secs(15 * 60);

/// A server that was never heard to know EDNS is asked without after so long: what drops questions
/// with EDNS shall not keep the first endpoint waiting.
const UNTRIED: Duration = Duration::from_millis(50);

/// What is known of a server that is asked in datagrams.
#[derive(Debug, Default)]
pub(super) struct Udp(Mutex<Edns>);

/// What is known of EDNS on the way to a server.
#[derive(Debug, Default)]
struct Edns {
    /// Questions in a row that had an answer only without EDNS.
    lost: u8,
    /// A question with EDNS had an answer.
    known: bool,
    /// It is asked without EDNS until then.
    without: Option<Instant>,
}

impl Edns {
    /// Tells that it is to be asked with EDNS.
    fn is_tried(&self, now: Instant) -> bool {
        self.without.is_none_or(|until| now >= until)
    }

    /// Remembers that a question with EDNS had an answer.
    fn answered(&mut self) {
        *self = Self { known: true, ..Self::default() };
    }

    /// Remembers what an answer to the question without EDNS says of EDNS, which was refused, or
    /// not answered so far.
    fn answered_plain(&mut self, refused: bool, code: ResponseCode, now: Instant) {
        if !refused {
            self.lost = self.lost.saturating_add(1);
        }
        if self.lost >= SILENT || refused && !refuses_edns(code) {
            self.without = Some(now + WITHOUT);
        }
    }
}

impl Udp {
    /// Asks from a port of its own (RFC 5452), and once more after `again`: then without EDNS,
    /// which some servers and firewalls drop. Waits until there is an answer or an error.
    pub(super) async fn ask(
        &self,
        server: SocketAddr,
        query: &Query,
        again: Duration,
    ) -> Result<Message, Cause> {
        let any = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any).await.map_err(Cause::io)?;
        // Connected: the kernel drops what others send, and tells of a port where nobody listens.
        socket.connect(server).await.map_err(Cause::io)?;
        let (edns, untried) = self.with(|edns, now| {
            let tried = edns.is_tried(now);
            (tried, tried && !edns.known)
        });
        let first = Asked::new(query, edns)?;
        let plain = Asked::new(query, false)?;
        socket.send(&first.bytes).await.map_err(Cause::io)?;
        let mut again = core::pin::pin!(sleep(if untried { again.min(UNTRIED) } else { again }));
        let (mut sent_plain, mut refused_edns) = (false, false);
        let mut buffer = vec![0; LONGEST];
        loop {
            tokio::select! {
                length = socket.recv(&mut buffer) => {
                    let bytes = &buffer[..length.map_err(Cause::io)?];
                    match first.read(query, bytes) {
                        Heard::Answer(answer) if edns && refuses_edns(answer.response_code) => {
                            refused_edns = true;
                            if !sent_plain {
                                socket.send(&plain.bytes).await.map_err(Cause::io)?;
                                sent_plain = true;
                            }
                        }
                        Heard::Answer(answer) => {
                            if edns {
                                self.with(|edns, _| edns.answered());
                            }
                            return Ok(answer);
                        }
                        Heard::Broken(what) => return Err(Cause::Unusable(what)),
                        Heard::Foreign => match plain.read(query, bytes) {
                            Heard::Answer(answer) => {
                                if edns {
                                    let code = answer.response_code;
                                    self.with(|edns, now| {
                                        edns.answered_plain(refused_edns, code, now);
                                    });
                                }
                                return Ok(answer);
                            }
                            Heard::Broken(what) => return Err(Cause::Unusable(what)),
                            Heard::WrongQuestion | Heard::Foreign => {}
                        },
                        Heard::WrongQuestion => {}
                    }
                }
                () = &mut again, if !sent_plain => {
                    socket.send(&plain.bytes).await.map_err(Cause::io)?;
                    sent_plain = true;
                }
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Edns, Instant) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now())
    }
}

/// Tells that servers from before EDNS answer so to it (RFC 6891 §7), or those that know another
/// version of it.
fn refuses_edns(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::FormErr | ResponseCode::NotImp) || u16::from(code) == BADVERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edns_is_tried_again_after_a_while() {
        let (mut edns, now) = (Edns::default(), Instant::now());
        edns.answered_plain(false, ResponseCode::NoError, now);
        assert!(edns.is_tried(now), "one datagram may be lost");
        edns.answered_plain(false, ResponseCode::NXDomain, now);
        assert!(!edns.is_tried(now), "two in a row are no chance");

        let later = now + WITHOUT;
        assert!(edns.is_tried(later));
        edns.answered_plain(false, ResponseCode::NoError, later);
        assert!(!edns.is_tried(later), "still lost on the way");
        edns.answered();
        assert!(edns.is_tried(later));

        edns.answered_plain(true, ResponseCode::FormErr, later);
        assert!(edns.is_tried(later), "it refuses the question itself");
        edns.answered_plain(true, ResponseCode::NoError, later);
        assert!(!edns.is_tried(later), "it refuses EDNS");
    }
}
