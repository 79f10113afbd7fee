//! How long what was found holds, and how long a lookup takes, to the second.

use core::convert::Infallible;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{A, AAAA, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::time::{Instant, sleep, sleep_until};

use super::zone::{SERVICE, proof};
use super::{DnsHost, DnsSrv, serve};
use crate::target::Target;
use crate::{Answer, Balancer, BoxDiscover, Discover, PollerConfig};

const SECOND: Duration = Duration::from_secs(1);

/// A server, and the types that it was asked for.
struct Server {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<RecordType>>>,
}

impl Server {
    /// Starts one that has these records, and answers questions about a name and a type after so
    /// long, or never.
    fn start(
        records: Vec<Record>,
        after: impl Fn(&Name, RecordType) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        let (addr, asked) =
            (SocketAddr::from(([127, 0, 0, 1], 53)), Arc::<Mutex<Vec<_>>>::default());
        let log = asked.clone();
        serve(addr, move |_, bytes| {
            let question = Message::from_vec(bytes).unwrap();
            let query = question.queries[0].clone();
            log.lock().unwrap().push(query.query_type());
            let mut response = Message::response(question.id, question.op_code);
            response.add_queries(question.queries);
            let is_asked =
                |r: &&Record| r.name == *query.name() && r.record_type() == query.query_type();
            response.add_answers(records.iter().filter(is_asked).cloned());
            if response.answers.is_empty() {
                response.add_authority(proof());
            }
            Some((after(query.name(), query.query_type())?, response.to_vec().unwrap()))
        });
        Self { addr, asked }
    }

    /// Starts one that answers at once.
    fn quick(records: Vec<Record>) -> Self {
        Self::start(records, |_, _| Some(Duration::ZERO))
    }

    fn asked(&self, kind: RecordType) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| **asked == kind).count()
    }

    fn srv(&self) -> DnsSrv {
        DnsSrv::new(SERVICE).unwrap().servers([self.addr]).unwrap()
    }

    fn host(&self) -> DnsHost {
        DnsHost::new("a.t.", 80).unwrap().servers([self.addr]).unwrap()
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// A record of the service.
fn target(ttl: u32, host: &str) -> Record {
    Record::from_rdata(name(SERVICE), ttl, RData::SRV(SRV::new(0, 1, 80, name(host))))
}

fn address(ttl: u32, host: &str, ip: &str) -> Record {
    let data = match ip.parse().unwrap() {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    Record::from_rdata(name(host), ttl, data)
}

fn shown(answer: &Answer) -> String {
    let shown = answer.endpoints.iter().map(|endpoint| endpoint.addr.to_string());
    shown.collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn addresses_are_asked_for_again_when_their_own_time_is_over() {
    let server = Server::quick(vec![target(0, "a.t."), address(60, "a.t.", "10.0.0.1")]);
    let mut source = server.srv();
    for round in 1..=3 {
        for lookups in [1, 2, 3] {
            assert_eq!(shown(&source.lookup().await.unwrap()), "10.0.0.1:80");
            let asked = [RecordType::SRV, RecordType::A].map(|kind| server.asked(kind));
            assert_eq!(asked, [3 * (round - 1) + lookups, round]);
            sleep(20 * SECOND).await;
        }
    }
}

/// Else a change of what lives for a day is seen tomorrow, and so is a server that died.
#[tokio::test(start_paused = true)]
async fn nothing_holds_for_longer_than_the_longest_interval() {
    for by_srv in [true, false] {
        let server =
            Server::quick(vec![target(86_400, "a.t."), address(86_400, "a.t.", "10.0.0.1")]);
        let poller = PollerConfig { jitter_percent: 0, max: 40 * SECOND, ..Default::default() };
        let source = if by_srv {
            BoxDiscover::new(server.srv().poller(poller))
        } else {
            BoxDiscover::new(server.host().poller(poller))
        };
        let begun = Instant::now();
        let balancer = Balancer::builder(source)
            .build(async |target: Target| Ok::<_, Infallible>(target))
            .unwrap();
        for rounds in 1..=5 {
            // Half way to the next.
            sleep_until(begun + 20 * SECOND * (2 * rounds - 1)).await;
            let status = balancer.discovery().borrow().clone();
            assert_eq!(status.queries, u64::from(rounds));
            let asked = [RecordType::SRV, RecordType::A].map(|kind| server.asked(kind));
            let rounds = usize::try_from(rounds).unwrap();
            assert_eq!(asked, [if by_srv { rounds } else { 0 }, rounds]);
        }
    }
}

/// A host whose IPv6 address comes after 300 ms.
fn late_aaaa() -> Server {
    let records =
        vec![target(60, "a.t."), address(60, "a.t.", "10.0.0.1"), address(60, "a.t.", "fd00::1")];
    Server::start(records, |_, kind| {
        Some(Duration::from_millis(if kind == RecordType::AAAA { 300 } else { 1 }))
    })
}

#[tokio::test(start_paused = true)]
async fn a_family_is_waited_for_as_long_as_is_said() {
    let (server, both) = (late_aaaa(), "10.0.0.1:80 [fd00::1]:80");
    let begun = Instant::now();
    let patient = server.srv().family_wait(2 * SECOND).lookup().await.unwrap();
    assert_eq!((shown(&patient).as_str(), patient.skipped.count()), (both, 0));
    let patient = server.host().family_wait(2 * SECOND).lookup().await.unwrap();
    assert_eq!(shown(&patient), both);
    assert!(begun.elapsed() < SECOND, "not longer than it takes: {:?}", begun.elapsed());

    let (mut by_srv, mut by_host) = (server.srv(), server.host());
    let begun = Instant::now();
    assert_eq!(shown(&by_srv.lookup().await.unwrap()), "10.0.0.1:80");
    assert_eq!(shown(&by_host.lookup().await.unwrap()), "10.0.0.1:80");
    assert!(begun.elapsed() < SECOND / 5, "50 ms each: {:?}", begun.elapsed());
    by_srv.changed().await.unwrap();
    assert_eq!(shown(&by_srv.lookup().await.unwrap()), both);
    by_host.changed().await.unwrap();
    assert_eq!(shown(&by_host.lookup().await.unwrap()), both);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_has_to_end_tells_what_it_has_and_what_it_has_not() {
    let records = ["a.t.", "late.t.", "never.t."].map(|host| target(60, host));
    let addresses = ["a.t.", "late.t."].map(|host| address(60, host, "10.0.0.1"));
    let server =
        Server::start([&records[..], &addresses].concat(), |of, _| match of.to_ascii().as_str() {
            "late.t." => Some(15 * SECOND),
            "never.t." => None,
            _ => Some(Duration::ZERO),
        });
    let source = server.srv().timeout(60 * SECOND).unwrap().family_wait(60 * SECOND);
    let balancer = Balancer::builder(source)
        .build(async |target: Target| Ok::<_, Infallible>(target))
        .unwrap();
    let known = || {
        let hosts = balancer.endpoints().into_iter().map(|one| one.endpoint.addr.host().to_owned());
        hosts.collect::<Vec<_>>().join(" ")
    };
    let mut discovery = balancer.discovery();
    let begun = Instant::now();
    let status = discovery.wait_for(|status| status.last_success.is_some()).await.unwrap().clone();
    assert!(begun.elapsed() < 10 * SECOND, "{:?}", begun.elapsed());
    let why = |host| format!("the target {host} is still being looked up");
    let reasons: Vec<_> = status.skipped.reasons().iter().map(ToString::to_string).collect();
    assert_eq!(reasons, [why("late.t"), why("never.t")]);
    balancer.ready_any().await;
    assert_eq!(known(), "a.t");

    // The questions go on.
    let status = discovery.wait_for(|status| status.skipped.count() == 1).await.unwrap().clone();
    assert_eq!(*status.skipped.reasons()[0], *why("never.t"));
    sleep(SECOND).await;
    assert_eq!(known(), "a.t late.t");
}
