//! Name servers over TLS and HTTPS that do what a test says.

use core::convert::Infallible;
use core::future::pending;
use core::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::hostile::{Asked, Log, Transport, read};

/// A secure server on a loopback port; stopped when dropped.
#[derive(Debug)]
pub struct Secure {
    /// Where it answers.
    pub addr: SocketAddr,
    count: watch::Receiver<Connections>,
    cut: watch::Sender<()>,
    log: Log,
    _tasks: JoinSet<()>,
}

/// Its secure connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// So many were made.
    pub made: usize,
    /// Of these so many are there.
    pub open: usize,
}

/// What an HTTPS server sends.
pub type Reply = Response<Full<Bytes>>;

impl Secure {
    /// Shows this certificate, and passes on to a TCP server what comes through, and back.
    ///
    /// # Panics
    ///
    /// If the certificate is none.
    pub async fn to(server: SocketAddr, identity: &(String, String)) -> Self {
        Self::speaking(None, server, identity).await
    }

    /// The same, where the client is to agree on this protocol (ALPN), if it has one in mind.
    ///
    /// # Panics
    ///
    /// If the certificate is none.
    pub async fn speaking(
        protocol: Option<&[u8]>,
        server: SocketAddr,
        identity: &(String, String),
    ) -> Self {
        Self::start(identity, protocol, move |mut near, _| async move {
            let Ok(mut far) = TcpStream::connect(server).await else { return };
            let _ended = copy_bidirectional(&mut near, &mut far).await;
        })
        .await
    }

    /// Answers by HTTP/2 what `script` says to each question, or never where that is `None`.
    ///
    /// # Panics
    ///
    /// If the certificate is none.
    pub async fn https(
        identity: &(String, String),
        script: impl Fn(&Asked, &Request<Bytes>) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let script = Arc::new(script);
        Self::start(identity, Some(b"h2"), move |stream, log| {
            let (script, log) = (script.clone(), log.clone());
            async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (script, log) = (script.clone(), log.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map(Collected::to_bytes);
                        let request = Request::from_parts(head, body.unwrap_or_default());
                        let asked = read(request.body(), Transport::Tcp, &log);
                        match asked.and_then(|asked| script(&asked, &request)) {
                            Some(reply) => Ok::<_, Infallible>(reply),
                            None => pending().await,
                        }
                    }
                });
                let server = http2::Builder::new(TokioExecutor::new());
                let _ended = server.serve_connection(TokioIo::new(stream), answer).await;
            }
        })
        .await
    }

    async fn start<F>(
        (chain, key): &(String, String),
        protocol: Option<&[u8]>,
        serve: impl Fn(TlsStream<TcpStream>, &Log) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = config.with_single_cert(chain.expect("PEM"), key).expect("a certificate");
        config.alpn_protocols.extend(protocol.map(<[u8]>::to_vec));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let (counter, count) = watch::channel(Connections::default());
        let (cut, is_cut) = watch::channel(());
        let (log, mut tasks) = (Log::default(), JoinSet::new());
        let its_log = log.clone();
        tasks.spawn(async move {
            let (serve, counter) = (Arc::new(serve), Arc::new(counter));
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (serve, counter, log) = (serve.clone(), counter.clone(), its_log.clone());
                let (acceptor, mut is_cut) = (acceptor.clone(), is_cut.clone());
                is_cut.mark_unchanged();
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    counter.send_modify(|count| {
                        count.made += 1;
                        count.open += 1;
                    });
                    tokio::select! {
                        () = serve(stream, &log) => {}
                        _cut = is_cut.changed() => {}
                    }
                    counter.send_modify(|count| count.open -= 1);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { addr, count, cut, log, _tasks: tasks }
    }

    /// Breaks all connections off.
    pub fn cut(&self) {
        self.cut.send_replace(());
    }

    /// Counts connections.
    pub fn connections(&self) -> Connections {
        *self.count.borrow()
    }

    /// Waits until its connections are like this.
    ///
    /// # Panics
    ///
    /// If it is gone.
    pub async fn has(&self, like: impl FnMut(&Connections) -> bool) -> Connections {
        *self.count.clone().wait_for(like).await.expect("it serves")
    }

    /// Counts the questions over HTTPS.
    pub fn asked(&self) -> usize {
        self.log.count(|_| true)
    }
}
