//! A way to a server that can be shut, or made to lead elsewhere.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A port that leads to another, which ends when it is dropped.
#[derive(Debug)]
pub struct Gate {
    /// Where it is, as `http://127.0.0.1:PORT`.
    pub url: String,
    to: watch::Sender<Option<String>>,
    _ways: JoinSet<()>,
}

impl Gate {
    /// Opens a gate that leads to a server, given as `http://127.0.0.1:PORT`.
    ///
    /// # Panics
    /// If the machine has no free port.
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = format!("http://{}", listener.local_addr().expect("an address"));
        let (to, place) = watch::channel(Some(authority(url)));
        let mut gate = JoinSet::new();
        gate.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut place = place.clone();
                let Some(server) = place.borrow_and_update().clone() else { continue };
                ways.spawn(async move {
                    let Ok(mut far) = TcpStream::connect(server).await else { return };
                    // All that goes through ends when the gate is shut or turned.
                    tokio::select! {
                        _ended = copy_bidirectional(&mut near, &mut far) => {}
                        _turned = place.changed() => {}
                    }
                });
                while ways.try_join_next().is_some() {}
            }
        });
        Self { url: own, to, _ways: gate }
    }

    /// Ends all connections, and lets no other begin.
    pub fn shut(&self) {
        self.to.send_replace(None);
    }

    /// Ends all connections, and leads others to this server.
    pub fn open(&self, url: &str) {
        self.to.send_replace(Some(authority(url)));
    }
}

fn authority(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}
