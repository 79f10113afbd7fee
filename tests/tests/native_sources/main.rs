//! Sources that say themselves when they have news.

mod boxed;
mod broken;
mod combine;
mod content;
mod file;
mod large;
mod publisher;
mod removal;
mod watch;

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::{AnyPolicy, Balancer, Discover, DiscoveryStatus, Endpoint, Target};

/// Far more than anything here takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A balancer whose clients are their targets.
pub(crate) type Bed = Balancer<Target, AnyPolicy>;

pub(crate) fn bed(source: impl Discover) -> Bed {
    Balancer::builder(source).build(async |target| Ok::<_, Infallible>(target)).unwrap()
}

/// Reads a target, with weight 1.
pub(crate) fn at(target: &str) -> Endpoint<Target> {
    Endpoint::new(target.parse().unwrap())
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
    assert!(in_time.is_ok(), "{:?} is known, not {targets:?}", known(bed));
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
