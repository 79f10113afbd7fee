//! Response codes.

use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, send};
use hickory_server::proto::op::{Edns, ResponseCode};

use super::{check, with_srv};

/// An answer that has this code and nothing else.
pub(crate) fn code(asked: &Asked, code: u16) -> Vec<Act> {
    let mut response = asked.response.clone();
    response.metadata.response_code = ResponseCode::from((code >> 4) as u8, (code & 15) as u8);
    if code > 15 {
        response.set_edns(Edns::new());
    }
    send(&response)
}

/// A server that says this code to every question for the records.
fn says(said: u16) -> Hostile {
    with_srv(move |asked| code(asked, said))
}

#[tokio::test]
async fn servfail_asks_the_next_server() {
    assert_eq!(check(&says(2), "answered SERVFAIL", 0).await, 1);
}

#[tokio::test]
async fn refused_asks_the_next_server() {
    assert_eq!(check(&says(5), "answered REFUSED", 0).await, 1);
}

#[tokio::test]
async fn formerr_and_notimp_are_asked_again_without_edns_and_then_the_next_server() {
    assert_eq!(check(&says(1), "answered FORMERR", 0).await, 2);
    assert_eq!(check(&says(4), "answered NOTIMP", 0).await, 2);
}

#[tokio::test]
async fn codes_6_to_23_ask_the_next_server_and_are_not_taken_for_there_are_none() {
    for code in 6..=23 {
        // 16 is BADVERS, which is about EDNS.
        let questions = if code == 16 { 2 } else { 1 };
        let wanted = format!("answered with response code {code}");
        assert_eq!(check(&says(code), &wanted, 0).await, questions, "{code}");
    }
}
