//! What a server does over TCP, where it had truncated its answer over UDP, and where it is asked
//! over TCP alone (`options use-vc`).

use core::net::SocketAddr;

use evenkeel::DnsSrv;
use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, Transport, send};
use evenkeel_tests::servers::zone::{Zone, record};
use hickory_server::proto::rr::DNSClass;
use tempfile::NamedTempFile;

use super::codes::code;
use super::messages::{
    a_question, broken_off, changed, garbage, lying, pointer_loop, wrong_id, wrong_question,
};
use super::records::{chain, reversed};
use super::{
    RECORDS, SERVICE, check_with, good_answer, once_more, outcome, resolv_conf, source, tcp,
    with_srv,
};

/// How it comes that a server is asked over TCP.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Why {
    Truncated,
    TcpOnly,
}

impl Why {
    /// A server that does this over TCP to questions for the records.
    fn server(self, script: Script) -> Hostile {
        match self {
            Self::Truncated => tcp::over_tcp(script),
            Self::TcpOnly => with_srv(script),
        }
    }

    /// A source that asks these servers, and what has to live until it has.
    fn source(self, servers: &[SocketAddr]) -> (DnsSrv, Option<NamedTempFile>) {
        if self == Self::Truncated {
            return (source(servers), None);
        }
        let servers = resolv_conf::nameservers(servers);
        let options = "options use-vc timeout:1 attempts:1";
        let file = resolv_conf::written(&format!("{servers}{options}"));
        (DnsSrv::new(SERVICE).unwrap().resolv_conf(file.path()), Some(file))
    }

    /// Sees that each of so many lookups asked for the records once, over what it should.
    fn holds(self, server: &Hostile, lookups: usize) {
        let asked = |over| server.count(|asked| asked.name == SERVICE && asked.transport == over);
        let over_udp = if self == Self::Truncated { lookups } else { 0 };
        assert_eq!((asked(Transport::Udp), asked(Transport::Tcp)), (over_udp, lookups));
    }
}

type Script = fn(&Asked) -> Vec<Act>;

/// What a server does over TCP, what comes of it, and after how many time-outs at most.
const NO_ANSWERS: &[(&str, Script, &str, u32)] = &[
    ("wrong id", wrong_id, "timed out", 1),
    ("wrong id, then good", |asked| then_good(wrong_id, asked), "FOUND", 0),
    ("wrong question", wrong_question, "answered another question", 1),
    ("wrong question, then good", |asked| then_good(wrong_question, asked), "FOUND", 0),
    ("no question", no_question, "answered another question", 1),
    ("QR=0", a_question, "timed out", 1),
    ("QR=0, then good", |asked| then_good(a_question, asked), "FOUND", 0),
    ("garbage", garbage, "sent what is no answer", 0),
    ("nothing", |_| vec![Act::Send(Vec::new())], "a message of length 0", 0),
    ("cut in the middle", broken_off, "sent what is no answer", 0),
    ("counts that lie", lying, "sent what is no answer", 0),
    ("a loop of pointers", pointer_loop, "sent what is no answer", 0),
    ("bytes after the end", |asked| changed(asked, |bytes| bytes.extend([7; 20])), "FOUND", 0),
    ("FORMERR", |asked| code(asked, 1), "answered FORMERR", 0),
    ("SERVFAIL", |asked| code(asked, 2), "answered SERVFAIL", 0),
    ("NOTIMP", |asked| code(asked, 4), "answered NOTIMP", 0),
    ("REFUSED", |asked| code(asked, 5), "answered REFUSED", 0),
    ("code 6", |asked| code(asked, 6), "answered with response code 6", 0),
    ("code 11", |asked| code(asked, 11), "answered with response code 11", 0),
    ("code 15", |asked| code(asked, 15), "answered with response code 15", 0),
    ("BADVERS", |asked| code(asked, 16), "answered with response code 16", 0),
    ("code 23", |asked| code(asked, 23), "answered with response code 23", 0),
];

/// Answers that are to be believed, and what they say. It is known at once.
const ANSWERS: &[(&str, Script, &str)] = &[
    ("NXDOMAIN", |asked| code(asked, 3), "[]"),
    ("class CH", of_another_class, "[]"),
    ("foreign owner", |asked| records(asked, "other.t 60 SRV 0 1 80 a.t"), "[]"),
    ("8 aliases", |asked| records(asked, &chain(8)), FOUND_TEXT),
    ("8 aliases in reverse order", |asked| records(asked, &reversed(&chain(8))), FOUND_TEXT),
    ("9 aliases", |asked| records(asked, &chain(9)), "_h._tcp.t has more than 8 CNAMEs in a row"),
    ("self loop", |asked| records(asked, "_h._tcp.t 60 CNAME _h._tcp.t"), LEADS_BACK),
    ("loop", |asked| records(asked, "_h._tcp.t 60 CNAME b.t\nb.t 60 CNAME _h._tcp.t"), LEADS_BACK),
];
const FOUND_TEXT: &str = r#"["a.t 127.0.0.1:80"]"#;
const LEADS_BACK: &str = "the CNAMEs of _h._tcp.t lead back to _h._tcp.t";

fn then_good(first: Script, asked: &Asked) -> Vec<Act> {
    [first(asked), good_answer(asked)].concat()
}

fn no_question(asked: &Asked) -> Vec<Act> {
    let mut response = asked.response.clone();
    response.queries.clear();
    send(&response)
}

fn records(asked: &Asked, lines: &str) -> Vec<Act> {
    let mut response = asked.response.clone();
    response.add_answers(lines.lines().map(record));
    send(&response)
}

fn of_another_class(asked: &Asked) -> Vec<Act> {
    let mut response = Zone::new(RECORDS).answer(asked.response.clone());
    response.answers[0].dns_class = DNSClass::CH;
    send(&response)
}

async fn no_answers(why: Why) {
    for (name, script, wanted, units) in NO_ANSWERS {
        println!("{name}");
        let server = why.server(*script);
        check_with(&server, wanted, *units, |servers| why.source(servers)).await;
        why.holds(&server, 2);
    }
}

async fn answers(why: Why) {
    for (name, script, wanted) in ANSWERS {
        println!("{name}");
        let server = why.server(*script);
        let (mut source, _file) = why.source(&[server.addr()]);
        let answer = once_more(&mut source, &server, 1).await;
        assert_eq!(outcome(&answer), *wanted);
        why.holds(&server, 1);
    }
}

#[tokio::test]
async fn truncated_and_what_is_no_answer_over_tcp() {
    no_answers(Why::Truncated).await;
}

#[tokio::test]
async fn truncated_and_an_answer_over_tcp() {
    answers(Why::Truncated).await;
}

#[tokio::test]
async fn tcp_only_and_what_is_no_answer() {
    no_answers(Why::TcpOnly).await;
}

#[tokio::test]
async fn tcp_only_and_an_answer() {
    answers(Why::TcpOnly).await;
}
