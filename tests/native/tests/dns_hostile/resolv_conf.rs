//! The system's configuration, in a file of the test's own.

use core::net::SocketAddr;
use core::time::Duration;

use evenkeel::dns::LookupError;
use evenkeel::{Answer, BoxDiscover, Discover, DnsHost, DnsSrv, PollerConfig};
use evenkeel_tests::servers::bind_both;
use evenkeel_tests::servers::hostile::{Hostile, Transport, send};
use evenkeel_tests::servers::zone::Zone;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RecordType;
use tokio::time::Instant;

use super::{FOUND, UNIT, good, outcome, shown};

pub(crate) fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

pub(crate) fn nameservers(servers: &[SocketAddr]) -> String {
    // As OpenBSD has it; glibc knows no ports.
    let line = |addr: &SocketAddr| format!("nameserver [{}]:{}\n", addr.ip(), addr.port());
    servers.iter().map(line).collect()
}

/// Looks up a name with this configuration.
async fn lookup(name: &str, conf: &str) -> Result<Answer, LookupError> {
    let file = written(conf);
    DnsSrv::new(name).unwrap().resolv_conf(file.path()).lookup().await
}

#[tokio::test]
async fn the_search_list_in_order_without_what_cannot_be_read() {
    let server = good();
    let conf = format!(
        "{}search nowhere.t b..ad bücher.t t other.t\noptions ndots:5",
        nameservers(&[server.addr()])
    );
    assert_eq!(shown(&lookup("_h._tcp", &conf).await.unwrap()), FOUND);
    let asked = |name| server.count(|asked| asked.name == name);
    assert_eq!((asked("_h._tcp.nowhere.t."), asked("_h._tcp.t.")), (1, 1));
    assert_eq!(server.count(|asked| asked.kind == RecordType::SRV), 2);
}

/// A server that has the service under one name of the search list and says this code to others.
fn says_to_others(code: ResponseCode) -> Hostile {
    let zone = Zone::new("_h._tcp.t 60 SRV 0 1 80 a.t\na.t 60 A 127.0.0.1");
    Hostile::start(move |asked| {
        let mut response = asked.response.clone();
        if asked.name.ends_with(".t.") {
            return send(&zone.answer(response));
        }
        response.metadata.response_code = code;
        send(&response)
    })
}

#[tokio::test]
async fn a_code_for_one_name_does_not_lead_back_to_a_dead_server() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused] {
        let (silent, second) = (bind_both(), says_to_others(code));
        let servers = [silent.0.local_addr().unwrap(), second.addr()];
        let conf = format!("{}search x y z t\noptions ndots:5 timeout:1", nameservers(&servers));
        let begun = Instant::now();
        let answer = lookup("_h._tcp", &conf).await;
        assert_eq!(outcome(&answer), format!("{FOUND:?}"));
        assert!(begun.elapsed() < UNIT * 2, "one time-out, not four: {:?}", begun.elapsed());
        // What each name met is told, where none has the service.
        let error = lookup("_other._tcp", &conf.replace(" t\n", "\n")).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&format!("{} timed out after 1s", servers[0])), "{said}");
        assert!(said.contains(&format!("{} answered", servers[1])), "{said}");
    }
}

#[tokio::test]
async fn a_time_out_of_0_is_a_second() {
    let (silent, second) = (bind_both(), good());
    let servers = [silent.0.local_addr().unwrap(), second.addr()];
    let conf = format!("{}options timeout:0", nameservers(&servers));
    let begun = Instant::now();
    assert_eq!(shown(&lookup("_h._tcp.t.", &conf).await.unwrap()), FOUND);
    let took = begun.elapsed();
    assert!(UNIT <= took && took < UNIT * 3, "{took:?}");
}

#[tokio::test]
async fn no_aaaa_use_vc_and_rotate() {
    let server = good();
    let conf = nameservers(&[server.addr()]);
    lookup("_h._tcp.t.", &format!("{conf}options no-aaaa")).await.unwrap();
    assert_eq!((server.count(|asked| asked.kind == RecordType::AAAA), server.asked()), (0, 2));

    lookup("_h._tcp.t.", &format!("{conf}options use-vc")).await.unwrap();
    assert_eq!(server.count(|asked| asked.transport == Transport::Udp), 2, "no more than before");

    let servers = [good(), good()];
    let conf = nameservers(&servers.each_ref().map(Hostile::addr));
    lookup("_h._tcp.t.", &format!("{conf}options rotate")).await.unwrap();
    assert!(servers.iter().all(|server| server.asked() > 0));
}

#[tokio::test]
async fn attempts_are_rounds_through_silent_servers() {
    let server = Hostile::start(|_| Vec::new());
    let conf = format!("{}options timeout:1 attempts:2", nameservers(&[server.addr()]));
    let begun = Instant::now();
    lookup("_h._tcp.t.", &conf).await.unwrap_err();
    let took = begun.elapsed();
    assert!(UNIT * 2 <= took && took < UNIT * 4, "{took:?}");
}

