//! Questions over TCP.

use core::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use hickory_proto::op::{Message, Query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::error::Cause;
use super::message::{Asked, Heard};
use super::net::{self, Stream};

/// So many connections are kept for later questions.
const KEPT: usize = 8;

/// Connections to one server, used again one question after the other (RFC 7766 §6.2.1).
#[derive(Debug, Default)]
pub(super) struct Tcp {
    kept: Mutex<Vec<Stream>>,
}

impl Tcp {
    /// Asks, over a connection that is there already or a new one.
    pub(super) async fn ask(
        &self,
        server: SocketAddr,
        query: &Query,
        deadline: Instant,
    ) -> Result<Message, Cause> {
        // EDNS says how large a datagram may be, which does not matter here.
        let asked = Asked::new(query, false)?;
        let mut wrong_question = false;
        let exchange = async {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
            if let Some(stream) = kept {
                match self.exchange(stream, &asked, query, &mut wrong_question).await {
                    // The server may have closed it meanwhile.
                    Err(Cause::Failed(_)) => {}
                    other => return other,
                }
            }
            let stream = net::connect(server).await.map_err(Cause::io)?;
            self.exchange(stream, &asked, query, &mut wrong_question).await
        };
        let begun = Instant::now();
        let result = timeout_at(deadline, exchange).await;
        if result.is_err() {
            // A connection that a middlebox forgot would swallow every later question.
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        match result.unwrap_or_else(|_| Err(Cause::TimedOut(deadline - begun))) {
            Err(_) if wrong_question => Err(Cause::WrongQuestion),
            result => result,
        }
    }

    async fn exchange(
        &self,
        mut stream: Stream,
        asked: &Asked,
        query: &Query,
        wrong_question: &mut bool,
    ) -> Result<Message, Cause> {
        stream.write_all(&asked.framed()?).await.map_err(Cause::closed)?;
        loop {
            let length = stream.read_u16().await.map_err(Cause::closed)?;
            if length == 0 {
                return Err(Cause::no_message());
            }
            let mut bytes = vec![0; length.into()];
            stream.read_exact(&mut bytes).await.map_err(Cause::closed)?;
            match asked.read(query, &bytes) {
                Heard::Answer(answer) => {
                    let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.len() < KEPT {
                        kept.push(stream);
                    }
                    return Ok(answer);
                }
                Heard::WrongQuestion => *wrong_question = true,
                Heard::Foreign => {}
                Heard::Broken(what) => return Err(Cause::Unusable(what)),
            }
        }
    }
}
