//! Answers that do not fit into a datagram, and what TCP then meets.

use core::time::Duration;

use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, Transport, send};

use super::messages::wrong_question;
use super::{
    FOUND, MOST, SERVICE, UNIT, at_once, check, good_answer, once_more, outcome, shown, source,
    with_srv,
};

fn truncated(asked: &Asked) -> Vec<Act> {
    let mut response = asked.response.clone();
    response.metadata.truncation = true;
    send(&response)
}

/// A server whose datagrams are truncated and that does this over TCP.
pub(crate) fn over_tcp(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Hostile {
    with_srv(move |asked| match asked.transport {
        Transport::Udp => truncated(asked),
        Transport::Tcp => script(asked),
    })
}

/// The bytes of the good answer with its length before it.
fn frame(asked: &Asked) -> Vec<u8> {
    let Some(Act::Send(bytes)) = good_answer(asked).pop() else { return Vec::new() };
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), &*bytes].concat()
}

async fn says_both(server: &Hostile, over_tcp: &str, units: u32) {
    check(server, &format!("over UDP sent a truncated answer, over TCP {over_tcp}"), units).await;
}

#[tokio::test]
async fn truncated_and_tcp_refused() {
    says_both(&Hostile::start_udp(truncated), "failed: Connection refused", 0).await;
}

#[tokio::test]
async fn truncated_and_tcp_reset() {
    says_both(&over_tcp(|_| vec![Act::Reset]), "failed: Connection reset", 0).await;
}

#[tokio::test]
async fn truncated_and_tcp_closed() {
    says_both(&over_tcp(|_| vec![Act::Close]), "failed: it closed the connection", 0).await;
}

#[tokio::test]
async fn truncated_and_length_0() {
    let server = over_tcp(|_| vec![Act::Raw(vec![0, 0])]);
    says_both(&server, "sent what is no answer: a message of length 0", 0).await;
}

#[tokio::test]
async fn truncated_and_length_65535_then_closed() {
    let server = over_tcp(|_| vec![Act::Raw(vec![0xff; 500]), Act::Close]);
    says_both(&server, "failed: it closed the connection", 0).await;
}

#[tokio::test]
async fn truncated_and_tcp_hanging() {
    says_both(&over_tcp(|_| vec![Act::Wait(UNIT * 9)]), "timed out", 1).await;
}

#[tokio::test]
async fn truncated_and_another_question_over_tcp() {
    says_both(&over_tcp(wrong_question), "answered another question", 1).await;
}

#[tokio::test]
async fn truncated_over_tcp_too() {
    check(&with_srv(truncated), "sent a truncated answer", 0).await;
}

#[tokio::test]
async fn an_answer_byte_by_byte() {
    let server = over_tcp(|asked| {
        let bytes = frame(asked).into_iter();
        bytes.flat_map(|byte| [Act::Raw(vec![byte]), Act::Wait(Duration::from_millis(1))]).collect()
    });
    assert_eq!(check(&server, "FOUND", 0).await, 2);
}

#[tokio::test]
async fn a_connection_closed_after_the_answer_is_no_failure_of_the_next_question() {
    let server = over_tcp(|asked| vec![Act::Raw(frame(asked)), Act::Close]);
    let mut source = source(&[server.addr()]);
    for _ in 0..3 {
        let answer = once_more(&mut source, &server, 1).await.unwrap();
        assert_eq!(shown(&answer), FOUND);
    }
    assert_eq!(server.count(|asked| asked.transport == Transport::Tcp), 3);
    let records = server.count(|asked| asked.name == SERVICE);
    assert!(records <= 3 * MOST, "{records} questions");
}

#[tokio::test]
async fn two_messages_of_which_one_is_the_answer() {
    let server = over_tcp(|asked| {
        let mut other = frame(asked);
        other[2] ^= 1;
        vec![Act::Raw([other, frame(asked), frame(asked)].concat())]
    });
    let mut source = source(&[server.addr()]);
    for _ in 0..3 {
        let answer = once_more(&mut source, &server, 1).await;
        assert_eq!(outcome(&answer), format!("{FOUND:?}"));
    }
    let records = server.count(|asked| asked.name == SERVICE);
    assert!(records <= 3 * MOST, "{records} questions");
}

#[tokio::test]
async fn many_records_come_over_tcp() {
    for count in [120, 500, 1500] {
        let server = over_tcp(move |asked| {
            let mut response = asked.response.clone();
            for port in 1..=count {
                let line = format!("_h._tcp.t 9 SRV 0 1 {port} a.t");
                response.add_answer(evenkeel_tests::servers::zone::record(&line));
            }
            send(&response)
        });
        let answer = at_once(&server, 1).await.unwrap();
        assert_eq!(answer.endpoints.len(), count);
        let records = server.count(|asked| asked.name == SERVICE);
        assert!(records <= MOST, "{records} questions");
    }
}