#[tokio::test]
async fn without_a_name_server_the_local_machine_is_asked() {
    let nowhere = tempfile::tempdir().unwrap();
    for file in [written(""), written("search t\nnameserver nonsense")] {
        let source = DnsSrv::new("_h._tcp.evenkeel.invalid.").unwrap().resolv_conf(file.path());
        asks_the_local_machine(source).await;
    }
    let missing = nowhere.path().join("resolv.conf");
    let source = DnsSrv::new("_h._tcp.evenkeel.invalid.").unwrap().resolv_conf(missing);
    asks_the_local_machine(source).await;
}

/// Whether there is a resolver on this machine or not.
async fn asks_the_local_machine(source: DnsSrv) {
    let mut source = source.timeout(Duration::from_secs(2)).unwrap();
    match source.lookup().await {
        Ok(answer) => assert_eq!(answer.server.as_deref(), Some("127.0.0.1:53")),
        Err(error) => assert!(error.to_string().contains("127.0.0.1:53"), "{error}"),
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = DnsSrv::new("_h._tcp.t.").unwrap().resolv_conf(folder.path());
    let error = source.lookup().await.unwrap_err().to_string();
    let wanted = format!("DNS cannot be set up: {}: Is a directory", folder.path().display());
    assert!(error.starts_with(&wanted), "{error}");
}

#[tokio::test]
async fn after_a_failure_the_file_is_read_again() {
    let (server, file) = (good(), written(""));
    let mut source = DnsSrv::new("_h._tcp.t.").unwrap().resolv_conf(file.path());
    std::fs::write(file.path(), nameservers(&[bind_both().0.local_addr().unwrap()])).unwrap();
    source.lookup().await.unwrap_err();
    std::fs::write(file.path(), nameservers(&[server.addr()])).unwrap();
    let answer = source.lookup().await.unwrap();
    assert_eq!(shown(&answer), FOUND);
    assert_eq!(answer.server.as_deref(), Some(&*server.addr().to_string()));
}

#[tokio::test]
async fn what_is_known_of_servers_outlives_a_failure() {
    let (silent, failing) = (bind_both(), says_to_others(ResponseCode::ServFail));
    let servers = [silent.0.local_addr().unwrap(), failing.addr()];
    let file = written(&format!("{}options timeout:1", nameservers(&servers)));
    let mut source = DnsSrv::new("_h._tcp.elsewhere.").unwrap().resolv_conf(file.path());
    source.lookup().await.unwrap_err();
    let begun = Instant::now();
    let error = source.lookup().await.unwrap_err().to_string();
    assert!(begun.elapsed() < UNIT, "{:?}", begun.elapsed());
    assert!(error.contains("was not asked, for 0 s ago it timed out"), "{error}");
}

/// As a machine that has moved to another network, where the old servers know no such name, or
/// another one: glibc reads a changed file at any time.
#[tokio::test]
async fn a_changed_file_is_read_with_the_next_lookup() {
    let there = Zone::new("_h._tcp.t 60 SRV 0 1 80 a.t\na.t 60 A 127.0.0.1");
    for (before, found) in [
        // NXDOMAIN, NODATA, and records that hold for long.
        ("", None),
        ("_h._tcp.t 60 A 127.0.0.9\na.t 60 SRV 0 1 80 a.t", None),
        ("_h._tcp.t 60 SRV 0 1 80 a.t\na.t 60 A 127.0.0.9", Some("a.t 127.0.0.9:80")),
    ] {
        let (here, there) = (Zone::new(before), there.clone());
        let here = Hostile::start(move |asked| send(&here.answer(asked.response.clone())));
        let there = Hostile::start(move |asked| send(&there.answer(asked.response.clone())));
        let file = written(&nameservers(&[here.addr()]));
        let by_srv = DnsSrv::new("_h._tcp.t.").unwrap().resolv_conf(file.path());
        let by_host = DnsHost::new("a.t.", 80).unwrap().resolv_conf(file.path());
        let mut sources = [BoxDiscover::new(by_srv), BoxDiscover::new(by_host)];
        for source in &mut sources {
            assert_eq!(shown(&source.lookup().await.unwrap()), Vec::from_iter(found));
        }
        std::fs::write(file.path(), nameservers(&[there.addr()])).unwrap();
        for source in &mut sources {
            assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
        }
    }
}

/// Else a question of a minute keeps a machine waiting that has moved meanwhile.
#[tokio::test]
async fn what_old_servers_are_asked_is_not_waited_for() {
    let (silent, good) = (bind_both(), good());
    let file = written(&nameservers(&[silent.0.local_addr().unwrap()]));
    let poller = PollerConfig { timeout: UNIT, ..PollerConfig::default() };
    let patient = Duration::from_secs(60);
    let by_srv = DnsSrv::new("_h._tcp.t.").unwrap().resolv_conf(file.path());
    let by_srv = by_srv.timeout(patient).unwrap().poller(poller);
    let by_host = DnsHost::new("a.t.", 80).unwrap().resolv_conf(file.path());
    let by_host = by_host.timeout(patient).unwrap().poller(poller);
    let mut sources = [BoxDiscover::new(by_srv), BoxDiscover::new(by_host)];
    for source in &mut sources {
        let error = source.lookup().await.unwrap_err().to_string();
        assert!(error.contains("and still waiting"), "{error}");
    }
    std::fs::write(file.path(), nameservers(&[good.addr()])).unwrap();
    for source in &mut sources {
        assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
    }
}
