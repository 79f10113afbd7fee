//! What it means that an endpoint is missing.

use core::time::Duration;

/// Decides when endpoints that a source does not name any more are let go: one set of rules for all
/// sources.
///
/// ```
/// use core::time::Duration;
///
/// use evenkeel::{Balancer, Empty, Fixed, Removal, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A server that names 8 of its endpoints at random, and none when there are none:
/// let removal = Removal {
///     empty: Empty::KeepFor(Duration::from_secs(30)),
///     grace: Duration::from_secs(60),
///     ..Removal::default()
/// };
/// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80"])?)
///     .removal(removal)
///     .build(async |target: Target| Ok::<_, &str>(target))?;
/// # balancer.ready().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Decides what an answer without endpoints means; default: the endpoints known so far stay.
    pub empty: Empty,
    /// An endpoint that is missing is drained for so long and then let go; default: not at all. It
    /// gets no requests, as soon as another of its level can serve. If it comes back in that time,
    /// it is the same, with its client and its health. The time does not pass while discovery
    /// fails.
    pub grace: Duration,
    /// It is also drained until it was missing in more answers than that, one after the other;
    /// default: 0. A source that only tells of news answers no sooner than it has some: take
    /// `grace` there.
    pub grace_answers: u32,
    /// So many endpoints at most are taken over; default: all. Those already known come first, and
    /// the rest is the same choice in every answer, but another one in each balancer: it follows
    /// from the [seed](crate::Builder::seed).
    pub max_endpoints: Option<usize>,
}

/// Tells what a good answer without endpoints means. An answer that says that the service is
/// [absent](crate::Answer::absent) is believed the second time in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// It is not believed: the endpoints known so far stay.
    #[default]
    Keep,
    /// They stay for so long after the first of a row of empty answers.
    KeepFor(Duration),
    /// There are none, at once.
    Accept,
}
