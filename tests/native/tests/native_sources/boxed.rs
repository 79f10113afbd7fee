//! A source that is chosen when the program runs.

use core::time::Duration;

use evenkeel::{BoxDiscover, Fixed, Publisher};

use crate::{at, becomes, bed, error, status};

#[tokio::test(start_paused = true)]
async fn a_boxed_source_does_what_it_does_unboxed() {
    let (publisher, pushed) = Publisher::new();
    let fixed = BoxDiscover::new(Fixed::new(["b:1"]).unwrap());
    let beds = [BoxDiscover::new(pushed), fixed].map(bed);
    publisher.upsert(at("a:1"));
    becomes(&beds[0], "a:1").await;
    becomes(&beds[1], "b:1").await;
    // Its own settings count, and its news, errors and end are heard.
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(beds.each_ref().map(|bed| bed.discovery().borrow().queries), [1, 1]);
    publisher.upsert(at("c:1"));
    becomes(&beds[0], "a:1 c:1").await;
    publisher.fail("out of order");
    assert_eq!(error(&beds[0]).await, "out of order");
    drop(publisher);
    status(&beds[0], |status| status.ended.is_some()).await;
}
