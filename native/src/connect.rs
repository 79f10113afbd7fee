//! Connections by TCP, also to a host with several addresses (RFC 8305).

use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use crate::target::Target;

/// The next address is tried beside the last one after so long (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to an endpoint: at its address, or by its name where none is known.
pub(crate) async fn to(target: &Target) -> io::Result<TcpStream> {
    match target.socket_addr() {
        Some(addr) => TcpStream::connect(addr).await,
        None => connect(target.host(), target.port()).await,
    }
}

/// Connects to the first address of a host that lets it, in the system's order: the next one is
/// tried when one has failed, or has said nothing for 250 ms. A firewall that drops one of them
/// without a word holds up nobody.
///
/// # Errors
/// That of the last address that failed, or the system's, if it knows none.
pub(crate) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    first_of(lookup_host((host, port)).await?, TcpStream::connect).await
}

async fn first_of<T, F: Future<Output = io::Result<T>>>(
    addrs: impl IntoIterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let (mut addrs, mut trying) = (addrs.into_iter(), FuturesUnordered::new());
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        let next = addrs.next();
        let more = next.is_some();
        trying.extend(next.map(&connect));
        tokio::select! {
            ended = trying.next() => match ended {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(failed)) => error = failed,
                None => return Err(error),
            },
            () = sleep(ATTEMPT_DELAY), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    /// What becomes of ports: 1 hangs, 2 fails at once, 3 after a second, others connect at once.
    async fn tried(ports: &[u16]) -> (Result<u16, String>, Vec<u16>, Duration) {
        let (begun, asked) = (Instant::now(), Mutex::new(Vec::new()));
        let connect = |addr: SocketAddr| {
            asked.lock().unwrap().push(addr.port());
            async move {
                match addr.port() {
                    1 => core::future::pending().await,
                    2 => Err(io::Error::other("2")),
                    3 => {
                        sleep(Duration::from_secs(1)).await;
                        Err(io::Error::other("3"))
                    }
                    port => Ok(port),
                }
            }
        };
        let addrs = ports.iter().map(|&port| SocketAddr::from(([127, 0, 0, 1], port)));
        let end = first_of(addrs, connect).await.map_err(|error| error.to_string());
        (end, asked.into_inner().unwrap(), begun.elapsed())
    }

    #[tokio::test]
    async fn an_endpoint_is_at_its_address_or_else_where_its_name_leads() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let named = Target::new("localhost", addr.port()).unwrap();
        for target in [Target::at("nowhere.invalid", addr), named] {
            assert_eq!(to(&target).await.unwrap().peer_addr().unwrap(), addr, "{target}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_says_nothing_holds_up_nobody() {
        let millis = Duration::from_millis;
        assert_eq!(tried(&[7, 8]).await, (Ok(7), vec![7], millis(0)));
        assert_eq!(tried(&[2, 8]).await, (Ok(8), vec![2, 8], millis(0)));
        let (end, asked, time) = tried(&[1, 1, 9]).await;
        assert_eq!((end, asked), (Ok(9), vec![1, 1, 9]));
        assert!(time >= millis(500) && time < millis(510), "{time:?}");
        let (end, asked, time) = tried(&[3, 2]).await;
        assert_eq!((end, asked), (Err("3".into()), vec![3, 2]));
        assert!(time >= millis(1_000), "{time:?}");
        assert_eq!(tried(&[]).await.0, Err("the host has no address".into()));
    }
}
