//! Questions over TLS (RFC 7858): many at once over one connection.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use hickory_proto::op::{Message, Query};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::error::Cause;
use super::kept::{Fault, Transport};
use super::message::{Asked, Heard};
use super::place::Place;
use crate::tls::{self, Connector};

/// So many questions wait to be sent.
const QUEUE: usize = 64;

/// Room for what most answers take.
const READ: usize = 4096;

/// A server that does not read for so long reads no more.
const WRITE: Duration = Duration::from_secs(5);

/// A server that is asked over TLS.
#[derive(Debug)]
pub(super) struct Tls {
    place: Place,
    connector: Connector,
}

impl Tls {
    pub(super) fn new(place: Place, settings: tls::Tls) -> Self {
        Self { place, connector: Connector::new(settings) }
    }
}

impl Transport for Tls {
    type Connection = Line;

    fn connect(&self) -> BoxFuture<'static, Result<Self::Connection, Cause>> {
        let (place, connector) = (self.place.clone(), self.connector.clone());
        Box::pin(async move {
            let stream = place.connect(&connector).await?;
            let (questions, asked) = mpsc::channel(QUEUE);
            let answered = Arc::new(AtomicBool::new(false));
            let line = Line { questions, answered: answered.clone() };
            tokio::spawn(Wire { stream, waiting: HashMap::new(), next: 0, answered }.serve(asked));
            Ok(line)
        })
    }

    fn has_answered(connection: &Self::Connection) -> bool {
        connection.answered.load(Ordering::Relaxed)
    }

    async fn ask(&self, connection: Self::Connection, query: &Query) -> Result<Message, Fault> {
        let closed = || Fault::Broken(Cause::closed(io::ErrorKind::UnexpectedEof.into()));
        // EDNS says how large a datagram may be, which does not matter here.
        let asked = Asked::new(query, false).map_err(Fault::Answered)?;
        let (answer, answered) = oneshot::channel();
        let question = Question { asked, query: query.clone(), answer };
        connection.questions.send(question).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// The way to a connection.
#[derive(Clone)]
pub(super) struct Line {
    questions: mpsc::Sender<Question>,
    answered: Arc<AtomicBool>,
}

/// A question on its way, and who waits for the answer.
#[derive(Debug)]
struct Question {
    asked: Asked,
    query: Query,
    answer: oneshot::Sender<Result<Message, Fault>>,
}

/// A connection, and the questions without an answer by their ids.
struct Wire<S> {
    stream: S,
    waiting: HashMap<u16, Question>,
    next: u16,
    answered: Arc<AtomicBool>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Sends questions and passes answers on, in whichever order they come, until either side has
    /// enough.
    async fn serve(mut self, mut questions: mpsc::Receiver<Question>) {
        let mut bytes = Vec::with_capacity(READ);
        let broken = loop {
            tokio::select! {
                question = questions.recv() => {
                    let Some(question) = question else {
                        drop(timeout(WRITE, self.stream.shutdown()).await);
                        return;
                    };
                    if let Err(cause) = self.send(question).await {
                        break cause;
                    }
                }
                read = self.stream.read_buf(&mut bytes) => {
                    let more = match read {
                        Ok(0) => Err(Cause::closed(io::ErrorKind::UnexpectedEof.into())),
                        Ok(_) => self.pass_on(&mut bytes),
                        Err(error) => Err(Cause::closed(error)),
                    };
                    if let Err(cause) = more {
                        break cause;
                    }
                }
            }
        };
        // No question comes between the last look into the queue and its end.
        questions.close();
        while let Some(question) = questions.recv().await {
            let _gone = question.answer.send(Err(Fault::Broken(broken.clone())));
        }
        for question in self.waiting.into_values() {
            let _gone = question.answer.send(Err(Fault::Broken(broken.clone())));
        }
    }

    /// Sends a question under an id that no other has.
    async fn send(&mut self, mut question: Question) -> Result<(), Cause> {
        self.waiting.retain(|_, question| !question.answer.is_closed());
        while self.waiting.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let id = self.next;
        self.next = id.wrapping_add(1);
        question.asked = question.asked.with_id(id);
        let frame = question.asked.framed();
        self.waiting.insert(id, question);
        let sent = timeout(WRITE, async {
            self.stream.write_all(&frame?).await.map_err(Cause::closed)?;
            self.stream.flush().await.map_err(Cause::closed)
        });
        sent.await.unwrap_or(Err(Cause::TimedOut(WRITE)))
    }

    /// Passes the whole messages on.
    fn pass_on(&mut self, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        let mut rest = &**bytes;
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes(*length));
            if length == 0 {
                return Err(Cause::no_message());
            }
            let Some((message, after)) = after.split_at_checked(length) else { break };
            self.answer(message);
            rest = after;
        }
        let left = rest.len();
        bytes.drain(..bytes.len() - left);
        Ok(())
    }

    fn answer(&mut self, message: &[u8]) {
        let Some(id) = message.first_chunk().map(|id| u16::from_be_bytes(*id)) else { return };
        let Some(question) = self.waiting.remove(&id) else { return };
        let answer = match question.asked.read(&question.query, message) {
            Heard::Answer(answer) => Ok(answer),
            Heard::WrongQuestion => Err(Cause::WrongQuestion),
            Heard::Broken(what) => Err(Cause::Unusable(what)),
            Heard::Foreign => {
                self.waiting.insert(id, question);
                return;
            }
        };
        self.answered.store(true, Ordering::Relaxed);
        let _gone = question.answer.send(answer.map_err(Fault::Answered));
    }
}
