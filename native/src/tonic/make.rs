//! The factory of connections.

use core::future::Future;
use core::time::Duration;
use std::sync::Arc;

use super::link::Link;
use super::links::Links;
use crate::factory::{BoxError, Factory};
use crate::target::Target;

/// So long, the first set of endpoints waits for a connection that takes long.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Makes the connection of each endpoint. It is there whether it can be connected or not.
#[derive(Debug)]
pub(super) struct Make(pub(super) Arc<Links>);

impl Factory for Make {
    type Client = Link;

    fn make(
        &self,
        target: Target,
    ) -> impl Future<Output = Result<Link, BoxError>> + Send + 'static {
        let links = Arc::clone(&self.0);
        async move {
            links.orders.wait().await;
            let link = Link::start(links, target);
            // The first calls reach all that can be reached.
            let _ = tokio::time::timeout(FIRST_WAIT, link.settled()).await;
            Ok(link)
        }
    }
}
