//! Messages that are no answers, over UDP and TCP.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use evenkeel::Discover;
use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, Transport, bytes, send};
use evenkeel_tests::servers::zone::record;
use hickory_server::proto::op::{Message, MessageType, Query};
use hickory_server::proto::rr::{DNSClass, RecordType};

use super::{
    FOUND, MOST, SERVICE, at_once, check, good, good_answer, outcome, shown, source, with_srv,
};

/// The good answer, changed.
pub(crate) fn changed(asked: &Asked, change: impl Fn(&mut Vec<u8>)) -> Vec<Act> {
    let mut acts = good_answer(asked);
    if let Some(Act::Send(bytes)) = acts.first_mut() {
        change(bytes);
    }
    acts
}

pub(crate) fn wrong_id(asked: &Asked) -> Vec<Act> {
    changed(asked, |bytes| bytes[0] ^= 1)
}

pub(crate) fn wrong_question(asked: &Asked) -> Vec<Act> {
    let mut response = asked.response.clone();
    response.queries = vec![Query::query("other.t.".parse().unwrap(), RecordType::SRV)];
    send(&response)
}

/// A question, where an answer should be.
pub(crate) fn a_question(asked: &Asked) -> Vec<Act> {
    has(asked.response.clone(), |message| message.metadata.message_type = MessageType::Query)
}

/// The head of an answer, and no sense after it.
pub(crate) fn garbage(asked: &Asked) -> Vec<Act> {
    changed(asked, |bytes| bytes[4..].fill(0xff))
}

/// An answer cut in the middle of its last record.
pub(crate) fn broken_off(asked: &Asked) -> Vec<Act> {
    changed(asked, |bytes| bytes.truncate(bytes.len() - 5))
}

/// An answer that has fewer records than it says.
pub(crate) fn lying(asked: &Asked) -> Vec<Act> {
    changed(asked, |bytes| bytes[7] = 5)
}

/// An answer whose question has a name that is a pointer to itself.
pub(crate) fn pointer_loop(asked: &Asked) -> Vec<Act> {
    changed(asked, |bytes| (bytes[12], bytes[13]) = (0xc0, 12))
}

fn has(mut response: Message, change: impl Fn(&mut Message)) -> Vec<Act> {
    change(&mut response);
    send(&response)
}

#[tokio::test]
async fn another_id_is_not_believed() {
    check(&with_srv(wrong_id), "timed out", 1).await;
    let then_good = with_srv(|asked| [wrong_id(asked), good_answer(asked)].concat());
    assert_eq!(check(&then_good, "FOUND", 0).await, 1);
}

#[tokio::test]
async fn another_question_is_not_believed() {
    check(&with_srv(wrong_question), "answered another question", 1).await;
    let then_good = with_srv(|asked| [wrong_question(asked), good_answer(asked)].concat());
    assert_eq!(check(&then_good, "FOUND", 0).await, 1);
}

#[tokio::test]
async fn no_question_is_not_believed() {
    let server = with_srv(|asked| has(asked.response.clone(), |response| response.queries.clear()));
    check(&server, "answered another question", 1).await;
}

#[tokio::test]
async fn a_question_is_no_answer() {
    let server = with_srv(a_question);
    check(&server, "timed out", 1).await;
}

#[tokio::test]
async fn garbage_is_told() {
    let server = with_srv(garbage);
    check(&server, "sent what is no answer", 0).await;
}

#[tokio::test]
async fn nothing_at_all_is_no_answer() {
    let server = with_srv(|_| vec![Act::Send(Vec::new())]);
    check(&server, "a message of length 0", 1).await;
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_is_told() {
    let server = with_srv(broken_off);
    check(&server, "sent what is no answer", 0).await;
}

#[tokio::test]
async fn counts_that_lie_are_told() {
    let server = with_srv(lying);
    check(&server, "sent what is no answer", 0).await;
}

#[tokio::test]
async fn a_loop_of_pointers_is_told() {
    let server = with_srv(pointer_loop);
    check(&server, "sent what is no answer", 0).await;
}

#[tokio::test]
async fn bytes_after_the_end_do_not_matter() {
    let server = with_srv(|asked| changed(asked, |bytes| bytes.extend([7; 20])));
    assert_eq!(check(&server, "FOUND", 0).await, 1);
}

#[tokio::test]
async fn records_of_another_class_are_none() {
    let server = with_srv(|asked| {
        let Some(Act::Send(bytes)) = good_answer(asked).pop() else { return Vec::new() };
        let mut response = Message::from_vec(&bytes).unwrap();
        response.answers[0].dns_class = DNSClass::CH;
        send(&response)
    });
    let answer = at_once(&server, 0).await;
    assert_eq!((outcome(&answer), server.asked()), ("[]".into(), 1));
}

#[tokio::test]
async fn an_answer_from_another_port_is_not_believed() {
    let server = with_srv(|asked| {
        let mut forged = asked.response.clone();
        forged.add_answer(record("_h._tcp.t 9 SRV 0 1 66 evil.t"));
        let spoof = vec![Act::Spoof(bytes(&forged))];
        [spoof, good_answer(asked)].concat()
    });
    assert_eq!(check(&server, "FOUND", 0).await, 1);
}

#[tokio::test]
async fn a_large_datagram_is_read_whole() {
    let server = with_srv(|asked| {
        let mut response = asked.response.clone();
        for port in 1..=500 {
            let line = format!("{SERVICE} 9 SRV 0 1 {port} a.t");
            response.add_answer(record(&line));
        }
        send(&response)
    });
    let answer = at_once(&server, 1).await.unwrap();
    assert_eq!(shown(&answer).len(), 500);
    assert_eq!(server.count(|asked| asked.transport == Transport::Tcp), 0);
}

/// Bytes of all kinds where a good answer has others: an answer or an error, and never a panic; the
/// next good answer is found.
#[tokio::test]
async fn changed_bytes_never_panic() {
    let counter = AtomicU64::new(1);
    let server = Hostile::start(move |asked| {
        changed(asked, |bytes| {
            let mut random = counter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            for _ in 0..=random % 6 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                // Not the id, and not the flag of answers.
                let place = 3 + random as usize % (bytes.len() - 3);
                bytes[place] = (random >> 32) as u8;
            }
        })
    });
    let good = good();
    let servers = [server.addr(), good.addr()];
    for _ in 0..50 {
        let mut lookups = tokio::task::JoinSet::new();
        for servers in [&servers[..1], &servers].repeat(4) {
            let short = Duration::from_millis(40);
            let mut source = source(servers).timeout(short).unwrap();
            lookups.spawn(async move { source.lookup().await.is_ok() });
        }
        // A panic would be an error here.
        while let Some(lookup) = lookups.join_next().await {
            lookup.unwrap();
        }
    }
    // 400 lookups, each of which asks for the records, and for both families of one target.
    let most = 400 * 3 * MOST;
    assert!((400..=most).contains(&server.asked()), "{} questions", server.asked());
    assert_eq!(shown(&source(&[good.addr()]).lookup().await.unwrap()), FOUND);
}
