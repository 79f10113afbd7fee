//! go-kit's cases of registrars, as far as they are about who is registered: whoever learns of
//! endpoints tells a `Publisher`.

use evenkeel::{Balancer, Empty, Endpoint, Publisher, Removal, Target};

use crate::{Text, endpoints, pass, text};

/// A balancer that believes that there are none.
fn published() -> (Publisher, Text) {
    let (publisher, source) = Publisher::new();
    let removal = Removal { empty: Empty::Accept, ..Removal::default() };
    (publisher, Balancer::builder(source).removal(removal).build(text).unwrap())
}

fn target() -> Target {
    "a:80".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn n10_registered_twice_is_one_and_removed_twice_is_none() {
    let (publisher, balancer) = published();
    pass(1).await;
    assert_eq!(endpoints(&balancer).len(), 0);
    for _ in 0..2 {
        publisher.upsert(Endpoint::new(target()));
        pass(1).await;
        assert_eq!(endpoints(&balancer), ["a:80"]);
    }
    for was_there in [true, false] {
        assert_eq!(publisher.remove(&target()), was_there);
        pass(1).await;
        assert_eq!(endpoints(&balancer).len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn n18_a_failure_keeps_who_is_registered_and_registering_again_is_no_second() {
    let (publisher, balancer) = published();
    assert!(!publisher.remove(&target()), "nothing to remove before");
    publisher.upsert(Endpoint::new(target()));
    pass(1).await;
    // A heartbeat that fails.
    publisher.fail("the registry does not answer");
    pass(1).await;
    assert_eq!(endpoints(&balancer), ["a:80"]);
    assert!(balancer.discovery().borrow().error.is_some());
    // It had expired, and is registered again.
    publisher.upsert(Endpoint::new(target()));
    pass(1).await;
    assert_eq!(endpoints(&balancer), ["a:80"]);
    assert!(balancer.discovery().borrow().error.is_none());
    assert_eq!(balancer.discovered().borrow().version, 1, "no other set was ever told");
}
