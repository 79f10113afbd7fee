//! A name server that does to each question what a test says, byte by byte, and counts.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_server::proto::op::{Message, Query};
use hickory_server::proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use super::scripted::Transport;
use super::{bind_at, bind_both};

/// One thing that the server does to a question.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends a message: as a datagram, or with its length before it.
    Send(Vec<u8>),
    /// Sends bytes over TCP as they are.
    Raw(Vec<u8>),
    /// Sends a datagram from another port.
    Spoof(Vec<u8>),
    /// Does nothing for so long.
    Wait(Duration),
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Reset,
}

/// A question as the server sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name, in lower case with the last dot.
    pub name: String,
    /// The type.
    pub kind: RecordType,
    /// How it came.
    pub transport: Transport,
    /// It has EDNS.
    pub edns: bool,
    /// The empty response to it.
    pub response: Message,
}

type Script = Arc<dyn Fn(&Asked) -> Vec<Act> + Send + Sync>;
pub(super) type Log = Arc<Seen>;

/// All questions, and a bell that rings with each.
#[derive(Debug, Default)]
pub struct Seen {
    all: Mutex<Vec<Asked>>,
    one: Notify,
}

impl Seen {
    pub(super) fn count(&self, like: impl Fn(&Asked) -> bool) -> usize {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|asked| like(asked)).count()
    }
}

/// A running name server; stopped when dropped.
#[derive(Debug)]
pub struct Hostile {
    addr: SocketAddr,
    log: Log,
    // Aborts its tasks when dropped.
    _tasks: JoinSet<()>,
}

impl Hostile {
    /// Starts a server that does to each question what `script` says.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O.
    pub fn start(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start_on(bind_both(), true, script)
    }

    /// Starts a server on this address.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O, or if the address is not free.
    pub fn start_at(
        addr: SocketAddr,
        script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let sockets = bind_at(addr).unwrap_or_else(|error| panic!("{addr}: {error}"));
        Self::start_on(sockets, true, script)
    }

    /// Starts a server that refuses TCP.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O.
    pub fn start_udp(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start_on(bind_both(), false, script)
    }

    fn start_on(
        (udp, listener): (std::net::UdpSocket, std::net::TcpListener),
        tcp: bool,
        script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let (script, log): (Script, Log) = (Arc::new(script), Log::default());
        let addr = listener.local_addr().expect("a bound socket has an address");
        let mut tasks = JoinSet::new();
        let socket = UdpSocket::from_std(udp).expect("in a runtime");
        tasks.spawn(serve_udp(Arc::new(socket), script.clone(), log.clone()));
        if tcp {
            let listener = TcpListener::from_std(listener).expect("in a runtime");
            tasks.spawn(serve_tcp(listener, script, log.clone()));
        }
        Self { addr, log, _tasks: tasks }
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Counts the questions that are like this.
    pub fn count(&self, like: impl Fn(&Asked) -> bool) -> usize {
        self.log.count(like)
    }

    /// Waits until there were so many questions.
    pub async fn was_asked(&self, count: usize) {
        loop {
            let mut next = core::pin::pin!(self.log.one.notified());
            next.as_mut().enable();
            if self.asked() >= count {
                return;
            }
            next.await;
        }
    }

    /// Counts all questions.
    pub fn asked(&self) -> usize {
        self.count(|_| true)
    }
}

/// The response's bytes, to be sent as they are.
pub fn send(response: &Message) -> Vec<Act> {
    vec![Act::Send(bytes(response))]
}

/// A message's bytes.
///
/// # Panics
///
/// If it cannot be written.
pub fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a message that can be written")
}

/// Reads a question and notes it.
pub(super) fn read(question: &[u8], transport: Transport, log: &Log) -> Option<Asked> {
    let question = Message::from_vec(question).ok()?;
    let query: Query = question.queries.first()?.clone();
    let mut response = Message::response(question.metadata.id, question.metadata.op_code);
    response.add_queries(question.queries);
    let asked = Asked {
        name: query.name().to_lowercase().to_ascii(),
        kind: query.query_type(),
        transport,
        edns: question.edns.is_some(),
        response,
    };
    log.all.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    log.one.notify_waiters();
    Some(asked)
}

async fn serve_udp(socket: Arc<UdpSocket>, script: Script, log: Log) {
    let mut buffer = [0; 4096];
    let mut answers = JoinSet::new();
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(asked) = read(&buffer[..length], Transport::Udp, &log) else { continue };
        let (socket, acts) = (socket.clone(), script(&asked));
        answers.spawn(async move {
            for act in acts {
                match act {
                    Act::Send(bytes) => _ = socket.send_to(&bytes, from).await,
                    Act::Spoof(bytes) => {
                        if let Ok(other) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await {
                            let _ = other.send_to(&bytes, from).await;
                        }
                    }
                    Act::Wait(time) => sleep(time).await,
                    Act::Raw(_) | Act::Close | Act::Reset => {}
                }
            }
        });
        while answers.try_join_next().is_some() {}
    }
}

async fn serve_tcp(listener: TcpListener, script: Script, log: Log) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (script, log) = (script.clone(), log.clone());
        connections.spawn(async move { serve_stream(stream, &script, &log).await });
    }
}

async fn serve_stream(mut stream: TcpStream, script: &Script, log: &Log) -> Option<()> {
    loop {
        let mut question = vec![0; stream.read_u16().await.ok()?.into()];
        stream.read_exact(&mut question).await.ok()?;
        for act in script(&read(&question, Transport::Tcp, log)?) {
            match act {
                Act::Send(bytes) => {
                    stream.write_u16(u16::try_from(bytes.len()).ok()?).await.ok()?;
                    stream.write_all(&bytes).await.ok()?;
                }
                Act::Raw(bytes) => {
                    stream.write_all(&bytes).await.ok()?;
                    stream.flush().await.ok()?;
                }
                Act::Wait(time) => sleep(time).await,
                Act::Close => return None,
                Act::Reset => {
                    stream.set_zero_linger().ok()?;
                    return None;
                }
                Act::Spoof(_) => {}
            }
        }
    }
}
