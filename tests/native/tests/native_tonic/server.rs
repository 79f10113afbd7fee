//! gRPC servers with tonic's own service code, that can be killed and started again on their port.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use bytes::{Buf, BufMut, Bytes};
use http::HeaderMap;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Response, Status};

/// Messages as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// The method for single messages; all others are streams.
pub(crate) const UNARY: &str = "/test.Echo/Call";

/// What a server answers to its `n`-th call, from 0.
pub(crate) type Answer = Arc<dyn Fn(usize) -> Say + Send + Sync>;

/// How a call is answered.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// With the request itself.
    Echo,
    /// With a status alone.
    Status(Status),
    /// Never.
    Nothing,
    /// With a message, and no end.
    Half,
    /// With a message, and then with a status.
    HalfThen(Status),
}

pub(crate) struct Server {
    addr: SocketAddr,
    /// Bound, and not listening: nobody else gets the port while the server is dead.
    _place: TcpSocket,
    runtime: Option<Runtime>,
    state: State,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(usize) -> Say + Send + Sync + 'static) -> Self {
        let mut server = Self::dead(answer);
        server.revive();
        server
    }

    pub(crate) fn echo() -> Self {
        Self::start(|_| Say::Echo)
    }

    /// Echoes; refuses whatever comes beside a call.
    pub(crate) fn one_by_one() -> Self {
        let mut server = Self::dead(|_| Say::Echo);
        server.state.most = 1;
        server.revive();
        server
    }

    /// One that refuses connections until it is revived.
    pub(crate) fn dead(answer: impl Fn(usize) -> Say + Send + Sync + 'static) -> Self {
        let place = socket("127.0.0.1:0".parse().unwrap());
        let addr = place.local_addr().unwrap();
        let state = State {
            answer: Arc::new(answer),
            calls: Arc::default(),
            heads: Arc::default(),
            most: 200,
        };
        Self { addr, _place: place, runtime: None, state }
    }

    /// Starts it, or starts it again, on its port.
    pub(crate) fn revive(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = {
            let _context = runtime.enter();
            socket(self.addr).listen(128).unwrap()
        };
        runtime.spawn(accept(listener, self.state.clone()));
        self.runtime = Some(runtime);
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many calls came.
    pub(crate) fn calls(&self) -> usize {
        self.state.calls.load(SeqCst)
    }

    /// The heads of all calls.
    pub(crate) fn heads(&self) -> Vec<HeaderMap> {
        self.state.heads.lock().unwrap().clone()
    }

    /// Ends it at once, with all that it was doing: its sockets are closed when this returns.
    pub(crate) fn kill(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        let ended = std::thread::spawn(|| runtime.shutdown_timeout(Duration::from_secs(10)));
        ended.join().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A socket on this port, which two can be bound to.
fn socket(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(addr).unwrap();
    socket
}

#[derive(Clone)]
struct State {
    answer: Answer,
    calls: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
    /// Calls on a connection at a time.
    most: u32,
}

async fn accept(listener: TcpListener, state: State) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let state = state.clone();
        tokio::spawn(async move {
            // It says how many it takes when a call is there: more than preface and settings.
            while state.most == 1 && matches!(stream.peek(&mut [0; 120]).await, Ok(1..120)) {
                tokio::task::yield_now().await;
            }
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
                let state = state.clone();
                async move { Ok::<_, core::convert::Infallible>(serve(state, request).await) }
            });
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(state.most);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Parts = futures_util::stream::BoxStream<'static, Result<Bytes, Status>>;

async fn serve(
    state: State,
    request: http::Request<hyper::body::Incoming>,
) -> http::Response<tonic::body::Body> {
    use futures_util::stream::{self, StreamExt};

    state.heads.lock().unwrap().push(request.headers().clone());
    let say = (state.answer)(state.calls.fetch_add(1, SeqCst));
    if matches!(say, Say::Nothing) {
        core::future::pending::<()>().await;
    }
    if request.uri().path() == UNARY && matches!(say, Say::Echo | Say::Status(_)) {
        let service = tower::service_fn(move |request: Request<Bytes>| {
            let say = say.clone();
            async move {
                match say {
                    Say::Status(status) => Err(status),
                    Say::Echo | Say::Nothing | Say::Half | Say::HalfThen(_) => {
                        Ok(Response::new(request.into_inner()))
                    }
                }
            }
        });
        return tonic::server::Grpc::new(Raw).unary(service, request).await;
    }
    let service = tower::service_fn(move |request: Request<tonic::Streaming<Bytes>>| {
        let say = say.clone();
        async move {
            let half = || stream::iter([Ok(Bytes::from_static(b"half"))]);
            let parts: Parts = match say {
                Say::Status(status) => return Err(status),
                // Answers message by message.
                Say::Echo | Say::Nothing => request.into_inner().boxed(),
                Say::Half => half().chain(stream::pending()).boxed(),
                Say::HalfThen(status) => half().chain(stream::iter([Err(status)])).boxed(),
            };
            Ok(Response::new(parts))
        }
    });
    tonic::server::Grpc::new(Raw).streaming(service, request).await
}
