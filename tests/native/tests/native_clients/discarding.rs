//! Clients that their users call broken.

use evenkeel::{Attempt, Retry};

use crate::works::{Client, How, Works};
use crate::{Bed, MS, SECOND, pass};

#[tokio::test(start_paused = true)]
async fn the_next_lease_has_a_new_client_and_the_old_one_ends_with_its_last() {
    let bed = Bed::new("ab", Works::new());
    bed.balancer.ready_all().await;
    let pick = |name| loop {
        let lease = bed.balancer.pick().unwrap().lease();
        if lease.target().host() == name {
            return lease;
        }
        lease.success();
    };
    let (one, other) = (pick("a"), pick("a"));
    one.discard();
    // Once more says nothing new.
    other.discard();
    pass(MS).await;
    assert_eq!((bed.works.begun("a"), bed.works.begun("b"), bed.picked().as_str()), (2, 1, "ab"));
    assert_eq!(bed.works.alive(), "aab", "two leases have the old one");
    one.failure();
    assert_eq!(bed.works.alive(), "aab");
    other.discard();
    pass(MS).await;
    assert_eq!(bed.works.begun("a"), 2, "it has been replaced already");
    other.success();
    pass(MS).await;
    assert_eq!(bed.works.alive(), "ab");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_be_made_anew_is_tried_for_as_long_as_it_takes() {
    let bed = Bed::new("ab", Works::new());
    bed.balancer.ready_all().await;
    let works = bed.works.clone().with("a", How::Fails);
    let retry = Retry::attempts(1).unwrap().timeout(SECOND).unwrap();
    let discard = async |client: Attempt<Client>| {
        client.discard();
        Ok::<_, std::io::Error>(client.target().host().to_owned())
    };
    while bed.balancer.call(&retry, discard).await.unwrap() != "a" {
        pass(MS).await;
    }
    pass(10 * SECOND).await;
    assert_eq!((bed.picked().as_str(), works.alive().as_str()), ("b", "b"));
    let tried = works.begun("a");
    assert!(tried > 3, "{tried}");
    drop(works.with("a", How::After(MS)));
    pass(60 * SECOND).await;
    assert_eq!(bed.picked(), "ab");
    assert!(!bed.balancer.task().borrow().ended);
}
