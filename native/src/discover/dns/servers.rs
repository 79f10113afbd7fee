//! Several name servers as one: in order, and on to the next when one fails.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use hickory_resolver::proto::op::Query;

use super::error::{LookupError, ServerError};
use super::name;
use super::server::{self, Reply, Server};

/// The name servers, asked in their order from the one that answered last.
///
/// hickory's own pool gives up at the first SERVFAIL or REFUSED (its `name_server_pool.rs`), so
/// here are as many pools as servers.
pub(super) struct ServerPool {
    servers: Vec<Server>,
    start: AtomicUsize,
}

impl ServerPool {
    pub(super) fn new(servers: &[SocketAddr], timeout: Duration) -> Result<Self, LookupError> {
        let context = server::context(timeout).map_err(|error| LookupError::Setup(error.into()))?;
        let servers = servers.iter().map(|&addr| Server::new(addr, context.clone())).collect();
        Ok(Self { servers, start: AtomicUsize::new(0) })
    }

    /// Asks one server after another until one gives records or says that there are none.
    pub(super) async fn ask(&self, query: &Query) -> Result<Reply, LookupError> {
        let start = self.start.load(Ordering::Relaxed);
        let mut tried = Vec::new();
        for i in 0..self.servers.len() {
            let place = (start + i) % self.servers.len();
            // Also where the lookup is cancelled half-way, the next one starts at the server that
            // was not asked yet.
            match self.servers[place].ask(query).await {
                Ok(reply) => {
                    self.start.store(place, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err(cause) => {
                    self.start.store((place + 1) % self.servers.len(), Ordering::Relaxed);
                    tried.push(ServerError { server: self.servers[place].addr(), cause });
                }
            }
        }
        let question = format!("{} {}", name::host(query.name()), query.query_type());
        Err(LookupError::NoAnswer { question, tried })
    }
}
