//! The one writer: takes over what discovery finds and what reports add up to, makes clients,
//! publishes snapshots.

mod connections;
mod found;
mod health;
mod line;
mod listing;
mod plan;
mod publish;
mod roster;
mod state;
mod touched;
mod trouble;
mod update;

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::panic::catch_unwind;
use std::sync::Arc;

use evenkeel_core::random::SplitMix64;
use evenkeel_core::{EventKind, Instant, Policy, Slot, TableFull};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use self::connections::Made;
pub(crate) use self::connections::Pace;
use self::publish::News;
use self::roster::Roster;
use self::touched::Touched;
use self::trouble::Trouble;
use crate::aside::LONG;
use crate::client::Client;
use crate::discover::{Removal, Set};
use crate::factory::Factory;
use crate::runs::Runs;
use crate::shared::{Order, Shared};
use crate::snapshot::Cluster;
use crate::state::Restored;
use crate::status::Entry;
use crate::supervise::PAUSE;
use crate::table::Table;
use crate::target::Target;
use crate::vitals::Heed;

#[expect(clippy::struct_excessive_bools, reason = "each is about something else")]
pub(crate) struct Maintenance<F: Factory, P> {
    shared: Arc<Shared<F::Client, P>>,
    factory: Arc<F>,
    pace: Pace,
    /// As it was given; each snapshot has clones of it.
    policy: P,
    rng: SplitMix64,
    /// What discovery has found.
    found: Roster<F::Client>,
    /// Those of them that left, in the order of addresses.
    left: Vec<Target>,
    /// Some of those serve for want of others.
    leaving: bool,
    /// When the grace of one that left may be over.
    grace_at: Option<Instant>,
    removal: Removal,
    /// What an earlier balancer learned, until all endpoints of the first answer have it.
    restoring: Option<Restored>,
    /// The endpoints of these that have a client.
    cluster: Cluster,
    /// By the index of its slot, the client of each endpoint in the cluster.
    clients: Vec<Option<Arc<Client<F::Client>>>>,
    /// Whose clients those are: what is in the same slot as before has the same client.
    slots: Vec<Option<Slot>>,
    /// What the next snapshot's table is made of: it has the clients of the newest.
    spare: Table<F::Client>,
    /// The half-open endpoints that picks may probe.
    offered: BTreeSet<Slot>,
    heed: Heed,
    /// What may differ from what was published last.
    touched: Touched,
    /// The priority of all that were found, if they have one and all are lined up for a client.
    level: Option<u16>,
    /// What was listed last, if others are as they are there, unless they are touched.
    listed: Option<Runs<Entry>>,
    /// All had a client then that are to have one.
    complete: bool,
    making: JoinSet<Made<F::Client>>,
    /// Who is to get a client, the first first.
    line: VecDeque<Target>,
    /// How many clients were begun: each has its number.
    stamp: u64,
    /// How many clients were made that are not taken over yet.
    unmerged: usize,
    /// Clients are taken over again from then on, or when all are made.
    rest_until: Instant,
    /// How long it took when endpoints or clients were last taken over.
    effort: Duration,
    /// When the next client is to be tried again.
    retry_at: Option<Instant>,
    /// When to look if endpoints need no watching any more.
    sweep_at: Option<Instant>,
    /// When to look again for snapshots that threads keep of old.
    pockets_at: Option<Instant>,
    trouble: Trouble,
    /// It has been said that weights have no effect.
    unweighted: bool,
    version: u64,
    /// Every endpoint of the first answer has a client, or has failed once.
    settled: bool,
    /// Why the policy could not follow the last change.
    table: Option<TableFull>,
    /// Picks are made from an older set, because the policy could not follow.
    behind: bool,
    /// What is to be published.
    news: News,
    /// Who waits until what was ordered is published.
    #[cfg(feature = "tonic")]
    confirm: Vec<tokio::sync::oneshot::Sender<()>>,
}

/// What woke the task.
enum Woken<C> {
    Set(Set),
    /// A client is made; nothing, if it was given up.
    Made(Option<Made<C>>),
    /// All that came together make one turn: checks of very many endpoints may fail at once.
    Ordered(Vec<Order>),
    /// Reports, or the time.
    Nudged,
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    pub(crate) fn new(
        shared: Arc<Shared<F::Client, P>>,
        factory: F,
        pace: Pace,
        policy: P,
        cluster: Cluster,
        removal: Removal,
        restoring: Option<Restored>,
    ) -> Self {
        Self {
            rng: SplitMix64::new(shared.seed.rotate_left(32)),
            shared,
            factory: Arc::new(factory),
            pace,
            policy,
            found: Roster::EMPTY,
            left: Vec::new(),
            leaving: false,
            grace_at: None,
            removal,
            restoring,
            heed: health::heed(&cluster),
            cluster,
            clients: Vec::new(),
            slots: Vec::new(),
            spare: Table::EMPTY,
            offered: BTreeSet::new(),
            touched: Touched::All,
            level: None,
            listed: None,
            complete: false,
            making: JoinSet::new(),
            line: VecDeque::new(),
            stamp: 0,
            unmerged: 0,
            rest_until: Instant::ZERO,
            effort: Duration::ZERO,
            retry_at: None,
            sweep_at: None,
            pockets_at: None,
            trouble: Trouble::new(pace.failure_refresh_gap),
            unweighted: false,
            version: 1,
            settled: false,
            table: None,
            behind: false,
            news: News::default(),
            #[cfg(feature = "tonic")]
            confirm: Vec::new(),
        }
    }

