//! DNS against servers that do what no good server does: each behaviour by name, with its bound on
//! time, counted in server time-outs, and on questions, counted by the server.

mod codes;
mod count;
mod edns;
mod host;
mod live;
mod messages;
mod options;
mod over_tcp;
mod records;
mod resolv_conf;
mod search;
mod targets;
mod tcp;
mod time;

use core::net::SocketAddr;
use core::time::Duration;

use evenkeel::dns::LookupError;
use evenkeel::{Answer, Discover, DnsSrv};
use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, send};
use evenkeel_tests::servers::zone::Zone;
use tokio::time::Instant;

/// The service that all servers here have, with one endpoint.
const SERVICE: &str = "_h._tcp.t.";
const RECORDS: &str = "_h._tcp.t 60 SRV 0 1 80 a.t\na.t 60 A 127.0.0.1";
const FOUND: [&str; 1] = ["a.t 127.0.0.1:80"];

/// The time-out of a server, for tests that wait one out.
const UNIT: Duration = Duration::from_secs(1);

/// So often a server is asked for the records at most: over UDP, once more there, where it is
/// silent or dislikes EDNS, and over TCP.
const MOST: usize = 3;

/// A source that asks these servers, each for a time-out of [`UNIT`].
fn source(servers: &[SocketAddr]) -> DnsSrv {
    let source = DnsSrv::new(SERVICE).unwrap().servers(servers.iter().copied()).unwrap();
    source.timeout(UNIT).unwrap()
}

/// An answer's endpoints as "host ip:port", sorted.
fn shown(answer: &Answer) -> Vec<String> {
    let targets = answer.endpoints.iter().map(|endpoint| &endpoint.addr);
    let mut shown: Vec<_> = targets.map(|target| format!("{} {target}", target.host())).collect();
    shown.sort();
    shown
}

/// What comes of a lookup: the endpoints, or the error as text.
fn outcome(result: &Result<Answer, LookupError>) -> String {
    match result {
        Ok(answer) => format!("{:?}", shown(answer)),
        Err(error) => error.to_string(),
    }
}

/// A server with the records of [`RECORDS`], which does to SRV questions what `script` says.
fn with_srv(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Hostile {
    let zone = Zone::new(RECORDS);
    Hostile::start(move |asked| {
        if asked.name == SERVICE {
            script(asked)
        } else {
            send(&zone.answer(asked.response.clone()))
        }
    })
}

/// A server that answers as it should.
fn good() -> Hostile {
    let zone = Zone::new(RECORDS);
    Hostile::start(move |asked| send(&zone.answer(asked.response.clone())))
}

/// Looks up where no server has to be waited for: it takes less than a time-out, and no more
/// questions than [`MOST`] for the records and for each family of so many targets.
async fn at_once(server: &Hostile, targets: usize) -> Result<Answer, LookupError> {
    once_more(&mut source(&[server.addr()]), server, targets).await
}

/// Does the same with a source that may know something already.
async fn once_more(
    source: &mut DnsSrv,
    server: &Hostile,
    targets: usize,
) -> Result<Answer, LookupError> {
    let (begun, before) = (Instant::now(), server.asked());
    let result = source.lookup().await;
    assert!(begun.elapsed() < UNIT, "{} took {:?}", outcome(&result), begun.elapsed());
    let (asked, most) = (server.asked() - before, MOST * (1 + 2 * targets));
    assert!(asked <= most, "{} after {asked} questions, at most {most}", outcome(&result));
    result
}

/// The good answer to a question.
fn good_answer(asked: &Asked) -> Vec<Act> {
    send(&Zone::new(RECORDS).answer(asked.response.clone()))
}

/// Looks up with this server alone, which must end within `units` time-outs with what `wanted`
/// says: `FOUND`, or a part of the error; and with a good server after it, which must find the
/// service within one more. No server is asked more than [`MOST`] times. Returns how often the
/// server was asked for the records alone.
async fn check(server: &Hostile, wanted: &str, units: u32) -> usize {
    check_with(server, wanted, units, |servers| (source(servers), ())).await
}

/// Does the same with sources that `source` makes, each with what has to live as long.
async fn check_with<T>(
    server: &Hostile,
    wanted: &str,
    units: u32,
    source: impl Fn(&[SocketAddr]) -> (DnsSrv, T),
) -> usize {
    let begun = Instant::now();
    let (mut first, _lives) = source(&[server.addr()]);
    let alone = first.lookup().await;
    let (took, asked) = (begun.elapsed(), server.count(|asked| asked.name == SERVICE));
    let said = outcome(&alone);
    if wanted == "FOUND" {
        assert_eq!(shown(alone.as_ref().unwrap_or_else(|_| panic!("{said}"))), FOUND);
    } else {
        assert!(said.contains(wanted), "{said:?} has no {wanted:?}");
    }
    // A busy machine has one more to spare.
    assert!(took < UNIT * (units + 1), "{said} took {took:?}");

    let good = good();
    let begun = Instant::now();
    let (mut second, _lives) = source(&[server.addr(), good.addr()]);
    let answer = second.lookup().await;
    let answer = answer.unwrap_or_else(|error| panic!("not found at the second server: {error}"));
    assert_eq!(shown(&answer), FOUND);
    assert!(begun.elapsed() < UNIT * (units + 2), "the second server took {:?}", begun.elapsed());
    assert!(asked <= MOST, "{said} after {asked} questions");
    let again = server.count(|asked| asked.name == SERVICE) - asked;
    assert!(again <= MOST, "{again} questions where there is another server");
    // Both families of the target, in two lookups.
    let others = server.asked() - asked - again;
    assert!(others <= 2 * 2 * MOST, "{others} other questions");
    asked
}
