//! Registries as sources: real servers where they are to be had, and servers of ours that do all
//! that a server should not.
//!
//! Real sockets, so real time: each change is waited for.

mod certificates;
mod consul;
mod etcd;
mod http;
mod kubernetes;

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::{AnyPolicy, Balancer, Discover, DiscoveryStatus, LongPollConfig, Target};

pub(crate) use certificates::certificates;

/// Far more than anything here takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A balancer whose clients are their targets.
pub(crate) type Bed = Balancer<Target, AnyPolicy>;

pub(crate) fn bed(source: impl Discover) -> Bed {
    Balancer::builder(source).build(async |target| Ok::<_, Infallible>(target)).unwrap()
}

/// Waits of milliseconds where they are seconds.
pub(crate) fn quick() -> LongPollConfig {
    LongPollConfig {
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(1_500),
        refill: Duration::from_millis(10),
        backoff_base: Duration::from_millis(10),
        backoff_max: Duration::from_millis(50),
        ..LongPollConfig::default()
    }
}

/// The targets that are known, without those that leave.
pub(crate) fn known(bed: &Bed) -> String {
    let there = bed.endpoints().into_iter().filter(|status| !status.leaving);
    there.map(|status| status.target.to_string()).collect::<Vec<_>>().join(" ")
}

/// Waits until these are known, in the order of their addresses.
pub(crate) async fn becomes(bed: &Bed, targets: &str) {
    let soon = async {
        while known(bed) != targets {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, soon).await;
    assert!(
        in_time.is_ok(),
        "{:?} is known, not {targets:?}: {:?}",
        known(bed),
        bed.discovery().borrow()
    );
}

/// Waits until discovery says so.
pub(crate) async fn status(
    bed: &Bed,
    says: impl FnMut(&DiscoveryStatus) -> bool,
) -> DiscoveryStatus {
    let mut discovery = bed.discovery();
    let status = tokio::time::timeout(PATIENCE, discovery.wait_for(says)).await;
    let status = status.map(|status| status.expect("the balancer lives").clone());
    status.unwrap_or_else(|_| panic!("discovery is {:?}", bed.discovery().borrow()))
}

/// What discovery complains of, once it does.
pub(crate) async fn error(bed: &Bed) -> String {
    let status = status(bed, |status| status.error.is_some()).await;
    status.error.unwrap().to_string()
}

/// Waits until nothing is wrong any more.
pub(crate) async fn well(bed: &Bed) {
    status(bed, |status| status.error.is_none() && status.queries > 0).await;
}
