//! Connections that speak another protocol after the head.

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{InOrder, balancer, until, within};
use evenkeel::http::{Client, Connections};

/// Answers the first request with a 101, and sends back what comes after it.
async fn echo(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(answer).await.expect("an open connection");
    let (mut read, mut write) = stream.split();
    tokio::io::copy(&mut read, &mut write).await.expect("an open connection");
}

#[tokio::test]
async fn an_upgraded_connection_counts_as_in_flight_until_its_answer_is_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(echo(listener));
    let client = Client::new(balancer(InOrder, &[addr], Connections::default()).await);
    let in_flight = || client.balancer().endpoints()[0].in_flight;

    let request = client.get("/").header("connection", "upgrade").header("upgrade", "echo");
    let mut answer = within(request.send()).await.expect("an answer");
    assert_eq!(answer.status(), 101);
    let upgraded = within(hyper::upgrade::on(&mut answer)).await.expect("a connection");
    let mut stream = TokioIo::new(upgraded);
    for word in [*b"ping", *b"pong"] {
        stream.write_all(&word).await.expect("an open connection");
        let mut echoed = [0; 4];
        within(stream.read_exact(&mut echoed)).await.expect("an echo");
        assert_eq!((echoed, in_flight()), (word, 1));
    }
    drop(answer);
    until(|| in_flight() == 0).await;
    assert_eq!(client.balancer().endpoints()[0].failures, 0);
}
