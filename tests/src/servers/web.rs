//! An HTTP server whose answers a test writes byte by byte.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Far more than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a loopback port, which ends when it is dropped.
#[derive(Debug)]
pub struct Web {
    /// Where it answers, as `http://127.0.0.1:PORT`.
    pub url: String,
    /// The same as `127.0.0.1:PORT`.
    pub authority: String,
    asked: watch::Receiver<Vec<Asked>>,
    _connections: JoinSet<()>,
}

/// What it was asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// As `GET`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The parts of the query, decoded.
    pub query: BTreeMap<String, String>,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Empty without a `Content-Length`.
    pub body: String,
}

/// A connection on which one question was asked.
#[derive(Debug)]
pub struct Answering {
    stream: TcpStream,
}

impl Web {
    /// Answers each question by a call of `answer`, with a number that counts from 0.
    ///
    /// # Panics
    /// If the machine has no free port.
    pub async fn start<F>(answer: impl Fn(usize, Asked, Answering) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let authority = listener.local_addr().expect("an address").to_string();
        let (log, asked) = watch::channel(Vec::new());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mut answering = Answering { stream };
                // One after the other, so that questions are counted in their order.
                let Ok(Ok(question)) =
                    tokio::time::timeout(Duration::from_secs(5), answering.read()).await
                else {
                    continue;
                };
                log.send_modify(|log: &mut Vec<Asked>| log.push(question.clone()));
                let number = log.borrow().len() - 1;
                let answered = answer(number, question, answering);
                // Who hangs up in the middle is a case like any other.
                connections.spawn(async move { drop(answered.await) });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url: format!("http://{authority}"), authority, asked, _connections: server }
    }

    /// Returns all questions so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Waits until there were so many questions; returns them.
    ///
    /// # Panics
    /// If they do not come.
    pub async fn asked_times(&self, times: usize) -> Vec<Asked> {
        let mut asked = self.asked.clone();
        let enough = asked.wait_for(|asked| asked.len() >= times);
        match tokio::time::timeout(PATIENCE, enough).await {
            Ok(Ok(asked)) => asked.clone(),
            Ok(Err(_)) | Err(_) => panic!("{:#?} is all that was asked", self.asked()),
        }
    }
}

impl Answering {
    /// Writes a whole answer; headers as `Name: value\r\n`.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn whole(mut self, status: u16, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let always = format!("Connection: close\r\nContent-Length: {length}\r\n");
        self.write(&format!("HTTP/1.1 {status} X\r\n{always}{headers}\r\n{body}")).await
    }

    /// Begins a stream of chunks.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn stream(&mut self) -> io::Result<()> {
        self.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await
    }

    /// Writes a chunk of a stream; an empty one ends it.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn chunk(&mut self, text: &str) -> io::Result<()> {
        self.write(&format!("{:x}\r\n{text}\r\n", text.len())).await
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn write(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }

    /// Ends the connection by a reset.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Waits until the client has hung up.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn hung_up(mut self) -> io::Result<()> {
        while self.stream.read(&mut [0; 64]).await? > 0 {}
        Ok(())
    }

    async fn read(&mut self) -> io::Result<Asked> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let mut asked = Asked::default();
        words.next().unwrap_or_default().clone_into(&mut asked.method);
        let (path, query) = words
            .next()
            .unwrap_or_default()
            .split_once('?')
            .unwrap_or_else(|| (head.split(' ').nth(1).unwrap_or_default(), ""));
        path.clone_into(&mut asked.path);
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            asked.query.insert(name.to_owned(), decoded(value));
        }
        for line in lines {
            if let Some((name, value)) = line.split_once(':') {
                asked.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        let length = asked.headers.get("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).await?;
        asked.body = String::from_utf8_lossy(&body).into_owned();
        Ok(asked)
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| char::from(digit.unwrap_or(b'0')).to_digit(16).unwrap_or(0);
        match byte {
            b'%' => bytes.push((hex(rest.next()) * 16 + hex(rest.next())) as u8),
            b'+' => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
