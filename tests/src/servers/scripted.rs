//! A name server that says whatever a test wants: what no well-behaved server would send.

use core::net::SocketAddr;
use std::sync::Arc;

use hickory_server::proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::bind_both;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// In a stream.
    Tcp,
}

/// A running name server; stopped when dropped.
#[derive(Debug)]
pub struct Scripted {
    addr: SocketAddr,
    // Aborts its tasks when dropped.
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Starts a server that turns a question into a response with `answer`, which gets it as the
    /// empty response to fill in, or says nothing where that is `None`.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O.
    pub fn start<F>(answer: F) -> Self
    where
        F: Fn(Message, Transport) -> Option<Message> + Send + Sync + 'static,
    {
        let answer = Arc::new(move |question: &[u8], transport| {
            let question = Message::from_vec(question).ok()?;
            let mut response = Message::response(question.metadata.id, question.metadata.op_code);
            response.add_queries(question.queries);
            answer(response, transport)?.to_vec().ok()
        });
        let (udp, tcp) = bind_both();
        let addr = tcp.local_addr().expect("a bound socket has an address");
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(UdpSocket::from_std(udp).expect("in a runtime"), answer.clone()));
        tasks.spawn(serve_tcp(TcpListener::from_std(tcp).expect("in a runtime"), answer));
        Self { addr, _tasks: tasks }
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

async fn serve_udp<F>(socket: UdpSocket, answer: Arc<F>)
where
    F: Fn(&[u8], Transport) -> Option<Vec<u8>>,
{
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        if let Some(response) = answer(&buffer[..length], Transport::Udp) {
            let _ = socket.send_to(&response, from).await;
        }
    }
}

async fn serve_tcp<F>(listener: TcpListener, answer: Arc<F>)
where
    F: Fn(&[u8], Transport) -> Option<Vec<u8>> + Send + Sync + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = answer.clone();
        connections.spawn(async move { serve_stream(stream, &*answer).await });
    }
}

async fn serve_stream<F>(mut stream: TcpStream, answer: &F) -> Option<()>
where
    F: Fn(&[u8], Transport) -> Option<Vec<u8>>,
{
    loop {
        let mut question = vec![0; stream.read_u16().await.ok()?.into()];
        stream.read_exact(&mut question).await.ok()?;
        if let Some(response) = answer(&question, Transport::Tcp) {
            stream.write_u16(u16::try_from(response.len()).ok()?).await.ok()?;
            stream.write_all(&response).await.ok()?;
        }
    }
}
