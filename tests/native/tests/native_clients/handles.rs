//! Handles that keep nothing alive, waits for all endpoints and for none, errors as `?` takes them.

use core::error::Error;

use evenkeel::{
    AnyPolicy, Attempt, Balancer, BoxError, CallError, Fixed, PickError, Retry, Target,
};
use tokio::time::timeout;

use crate::works::{How, Works};
use crate::{Bed, MS, SECOND, all, pass};

#[tokio::test(start_paused = true)]
async fn a_weak_handle_keeps_no_client_alive() {
    let bed = Bed::new("abc", Works::new());
    bed.balancer.ready().await;
    let weak = bed.balancer.downgrade();
    let handle = weak.upgrade().expect("it is there");
    let Bed { balancer, works, .. } = bed;
    drop(balancer);
    assert!(handle.pick().is_ok(), "a handle like the others");
    drop(handle);
    pass(SECOND).await;
    assert!(weak.upgrade().is_none());
    assert_eq!(works.alive(), "", "all clients are gone");
}

#[tokio::test(start_paused = true)]
async fn ready_all_waits_for_those_that_failed_and_ready_does_not() {
    let bed = Bed::new("abc", Works::new().with("c", How::Fails));
    bed.balancer.ready().await;
    assert!(timeout(60 * SECOND, bed.balancer.ready_all()).await.is_err(), "c has none");
    drop(bed.works.clone().with("c", How::After(MS)));
    timeout(60 * SECOND, bed.balancer.ready_all()).await.expect("all are there");
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_the_last_lease_and_nobody_is_picked_meanwhile() {
    let bed = Bed::new("abc", Works::new());
    bed.balancer.ready().await;
    let lease = bed.balancer.pick().unwrap().lease();
    assert!(timeout(60 * SECOND, bed.balancer.close()).await.is_err(), "a lease is left");
    assert!(matches!(bed.balancer.pick(), Err(PickError::NoEndpoints { .. })));
    assert_eq!(bed.works.alive().len(), 1, "the others' clients are gone");
    lease.success();
    let again = bed.balancer.clone();
    let both = async { tokio::join!(bed.balancer.close(), again.close()) };
    timeout(SECOND, both).await.expect("nothing is left");
    assert_eq!(bed.works.alive(), "");
    assert!(bed.balancer.endpoints().is_empty() && bed.balancer.task().borrow().ended);
    timeout(SECOND, bed.balancer.ready()).await.expect("no wait outlasts it");
}

#[tokio::test]
async fn a_closed_balancer_picks_nobody_by_any_policy() {
    for name in AnyPolicy::NAMES {
        let source = Fixed::new(["a:80", "b:80", "c:80"]).unwrap();
        let policy: AnyPolicy = name.parse().unwrap();
        let builder = Balancer::builder(source).policy(policy);
        let balancer = builder.build_with(|target: Target| target).unwrap();
        balancer.ready().await;
        balancer.pick_for(7).unwrap().success();
        balancer.close().await;
        for pick in [balancer.pick(), balancer.pick_for(7)] {
            assert!(matches!(pick, Err(PickError::NoEndpoints { .. })), "{name}");
        }
    }
}

#[test]
fn the_end_of_the_task_ends_every_wait() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let balancer = first.block_on(async {
        let make = async |_| core::future::pending::<Result<Target, BoxError>>().await;
        let balancer = Balancer::builder(Fixed::new(["a:80"]).unwrap()).build(make).unwrap();
        // It has begun.
        balancer.changes().recv().await;
        balancer
    });
    drop(first);
    let error = runtime().block_on(async {
        balancer.ready().await;
        balancer.ready_all().await;
        balancer.ready_within(3_600 * SECOND).await.unwrap_err()
    });
    assert!(error.ended && error.to_string().ends_with("the balancer's task has ended"));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_an_endpoint_if_it_is_to() {
    let bed = Bed::new("a", Works::new().all(How::After(SECOND)));
    let ask = async |client: Attempt<crate::works::Client>| Ok::<_, BoxError>(client.number());
    let retry = Retry::attempts(1).unwrap().timeout(10 * SECOND).unwrap();
    assert!(bed.balancer.call(&retry, ask).await.is_err(), "there is none yet");
    assert_eq!(bed.balancer.call(&retry.wait_for_ready(), ask).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn errors_of_all_kinds_are_taken_by_the_question_mark() {
    async fn plain(bed: &Bed, retry: &Retry) -> Result<(), BoxError> {
        let ask = async |_| Err::<(), _>(std::io::Error::other("plain"));
        Ok(bed.balancer.call(retry, ask).await?)
    }
    async fn boxed(bed: &Bed, retry: &Retry) -> Result<(), Box<dyn Error>> {
        let ask = async |_| Err::<(), BoxError>("boxed".into());
        Ok(bed.balancer.call(retry, ask).await.map_err(CallError::boxed)?)
    }
    let bed = Bed::new("a", Works::new());
    bed.balancer.ready().await;
    let retry = Retry::attempts(1).unwrap().timeout(SECOND).unwrap();
    let plain = plain(&bed, &retry).await.unwrap_err();
    let boxed = boxed(&bed, &retry).await.unwrap_err();
    for (error, name) in [(&*plain as &dyn Error, "plain"), (&*boxed, "boxed")] {
        assert!(error.to_string().contains(&format!("a:80 failed after 0ns: {name}")), "{error}");
        assert_eq!(error.source().unwrap().to_string(), name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_picks_as_the_balancer_does_in_an_order_of_its_own() {
    let bed = Bed::new("abc", Works::new());
    bed.balancer.ready().await;
    let mut handles = [bed.balancer.handle(), bed.balancer.handle()];
    for handle in &mut handles {
        let mut names = Vec::new();
        for _ in 0..6 {
            let pick = handle.pick().unwrap();
            names.push(pick.target().host().to_owned());
            pick.success();
        }
        assert_eq!(names[..3], names[3..], "a turn goes around all: {names:?}");
        names.truncate(3);
        names.sort();
        assert_eq!(names.concat(), "abc");
    }
    assert!(handles[0].pick_for(1).is_ok());
    assert_eq!(handles[0].balancer().endpoints().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_handle_picks_from_the_newest_set_and_keeps_the_one_before_until_then() {
    let bed = Bed::new("ab", Works::new());
    bed.balancer.ready().await;
    let mut handle = bed.balancer.handle();
    handle.pick().unwrap().success();
    bed.becomes(all("b")).await;
    assert_eq!(bed.works.alive(), "ab", "it may pick from it yet");
    for _ in 0..3 {
        let lease = handle.lease().unwrap();
        assert_eq!(lease.target().host(), "b");
        lease.success();
    }
    assert_eq!(bed.works.alive(), "b");
    bed.becomes(all("bc")).await;
    bed.becomes(all("c")).await;
    assert_eq!(bed.works.alive(), "bc");
    handle.release();
    assert_eq!(bed.works.alive(), "c");
    assert_eq!(handle.pick().unwrap().target().host(), "c");
}

#[tokio::test(start_paused = true)]
async fn what_a_thread_keeps_for_its_next_pick_goes_with_the_set() {
    let bed = Bed::new("ab", Works::new());
    bed.balancer.ready().await;
    for _ in 0..3 {
        bed.balancer.pick().unwrap().success();
    }
    bed.becomes(all("b")).await;
    assert_eq!(bed.works.alive(), "b", "this thread does not pick any more");
    // Two at once, of which one is of an older set when it ends.
    let (one, other) = (bed.balancer.pick().unwrap(), bed.balancer.pick().unwrap());
    bed.becomes(all("c")).await;
    assert_eq!(bed.works.alive(), "bc");
    one.success();
    assert_eq!(bed.works.alive(), "bc");
    other.success();
    assert_eq!(bed.works.alive(), "c");
}
