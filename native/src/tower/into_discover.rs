//! A source of endpoints as one of tower's discoveries.

use core::convert::Infallible;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::BTreeSet;

use evenkeel_core::{Endpoint, Policy};
use futures_util::stream::{self, Stream, StreamExt};
use tower::discover::Change;

use crate::balancer::Balancer;
use crate::changes::{self, Changes};
use crate::discover::Discover;
use crate::error::BuildError;
use crate::target::Target;

/// Gives the endpoints of a source to what takes one of tower's discoveries, with a service that a
/// function makes for each.
///
/// The rules for discovery are those of a balancer: it is asked again and again, errors and empty
/// answers remove nobody. So errors are none of tower's, which would end its balancer; they are
/// logged. Endpoints that drain or have weight 0 are removed; other weights, priorities and zones
/// are not known to tower.
///
/// ```
/// use evenkeel::Fixed;
/// use evenkeel::tower::IntoDiscover;
/// use tower::discover::{Change, Discover};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let source = Fixed::new(["10.0.0.1:80"])?;
/// let mut discover = Box::pin(IntoDiscover::new(source, |endpoint| endpoint.addr.to_string())?);
/// // … `tower::balance::p2c::Balance::new(discover)` …
/// let change = core::future::poll_fn(|cx| discover.as_mut().poll_discover(cx)).await;
/// assert!(matches!(change, Some(Ok(Change::Insert(_, service))) if service == "10.0.0.1:80"));
/// # Ok(())
/// # }
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct IntoDiscover<S>(Pin<Box<dyn Stream<Item = Item<S>> + Send>>);

type Item<S> = Result<Change<Target, S>, Infallible>;

impl<S: 'static> IntoDiscover<S> {
    /// Follows a source, in a task on the current runtime that ends when this is dropped.
    ///
    /// # Errors
    /// [`BuildError`] outside a tokio runtime, or when the source's settings contradict each other.
    pub fn new(
        source: impl Discover,
        make: impl FnMut(&Endpoint<Target>) -> S + Send + 'static,
    ) -> Result<Self, BuildError> {
        let known = async |target: Target| Ok::<_, Infallible>(target);
        let balancer = Balancer::builder(source).build(known)?;
        let changes = balancer.changes();
        Ok(Self::of(changes, make, balancer))
    }

    /// Follows what a balancer's discovery finds. It ends when the balancer is dropped.
    pub fn following<C, P: Policy>(
        balancer: &Balancer<C, P>,
        make: impl FnMut(&Endpoint<Target>) -> S + Send + 'static,
    ) -> Self {
        Self::of(balancer.changes(), make, ())
    }

    fn of(
        changes: Changes,
        make: impl FnMut(&Endpoint<Target>) -> S + Send + 'static,
        keeps: impl Send + 'static,
    ) -> Self {
        let state = (changes, make, BTreeSet::new(), keeps);
        let told = stream::unfold(state, |(mut changes, mut make, mut known, keeps)| async {
            loop {
                let next = Changes::recv(&mut changes).await?;
                if let Some(change) = change(&mut known, next, &mut make) {
                    return Some((Ok(change), (changes, make, known, keeps)));
                }
            }
        });
        // tower's balancer goes on asking after the end.
        Self(Box::pin(told.fuse()))
    }
}

/// Returns what a change is to tower, if it is one.
fn change<S>(
    known: &mut BTreeSet<Target>,
    change: changes::Change,
    make: &mut impl FnMut(&Endpoint<Target>) -> S,
) -> Option<Change<Target, S>> {
    let (endpoint, serves) = match change {
        changes::Change::Added(endpoint) | changes::Change::Changed(endpoint) => {
            let serves = endpoint.weight > 0 && !endpoint.draining;
            (endpoint, serves)
        }
        changes::Change::Removed(endpoint) => (endpoint, false),
    };
    if serves {
        let fresh = known.insert(endpoint.addr.clone());
        fresh.then(|| Change::Insert(endpoint.addr.clone(), make(&endpoint)))
    } else {
        known.remove(&endpoint.addr).then(|| Change::Remove(endpoint.addr))
    }
}

impl<S> Stream for IntoDiscover<S> {
    type Item = Item<S>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<S>>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<S> fmt::Debug for IntoDiscover<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoDiscover").finish_non_exhaustive()
    }
}
