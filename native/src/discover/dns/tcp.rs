//! Questions over TCP.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hickory_proto::op::{Message, Query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::error::Cause;
use super::message::{Asked, Heard};
use super::net::{self, Stream};

/// So many connections are kept for later questions.
const KEPT: usize = 8;

/// One that was not asked over for so long is closed, before the server does (RFC 7766 §6.2.3, RFC
/// 7858 §3.4).
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// Connections to one server, used again one question after the other (RFC 7766 §6.2.1).
#[derive(Debug, Default)]
pub(super) struct Tcp {
    kept: Arc<Mutex<Kept>>,
}

/// Connections that nobody asks over.
#[derive(Debug, Default)]
struct Kept {
    /// Those used last at the end, each with the time of its last answer.
    streams: Vec<(Instant, Stream)>,
    /// A task closes those that are idle.
    is_watched: bool,
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
            let kept = lock(&self.kept).streams.pop();
            if let Some((_, stream)) = kept {
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
            lock(&self.kept).streams.clear();
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
                    self.keep(stream);
                    return Ok(answer);
                }
                Heard::WrongQuestion => *wrong_question = true,
                Heard::Foreign => {}
                Heard::Broken(what) => return Err(Cause::Unusable(what)),
            }
        }
    }

    /// Keeps a connection for later questions, unless there are enough.
    fn keep(&self, stream: Stream) {
        let mut kept = lock(&self.kept);
        if kept.streams.len() < KEPT {
            kept.streams.push((Instant::now(), stream));
        }
        if !kept.is_watched {
            kept.is_watched = true;
            tokio::spawn(close_idle(Arc::downgrade(&self.kept)));
        }
    }
}

/// Closes connections once they are idle, until there are none.
async fn close_idle(kept: Weak<Mutex<Kept>>) {
    loop {
        let Some(kept_now) = kept.upgrade() else { return };
        let now = Instant::now();
        let oldest = {
            let mut kept = lock(&kept_now);
            kept.streams.retain(|(last, _)| *last + IDLE > now);
            let oldest = kept.streams.first().map(|(last, _)| *last);
            kept.is_watched = oldest.is_some();
            oldest
        };
        drop(kept_now);
        let Some(oldest) = oldest else { return };
        sleep_until(oldest + IDLE).await;
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};

    use hickory_proto::op::Message;
    use hickory_proto::rr::{Name, RecordType};
    use tokio::time::sleep;

    use super::super::simulation::serve;
    use super::*;

    /// Starts a server, and returns where, and how often it was asked.
    fn server() -> (SocketAddr, Arc<AtomicU32>) {
        let (addr, asked) = (SocketAddr::from(([127, 0, 0, 9], 53)), Arc::new(AtomicU32::new(0)));
        let count = asked.clone();
        serve(addr, move |_, bytes| {
            count.fetch_add(1, Ordering::Relaxed);
            let question = Message::from_vec(bytes).unwrap();
            let mut response = Message::response(question.id, question.op_code);
            response.add_queries(question.queries);
            Some((Duration::from_millis(1), response.to_vec().unwrap()))
        });
        (addr, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_uses_is_closed() {
        let (addr, asked) = server();
        let tcp = Tcp::default();
        let query = Query::query(Name::from_ascii("h.test.").unwrap(), RecordType::A);
        let ask = async || tcp.ask(addr, &query, Instant::now() + IDLE).await.unwrap();
        let kept = || lock(&tcp.kept).streams.len();
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        // One is used all the time, the other once.
        tokio::join!(ask(), ask());
        assert_eq!(kept(), 2);
        sleep(IDLE / 2).await;
        ask().await;
        sleep(IDLE * 3 / 4).await;
        assert_eq!(kept(), 1);
        ask().await;
        sleep(IDLE * 9 / 10).await;
        assert_eq!(kept(), 1);
        sleep(IDLE / 5).await;
        assert_eq!((kept(), asked.load(Ordering::Relaxed)), (0, 4));
        // Neither the server's end nor the one that watched.
        sleep(IDLE).await;
        assert_eq!(tasks(), 0);
        ask().await;
        assert_eq!((kept(), tasks()), (1, 2));
    }
}
