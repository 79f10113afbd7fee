//! Servers that do not know EDNS, and ways to them on which it is lost.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::{Discover, DnsSrv};
use evenkeel_tests::servers::hostile::{Hostile, send};
use hickory_server::proto::op::ResponseCode;

use super::{FOUND, MOST, SERVICE, check, good_answer, shown, source};

/// A server that answers all questions with EDNS by this code, or by nothing.
fn knows_no_edns(code: Option<ResponseCode>) -> Hostile {
    learns_edns(code, Arc::default())
}

/// A server that does so until it has learned it.
fn learns_edns(code: Option<ResponseCode>, learned: Arc<AtomicBool>) -> Hostile {
    Hostile::start(move |asked| match code {
        _ if !asked.edns || learned.load(Relaxed) => good_answer(asked),
        Some(code) => {
            let mut response = asked.response.clone();
            // As servers from before EDNS do: the header alone.
            response.queries.clear();
            response.metadata.response_code = code;
            send(&response)
        }
        None => Vec::new(),
    })
}

#[tokio::test]
async fn formerr_to_edns_is_asked_without_and_remembered() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp] {
        let server = knows_no_edns(Some(code));
        assert_eq!(check(&server, "FOUND", 0).await, 2);
        let server = knows_no_edns(Some(code));
        let mut source = source(&[server.addr()]);
        for _ in 0..3 {
            assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
        }
        let asked = |edns| server.count(|asked| asked.name == SERVICE && asked.edns == edns);
        assert_eq!((asked(true), asked(false)), (1, 3));
    }
}

#[tokio::test]
async fn silence_to_edns_is_asked_without_and_remembered() {
    let server = knows_no_edns(None);
    assert_eq!(check(&server, "FOUND", 0).await, 2);
    let server = knows_no_edns(None);
    let mut source = source(&[server.addr()]);
    for _ in 0..5 {
        assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
    }
    let asked = |edns| server.count(|asked| asked.name == SERVICE && asked.edns == edns);
    assert_eq!((asked(true), asked(false)), (1, 5), "lost for the records, and for the addresses");
}

/// How long a server is asked without EDNS once it was found not to know it.
const WITHOUT: Duration = Duration::from_secs(15 * 60);
/// A little less, and what is missing: a busy machine adds less than that.
const NEARLY: Duration = Duration::from_secs(14 * 60);
const REST: Duration = Duration::from_secs(60);

/// Looks up; tells how often the records were asked for with EDNS and without.
async fn asked(source: &mut DnsSrv, server: &Hostile) -> (usize, usize) {
    let count = |edns| server.count(|asked| asked.name == SERVICE && asked.edns == edns);
    let (before, all) = ((count(true), count(false)), server.asked());
    assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
    assert!(server.asked() - all <= 3 * MOST, "for the records, and for both families of a target");
    (count(true) - before.0, count(false) - before.1)
}

/// Lets time pass for all but the network.
async fn passes(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn edns_is_tried_once_more_after_a_quarter_of_an_hour() {
    for code in [Some(ResponseCode::FormErr), Some(ResponseCode::NotImp), None] {
        let learned = Arc::new(AtomicBool::new(false));
        let server = learns_edns(code, Arc::clone(&learned));
        let mut source = source(&[server.addr()]);
        assert_eq!(asked(&mut source, &server).await, (1, 1));
        assert_eq!(asked(&mut source, &server).await, (0, 1));
        for _ in 0..2 {
            // The time began a moment ago, with the last question that had EDNS.
            passes(NEARLY).await;
            assert_eq!(asked(&mut source, &server).await, (0, 1), "{code:?}");
            passes(REST).await;
            assert_eq!(asked(&mut source, &server).await, (1, 1), "{code:?}");
            assert_eq!(asked(&mut source, &server).await, (0, 1), "once: {code:?}");
        }
        // The server was replaced by one that knows it, or the way became another.
        learned.store(true, Relaxed);
        assert_eq!(asked(&mut source, &server).await, (0, 1));
        passes(WITHOUT).await;
        for _ in 0..3 {
            assert_eq!(asked(&mut source, &server).await, (1, 0), "{code:?}");
        }
    }
}
