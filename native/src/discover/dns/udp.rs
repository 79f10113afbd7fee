//! Questions in datagrams.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use core::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use tokio::time::sleep;

use super::error::Cause;
use super::message::{Asked, Heard};
use super::net::UdpSocket;

/// The longest datagram: some servers send more than they were asked to.
const LONGEST: usize = 65_535;

/// hickory takes the number for BADSIG, which it is in another record (RFC 6895 §2.3).
const BADVERS: u16 = 16;

/// So many questions in a row that were answered only without EDNS show that it is lost on the way.
const SILENT: u8 = 2;

/// A server that was never heard to know EDNS is asked without after so long: what drops questions
/// with EDNS shall not keep the first endpoint waiting.
const UNTRIED: Duration = Duration::from_millis(50);

/// What is known of a server that is asked in datagrams.
#[derive(Debug, Default)]
pub(super) struct Udp {
    /// Questions in a row that had an answer only without EDNS.
    without_edns: AtomicU8,
    /// A question with EDNS had an answer.
    knows_edns: AtomicBool,
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
        let edns = self.without_edns.load(Ordering::Relaxed) < SILENT;
        let first = Asked::new(query, edns)?;
        let plain = Asked::new(query, false)?;
        socket.send(&first.bytes).await.map_err(Cause::io)?;
        let untried = edns && !self.knows_edns.load(Ordering::Relaxed);
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
                                self.without_edns.store(0, Ordering::Relaxed);
                                self.knows_edns.store(true, Ordering::Relaxed);
                            }
                            return Ok(answer);
                        }
                        Heard::Broken(what) => return Err(Cause::Unusable(what)),
                        Heard::Foreign => match plain.read(query, bytes) {
                            Heard::Answer(answer) => {
                                self.answered_plain(edns, refused_edns, answer.response_code);
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

    /// Remembers what an answer to the question without EDNS says of EDNS.
    fn answered_plain(&self, edns: bool, refused: bool, code: ResponseCode) {
        if !edns {
            return;
        }
        if refused && !refuses_edns(code) {
            self.without_edns.store(SILENT, Ordering::Relaxed);
        } else if !refused {
            self.without_edns.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Tells that servers from before EDNS answer so to it (RFC 6891 §7), or those that know another
/// version of it.
fn refuses_edns(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::FormErr | ResponseCode::NotImp) || u16::from(code) == BADVERS
}
