//! DNS over TLS (RFC 7858).

use core::net::SocketAddr;
use std::sync::Mutex;

use evenkeel::dns::NameServer;
use evenkeel::{Discover, DnsHost, Tls};
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, Transport, send};
use evenkeel_tests::servers::secure::{Connections, Secure};
use hickory_server::proto::op::{Message, Query, ResponseCode};
use hickory_server::proto::rr::RecordType;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::{
    FOUND, PATIENCE, UNIT, fails, good, is_closed_when_idle, is_made_anew_when_cut, many_targets,
    outcome, says, silent, source, trusting, with_srv,
};

/// A server over TLS as `dns.test`, and what it passes questions on to.
struct Scene {
    behind: Hostile,
    front: Secure,
    server: NameServer,
}

async fn scene(behind: Hostile) -> Scene {
    let authority = Authority::new();
    let front = Secure::to(behind.addr(), &authority.certifies("dns.test")).await;
    let server = named(front.addr, "dns.test", &authority);
    Scene { behind, front, server }
}

fn named(addr: SocketAddr, name: &str, authority: &Authority) -> NameServer {
    NameServer::tls(addr, name).unwrap().with_tls(trusting(authority))
}

/// Does `script` to SRV questions over TLS; it must be said of it that it did `wanted`.
async fn over_tls(
    script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    wanted: &str,
) -> Scene {
    let scene = scene(with_srv(script)).await;
    fails(scene.server.clone(), wanted).await;
    scene
}

#[tokio::test]
async fn all_questions_share_a_connection() {
    let zone = many_targets(20);
    let behind = Hostile::start(move |asked| send(&zone.answer(asked.response.clone())));
    let Scene { behind, front, server } = scene(behind).await;
    let mut source = source([server.clone()]).family_wait(PATIENCE);
    for _ in 0..2 {
        let answer = source.lookup().await.unwrap();
        assert_eq!(answer.endpoints.len(), 20);
        assert_eq!(answer.server.as_deref(), Some(&*server.to_string()));
    }
    assert_eq!(server.to_string(), format!("tls://{}#dns.test", front.addr));
    assert_eq!((behind.asked(), behind.count(|asked| asked.transport == Transport::Udp)), (62, 0));
    assert_eq!(front.connections(), Connections { made: 1, open: 1 });
    drop(source);
    timeout(PATIENCE, front.has(|connections| connections.open == 0)).await.unwrap();
}

#[tokio::test]
async fn questions_do_not_wait_for_each_other() {
    // The first has no answer until there is a second, and comes after that.
    let first = Mutex::new(None::<Message>);
    let behind = Hostile::start(move |asked| {
        let mut first = first.lock().unwrap();
        if let Some(before) = first.take() {
            return [send(&good(asked)), send(&before)].concat();
        }
        *first = Some(good(asked));
        Vec::new()
    });
    let Scene { behind, front, server } = scene(behind).await;
    let host = DnsHost::new("a.t", 80).unwrap().servers([server]).unwrap();
    let answer = host.family_wait(PATIENCE).lookup().await;
    assert_eq!(outcome(&answer), FOUND);
    assert_eq!((behind.asked(), front.connections().made), (2, 1));
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_anew() {
    let Scene { behind: _behind, front, server } =
        scene(with_srv(|asked| send(&good(asked)))).await;
    is_made_anew_when_cut(&front, server).await;
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_good() {
    let zone = many_targets(20);
    let behind = Hostile::start(move |asked| {
        [send(&zone.answer(asked.response.clone())), vec![Act::Close]].concat()
    });
    let Scene { behind: _behind, front, server } = scene(behind).await;
    let mut source = source([server]).family_wait(PATIENCE);
    for _ in 0..2 {
        assert_eq!(source.lookup().await.unwrap().endpoints.len(), 20);
    }
    assert_eq!(front.connections().made, 62, "one for each answer");
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let Scene { behind: _behind, front, server } =
        scene(with_srv(|asked| send(&good(asked)))).await;
    is_closed_when_idle(&front, server).await;
}

#[tokio::test]
async fn a_connection_that_swallows_questions_is_given_up() {
    let asked_before = Mutex::new(0);
    let behind = with_srv(move |asked| {
        let mut before = asked_before.lock().unwrap();
        *before += 1;
        if *before == 2 { vec![Act::Wait(PATIENCE)] } else { send(&good(asked)) }
    });
    let Scene { behind: _behind, front, server } = scene(behind).await;
    let mut source = source([server]).timeout(UNIT).unwrap();
    assert_eq!(outcome(&source.lookup().await), FOUND);
    assert!(outcome(&source.lookup().await).contains("timed out after 1s"));
    assert_eq!(outcome(&source.lookup().await), FOUND);
    assert_eq!(front.connections().made, 2);
}

#[tokio::test]
async fn another_name_is_refused() {
    let (authority, behind) = (Authority::new(), with_srv(|asked| send(&good(asked))));
    let front = Secure::to(behind.addr(), &authority.certifies("dns.test")).await;
    let server = named(front.addr, "other.test", &authority);
    let wanted = "made no secure connection: invalid peer certificate: \
                  certificate not valid for name \"other.test\"";
    fails(server, wanted).await;
    assert_eq!(behind.asked(), 0);
    // An address is a name, too.
    let front = Secure::to(behind.addr(), &authority.certifies("127.0.0.1")).await;
    let server: NameServer = format!("tls://{}", front.addr).parse().unwrap();
    let answer = source([server.with_tls(trusting(&authority))]).lookup().await;
    assert_eq!(outcome(&answer), FOUND);
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let behind = with_srv(|asked| send(&good(asked)));
    let front = Secure::to(behind.addr(), &Authority::new().certifies("dns.test")).await;
    let server = named(front.addr, "dns.test", &Authority::new());
    fails(server, "made no secure connection: invalid peer certificate: UnknownIssuer").await;
    assert_eq!(behind.asked(), 0);
}

#[tokio::test]
async fn an_old_certificate_is_refused() {
    let (authority, behind) = (Authority::new(), with_srv(|asked| send(&good(asked))));
    let front = Secure::to(behind.addr(), &authority.certified("dns.test")).await;
    let server = named(front.addr, "dns.test", &authority);
    fails(server, "made no secure connection: invalid peer certificate: certificate expired").await;
}

#[tokio::test]
async fn plain_text_is_no_tls() {
    let (addr, listener) = silent().await;
    let talking = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _gone = stream.write_all(b"220 mail.test ESMTP\r\n").await;
        }
    });
    let server = named(addr, "dns.test", &Authority::new());
    fails(server, "made no secure connection: it does not speak TLS").await;
    talking.abort();
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let (addr, listener) = silent().await;
    drop(listener);
    fails(named(addr, "dns.test", &Authority::new()), "failed: Connection refused").await;
}

