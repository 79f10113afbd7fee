//! A balancer of the tokio shell over a source, and what a test waits for in it.

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::{AnyPolicy, Balancer, Discover, DiscoveryStatus, Target};
use tokio::runtime::Handle;

/// Far more than anything here takes, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A balancer whose clients are their targets.
pub type Bed = Balancer<Target, AnyPolicy>;

/// Builds one.
///
/// # Panics
/// If the source has bad settings.
pub fn bed(source: impl Discover) -> Bed {
    Balancer::builder(source).build(async |target| Ok::<_, Infallible>(target)).unwrap()
}

/// Returns the targets that are known, without those that leave.
pub fn known(bed: &Bed) -> String {
    let there = bed.endpoints().into_iter().filter(|status| !status.leaving);
    there.map(|status| status.target.to_string()).collect::<Vec<_>>().join(" ")
}

/// Waits until these are known, in the order of their addresses.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn becomes(bed: &Bed, targets: &str) {
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

/// Returns how many tasks this runtime has.
pub fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until this runtime has so many tasks.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn tasks_become(count: usize) {
    let soon = async {
        while tasks() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, soon).await;
    assert!(in_time.is_ok(), "there are {} tasks, not {count}", tasks());
}

/// Waits until discovery says so.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn status(bed: &Bed, says: impl FnMut(&DiscoveryStatus) -> bool) -> DiscoveryStatus {
    let mut discovery = bed.discovery();
    let status = tokio::time::timeout(PATIENCE, discovery.wait_for(says)).await;
    let status = status.map(|status| status.expect("the balancer lives").clone());
    status.unwrap_or_else(|_| panic!("discovery is {:?}", bed.discovery().borrow()))
}

/// Returns what discovery complains of, once it does.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn error(bed: &Bed) -> String {
    let status = status(bed, |status| status.error.is_some()).await;
    status.error.unwrap().to_string()
}