    /// Does what there is to do, for ever. What a turn did not get done for a panic, the next does.
    pub(crate) async fn run(
        mut self,
        mut sets: mpsc::Receiver<Set>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        let mut woken = Woken::Nudged;
        loop {
            let well = if self.is_long(&woken) {
                let turn = spawn_blocking(move || {
                    let well = self.guarded_turn(woken);
                    (self, well)
                });
                let Ok(turned) = turn.await else { return };
                self = turned.0;
                turned.1
            } else {
                self.guarded_turn(woken)
            };
            woken = if well {
                self.wake(&mut sets, &mut orders).await
            } else {
                tokio::time::sleep(PAUSE).await;
                Woken::Nudged
            };
        }
    }

    /// Returns when clients that were made are to be taken over.
    fn clients_at(&self) -> Option<Instant> {
        let at = if self.making.is_empty() { Instant::ZERO } else { self.rest_until };
        (self.unmerged > 0).then_some(at)
    }

    /// Tells that a turn may take long: not on a thread that serves requests, too.
    fn is_long(&self, woken: &Woken<F::Client>) -> bool {
        match woken {
            Woken::Set(set) => self.found.len().max(set.endpoints.len()) > LONG,
            Woken::Ordered(_) | Woken::Nudged => self.found.len() > LONG,
            Woken::Made(_) => false,
        }
    }

    /// Takes a turn; tells that nothing panicked.
    fn guarded_turn(&mut self, woken: Woken<F::Client>) -> bool {
        let turn = catch_unwind(AssertUnwindSafe(|| self.turn(woken)));
        if let Err(panic) = &turn {
            self.shared.supervisor.panicked("code that the balancer calls", &**panic);
            // Whatever was not taken over is by the next.
            self.news.set = true;
            self.touched = Touched::All;
            self.slots.clear();
        }
        turn.is_ok()
    }

    async fn wake(
        &mut self,
        sets: &mut mpsc::Receiver<Set>,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Woken<F::Client> {
        let due = [
            self.cluster.poll_timeout(),
            self.retry_at,
            self.sweep_at,
            self.pockets_at,
            self.trouble.ask_at,
            self.grace_at,
            self.clients_at(),
        ];
        tokio::select! {
            Some(set) = sets.recv() => Woken::Set(set),
            Some(made) = self.making.join_next() => Woken::Made(made.ok()),
            Some(order) = orders.recv() => {
                let more = core::iter::from_fn(|| orders.try_recv().ok());
                Woken::Ordered(core::iter::once(order).chain(more).collect())
            }
            () = self.shared.marks.marked() => Woken::Nudged,
            () = self.shared.clock.sleep_until(due.into_iter().flatten().min()) => Woken::Nudged,
        }
    }

    fn turn(&mut self, woken: Woken<F::Client>) {
        let now = self.shared.clock.now();
        match woken {
            Woken::Set(set) => {
                let differs = self.adopt(now, set);
                if differs && self.awaits_clients(now) {
                    return;
                }
                self.news.set |= differs;
            }
            Woken::Made(made) => {
                self.unmerged += 1;
                if let Some(made) = made {
                    self.made(made);
                }
                // All that are there by now make one snapshot.
                while let Some(made) = self.making.try_join_next() {
                    if let Ok(made) = made {
                        self.made(made);
                    }
                }
                self.fill();
                // They are taken over together, by a turn of its own.
                return;
            }
            Woken::Ordered(orders) => orders.into_iter().for_each(|order| self.obey(order)),
            Woken::Nudged => {}
        }
        if is_due(self.pockets_at, now) {
            self.pockets_at = None;
            self.shared.snapshot.empty_pockets();
        }
        if is_due(self.retry_at, now) {
            self.news.set |= self.retry(now);
        }
        self.news.set |= is_due(self.clients_at(), now);
        let begun = self.news.set.then_some(now);
        if self.news.set {
            // Who is replaced by others that serve already leaves in the same step.
            self.release(now);
            self.news.candidates |= self.update(now);
        }
        self.restore(now);
        let given_up = self.attend(now);
        if self.release(now) || given_up {
            self.news.set = true;
            self.news.candidates |= self.update(now);
        }
        let events = self.take_events();
        let fails =
            |kind: &EventKind| matches!(kind, EventKind::Ejected { .. } | EventKind::Held { .. });
        if events.iter().any(|(_, event)| fails(&event.kind)) {
            self.trouble.note(now);
        }
        if self.news.set || !events.is_empty() {
            self.line_up();
            self.fill();
        }
        let failures = || {
            let held = self.cluster.members().filter(|member| member.held.is_some());
            let clients = held.filter_map(|held| self.clients.get(held.slot.index())?.as_ref());
            clients.map(|client| client.vitals.failures()).reduce(u32::wrapping_add)
        };
        if self.trouble.is_due(now, failures) {
            self.shared.refresh.notify_one();
        }
        self.publish(events);
        #[cfg(feature = "tonic")]
        for waiting in self.confirm.drain(..) {
            // Who gave up waiting does not mind.
            let _ = waiting.send(());
        }
        if let Some(begun) = begun {
            // Many clients that come one by one are taken over together, in half of the time at most.
            let end = self.shared.clock.now();
            self.effort = end.saturating_since(begun);
            self.rest_until = end + self.effort;
        }
    }

    fn client(&self, slot: Slot) -> Option<&Arc<Client<F::Client>>> {
        self.cluster.get(slot)?;
        self.clients.get(slot.index())?.as_ref()
    }
}

/// Tells that it is time.
fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

/// Sets a time to an earlier one.
fn bring_forward(at: &mut Option<Instant>, to: Instant) {
    *at = Some(at.map_or(to, |at| at.min(to)));
}