#[tokio::test]
async fn a_silent_server_takes_one_time_out_and_is_asked_last() {
    let (addr, _listener) = silent().await;
    let server = named(addr, "dns.test", &Authority::new());
    let next = Hostile::start(|asked| send(&says(asked, ResponseCode::ServFail)));
    let mut source = source([server, next.addr().into()]).timeout(UNIT).unwrap();
    let begun = Instant::now();
    let first = outcome(&source.lookup().await);
    assert!(first.contains("timed out after 1s"), "{first}");
    let took = begun.elapsed();
    assert!(UNIT <= took && took < UNIT * 3, "{took:?}");
    let again = outcome(&source.lookup().await);
    assert!(again.contains("was not asked, for 0 s ago it timed out"), "{again}");
}

#[tokio::test]
async fn a_server_that_is_not_asked_again_for_its_certificate_says_so() {
    let behind = with_srv(|asked| send(&good(asked)));
    let front = Secure::to(behind.addr(), &Authority::new().certifies("dns.test")).await;
    let server = named(front.addr, "dns.test", &Authority::new());
    let next = Hostile::start(|asked| send(&says(asked, ResponseCode::ServFail)));
    let mut source = source([server, next.addr().into()]);
    let _of_the_first = source.lookup().await;
    let again = outcome(&source.lookup().await);
    let met = "was not asked, for 0 s ago it made no secure connection: invalid peer certificate: \
               UnknownIssuer";
    assert!(again.contains(met), "{again}");
}

#[tokio::test]
async fn what_a_server_says_is_told() {
    over_tls(|asked| send(&says(asked, ResponseCode::ServFail)), "answered SERVFAIL").await;
    let truncated = |asked: &Asked| {
        let mut response = asked.response.clone();
        response.metadata.truncation = true;
        send(&response)
    };
    over_tls(truncated, "sent a truncated answer").await;
    let other = |asked: &Asked| {
        let mut response = asked.response.clone();
        response.queries = vec![Query::query("other.t.".parse().unwrap(), RecordType::SRV)];
        send(&response)
    };
    over_tls(other, "answered another question").await;
    let garbage = |asked: &Asked| {
        let id = asked.response.metadata.id.to_be_bytes();
        vec![Act::Send([&id[..], &[0x80], &[0xff; 30]].concat())]
    };
    over_tls(garbage, "sent what is no answer").await;
    over_tls(|_| vec![Act::Raw(vec![0, 0])], "a message of length 0").await;
    over_tls(|_| vec![Act::Close], "failed: it closed the connection").await;
    over_tls(|_| Vec::new(), "timed out after 1s").await;
}

#[tokio::test]
async fn the_system_is_trusted_where_nobody_else_is_named() {
    let behind = with_srv(|asked| send(&good(asked)));
    let front = Secure::to(behind.addr(), &Authority::new().certifies("dns.test")).await;
    let server = NameServer::tls(front.addr, "dns.test").unwrap().with_tls(Tls::default());
    fails(server, "made no secure connection").await;
}
