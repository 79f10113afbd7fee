//! Several name servers as one: in order, and on to the next when one fails.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use hickory_proto::op::{Message, Query};
use tokio::time::Instant;

use super::error::{LookupError, ServerError};
use super::name;
use super::name_server::NameServer;
use super::server::Server;

/// How to ask name servers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Time for one question to one server.
    pub(super) timeout: Duration,
    /// Rounds through the servers that stay silent.
    pub(super) attempts: usize,
    /// Every question begins at another server.
    pub(super) rotate: bool,
    /// Never over UDP.
    pub(super) tcp_only: bool,
}

/// The name servers, asked in their order; one that stayed silent lately comes last, for a while.
///
/// A server that says SERVFAIL or REFUSED to one question keeps its place: it may be the only one
/// that knows the next name.
#[derive(Debug)]
pub(super) struct Servers {
    all: Vec<Server>,
    manner: Manner,
    turn: AtomicUsize,
}

impl Servers {
    pub(super) fn new(servers: &[NameServer], manner: Manner) -> Self {
        let Manner { timeout, tcp_only, .. } = manner;
        let all = servers.iter().map(|server| Server::new(server, timeout, tcp_only)).collect();
        Self { all, manner, turn: AtomicUsize::new(0) }
    }

    /// Asks one server after another until one says what there is, or that there is nothing.
    ///
    /// Servers that were found silent lately are only asked if no other says anything.
    pub(super) async fn ask(&self, query: &Query) -> Result<(Message, Arc<str>), LookupError> {
        let begun = Instant::now();
        let turn = if self.manner.rotate { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let mut order: Vec<&Server> = self.all.iter().collect();
        if !order.is_empty() {
            order.rotate_left(turn % self.all.len());
        }
        order.sort_by_key(|server| server.rests(begun).is_some());
        let (mut tried, mut heard) = (Vec::new(), false);
        for _ in 0..self.manner.attempts {
            for server in &order {
                let cause = match server.rests(Instant::now()) {
                    Some(rests) if heard => rests,
                    Some(_) | None => match server.ask(query).await {
                        Ok(answer) => return Ok((answer, server.name())),
                        Err(cause) => cause,
                    },
                };
                heard |= !cause.is_silence();
                tried.push(ServerError { server: server.name(), cause });
            }
            if heard {
                break;
            }
        }
        let question = format!("{} {}", name::host(query.name()), query.query_type());
        Err(LookupError::NoAnswer { question, tried })
    }
}
