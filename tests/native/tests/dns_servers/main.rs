//! DNS over TLS and HTTPS, against servers of ours that do what no good server does, and against
//! those that people run: unbound before knot, which changes while it runs.

mod https;
mod live;
mod names;
mod resolver;
mod tls;

use core::fmt::Write as _;
use core::net::SocketAddr;
use core::time::Duration;

use evenkeel::dns::{LookupError, NameServer};
use evenkeel::{Answer, Discover, DnsSrv, Tls};
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, send};
use evenkeel_tests::servers::secure::Secure;
use evenkeel_tests::servers::zone::Zone;
use hickory_server::proto::op::{Message, ResponseCode};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// The service that all servers here have, with one endpoint.
const SERVICE: &str = "_h._tcp.t.";
const RECORDS: &str = "_h._tcp.t 60 SRV 0 1 80 a.t\na.t 60 A 127.0.0.1";
const FOUND: &str = "a.t 127.0.0.1:80";

/// The time-out of a server that fails, and of one that is to answer on a busy machine.
const UNIT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(10);

/// Far more than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// A source that asks these servers.
fn source(servers: impl IntoIterator<Item = NameServer>) -> DnsSrv {
    DnsSrv::new(SERVICE).unwrap().servers(servers).unwrap().timeout(LONG).unwrap()
}

/// What comes of a lookup: the endpoints as "host ip:port", or the error.
fn outcome(result: &Result<Answer, LookupError>) -> String {
    match result {
        Ok(answer) => shown(answer),
        Err(error) => error.to_string(),
    }
}

/// The endpoints as "host ip:port", sorted.
fn shown(answer: &Answer) -> String {
    let targets = answer.endpoints.iter().map(|endpoint| &endpoint.addr);
    let mut shown: Vec<_> = targets.map(|target| format!("{} {target}", target.host())).collect();
    shown.sort();
    shown.join(", ")
}

/// Trusts this authority alone.
fn trusting(authority: &Authority) -> Tls {
    Tls::default().with_ca(authority.pem.as_bytes()).unwrap()
}

/// The response of a server with the records of [`RECORDS`].
fn good(asked: &Asked) -> Message {
    Zone::new(RECORDS).answer(asked.response.clone())
}

/// The response that says this code.
fn says(asked: &Asked, code: ResponseCode) -> Message {
    let mut response = asked.response.clone();
    response.metadata.response_code = code;
    response
}

/// A server that does to SRV questions what `script` says, and answers others as it should.
fn with_srv(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Hostile {
    Hostile::start(
        move |asked| if asked.name == SERVICE { script(asked) } else { send(&good(asked)) },
    )
}

/// So many targets of the service, whose addresses do not come along.
fn many_targets(count: usize) -> Zone {
    let mut zone = String::new();
    for i in 1..=count {
        writeln!(zone, "_h._tcp.t 60 SRV 0 1 80 h{i}.t\nh{i}.t 60 A 127.0.1.{i}").unwrap();
    }
    Zone::new(&zone)
}

/// Asks a server alone, which must say `wanted`, and before one that is good, whose answer counts.
async fn fails(server: NameServer, wanted: &str) {
    let asking = |servers: Vec<NameServer>| source(servers).timeout(UNIT).unwrap();
    let error = asking(vec![server.clone()]).lookup().await.unwrap_err().to_string();
    assert!(error.contains(wanted), "{error:?} has no {wanted:?}");
    assert!(error.contains(&server.to_string()), "{error:?} does not name {server}");
    let next = Hostile::start(|asked| send(&good(asked)));
    let answer = asking(vec![server, next.addr().into()]).lookup().await;
    assert_eq!(outcome(&answer), FOUND);
}

/// Looks up again and again, while the connections to the server are cut.
async fn is_made_anew_when_cut(front: &Secure, server: NameServer) {
    let mut source = source([server]);
    for made in 1..4 {
        assert_eq!(outcome(&source.lookup().await), FOUND);
        assert_eq!(front.connections().made, made);
        front.cut();
        front.has(|connections| connections.open == 0).await;
    }
}

/// Waits until the connection that nobody uses is closed, and looks up again.
async fn is_closed_when_idle(front: &Secure, server: NameServer) {
    let mut source = source([server]);
    assert_eq!(outcome(&source.lookup().await), FOUND);
    timeout(PATIENCE, front.has(|connections| connections.open == 0)).await.unwrap();
    assert_eq!(outcome(&source.lookup().await), FOUND);
    assert_eq!(front.connections().made, 2);
}

/// A listener that takes connections and says nothing.
async fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}
