//! What is known of each slot, as policies see it.

use std::sync::Arc;

use evenkeel_core::cluster::Member;
use evenkeel_core::set::Slots;
use evenkeel_core::slot::Turn;
use evenkeel_core::{Address, Instant, Slot, View};

use crate::client::Client;
use crate::tally::Place;
use crate::target::Target;

/// The endpoints of a snapshot, candidates or not.
#[derive(Debug)]
pub(crate) struct Table<C> {
    /// By the index of their slots.
    rows: Vec<Option<Row<C>>>,
    /// The same indices in the order of addresses.
    order: Vec<u32>,
}

#[derive(Debug)]
pub(crate) struct Row<C> {
    pub(crate) client: Arc<Client<C>>,
    pub(crate) slot: Slot,
    id: u64,
    weight: u32,
    /// Where threads count for it.
    pub(crate) column: Place,
    /// Its place in the order of addresses.
    rank: u32,
}

impl<C> Table<C> {
    pub(crate) const EMPTY: Self = Self { rows: Vec::new(), order: Vec::new() };

    /// Makes the table of these members, in the order of addresses, out of one that nobody needs any
    /// more; every slot is below `slots`. A client whose row is there already is not touched: there
    /// may be many, and each is elsewhere in memory. What the one before knows of a client is not
    /// read from the client either.
    pub(crate) fn new<'c>(
        slots: usize,
        members: &[Member<'_, Target>],
        before: Option<&Self>,
        spare: Self,
        client: impl Fn(Slot) -> Option<&'c Arc<Client<C>>>,
    ) -> Self
    where
        C: 'c,
    {
        let Self { mut rows, mut order } = spare;
        let used = !rows.is_empty();
        rows.resize_with(slots, || None);
        order.clear();
        order.reserve(members.len());
        for member in members {
            let (slot, rank) = (member.slot, order.len() as u32);
            let Some(client) = client(slot) else { continue };
            let weight = weight(member);
            order.push(slot.index() as u32);
            let place = &mut rows[slot.index()];
            if let Some(row) = place.as_mut().filter(|row| row.is_of(slot, client)) {
                (row.weight, row.rank) = (weight, rank);
                continue;
            }
            let known = before.and_then(|before| before.row(slot.index()));
            let known = known.filter(|row| Arc::ptr_eq(&row.client, client));
            let (id, column) = known
                .map_or_else(|| (client.id, client.column.place()), |row| (row.id, row.column));
            let client = Arc::clone(client);
            *place = Some(Row { client, slot, id, weight, column, rank });
        }
        for (index, row) in rows.iter_mut().enumerate().filter(|_| used) {
            // A row of the spare table alone has no place in the order.
            let place = row.as_ref().map(|row| order.get(row.rank as usize));
            if place.is_some_and(|slot| slot != Some(&(index as u32))) {
                *row = None;
            }
        }
        Self { rows, order }
    }

    /// Makes the table after the newest out of the spare one, which has the same rows: the slots that
    /// differ have these members, and `order` lists all slots in the order of addresses.
    pub(crate) fn amended<'a, 'c>(
        spare: Self,
        slots: usize,
        differ: impl IntoIterator<Item = (usize, Option<Member<'a, Target>>)>,
        ordered: impl Iterator<Item = usize>,
        client: impl Fn(Slot) -> Option<&'c Arc<Client<C>>>,
    ) -> Self
    where
        C: 'c,
    {
        let Self { mut rows, mut order } = spare;
        rows.resize_with(slots, || None);
        for (index, member) in differ {
            let row = member.and_then(|member| {
                let client = Arc::clone(client(member.slot)?);
                let (id, column) = (client.id, client.column.place());
                let weight = weight(&member);
                Some(Row { client, slot: member.slot, id, weight, column, rank: 0 })
            });
            rows[index] = row;
        }
        order.clear();
        for index in ordered {
            if let Some(row) = rows.get_mut(index).and_then(Option::as_mut) {
                row.rank = order.len() as u32;
                order.push(index as u32);
            }
        }
        Self { rows, order }
    }

    /// Becomes the spare table for the one after the newest: keeps the clients of that one and no
    /// others.
    pub(crate) fn follow(&mut self, newest: &Self) {
        self.rows.resize_with(newest.rows.len(), || None);
        for (row, new) in self.rows.iter_mut().zip(&newest.rows) {
            let same = match (&row, new) {
                (Some(row), Some(new)) => row.is_of(new.slot, &new.client),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !same {
                *row = new.as_ref().map(Row::copied);
            } else if let (Some(row), Some(new)) = (row, new) {
                row.weight = new.weight;
            }
        }
    }

    /// Does the same where only these slots differ.
    pub(crate) fn follow_in(&mut self, newest: &Self, slots: impl IntoIterator<Item = usize>) {
        self.rows.resize_with(newest.rows.len(), || None);
        for index in slots {
            self.rows[index] = newest.row(index).map(Row::copied);
        }
    }

    /// Tells that no slot is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the row of the slot with this index.
    #[inline]
    pub(crate) fn row(&self, index: usize) -> Option<&Row<C>> {
        self.rows.get(index)?.as_ref()
    }

    /// Returns the row of this slot, unless another endpoint is there.
    pub(crate) fn row_of(&self, slot: Slot) -> Option<&Row<C>> {
        self.row(slot.index()).filter(|row| row.slot == slot)
    }

    /// Returns the client in this slot, unless another endpoint is there.
    pub(crate) fn client(&self, slot: Slot) -> Option<&Arc<Client<C>>> {
        self.row_of(slot).map(|row| &row.client)
    }
}

impl<C> Row<C> {
    fn copied(&self) -> Self {
        Self { client: Arc::clone(&self.client), ..*self }
    }

    /// Tells that it is the row of this client in this slot.
    fn is_of(&self, slot: Slot, client: &Arc<Client<C>>) -> bool {
        self.slot == slot && Arc::ptr_eq(&self.client, client)
    }
}

/// Returns what a member weighs: those that are no candidates may get their turn when others have no
/// room.
fn weight(member: &Member<'_, Target>) -> u32 {
    if member.weight > 0 { member.weight } else { member.endpoint.weight }
}

/// A view of a table: the slots that may be picked, and what is known of each.
pub(crate) struct Over<'a, C, X> {
    table: &'a Table<C>,
    slots: X,
}

impl<'a, C, X: Slots> Over<'a, C, X> {
    #[inline]
    pub(crate) fn new(table: &'a Table<C>, slots: X) -> Self {
        Self { table, slots }
    }
}

impl<C, X: Slots> View for Over<'_, C, X> {
    #[inline]
    fn len(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    fn at(&self, place: usize) -> Option<usize> {
        self.slots.at(place)
    }

    #[inline]
    fn has(&self, slot: usize) -> bool {
        self.slots.has(slot)
    }

    #[inline]
    fn is_cut(&self) -> bool {
        self.slots.is_cut()
    }

    #[inline]
    fn next(&self, turn: &mut Turn) -> Option<usize> {
        self.slots.next(turn)
    }

    #[inline]
    fn weight(&self, slot: usize) -> u32 {
        self.table.row(slot).map_or(0, |row| row.weight)
    }

    #[inline]
    fn in_flight(&self, slot: usize) -> u32 {
        self.table.row(slot).map_or(0, |row| row.client.load.in_flight())
    }

    #[inline]
    fn cost(&self, slot: usize, now: Instant) -> u64 {
        self.table.row(slot).map_or(0, |row| row.client.load.cost(now))
    }

    #[inline]
    fn id(&self, slot: usize) -> u64 {
        self.table.row(slot).map_or(0, |row| row.id)
    }

    fn write_key(&self, slot: usize, sink: &mut dyn FnMut(&[u8])) {
        if let Some(row) = self.table.row(slot) {
            row.client.target.key(sink);
        }
    }

    fn after(&self, slot: Option<usize>) -> Option<usize> {
        let from = match slot {
            Some(slot) => self.table.row(slot)?.rank as usize + 1,
            None => 0,
        };
        let mut after = self.table.order.iter().skip(from).map(|&slot| slot as usize);
        after.find(|&slot| self.slots.has(slot))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Weak;

    use evenkeel_core::rand_core::Rng as _;
    use evenkeel_core::random::SplitMix64;
    use evenkeel_core::{Config, Endpoint};

    use super::*;
    use crate::clock::Clock;
    use crate::load::Load;
    use crate::snapshot::Cluster;
    use crate::tally::Tallies;
    use crate::vitals::{Heed, Vitals};

    /// Sets that follow each other, with clients that are made anew at times.
    #[test]
    fn a_table_out_of_a_spare_one_is_as_one_made_anew_and_keeps_no_client_that_left() {
        for seed in 0..50 {
            let mut rng = SplitMix64::new(seed);
            let mut below = |end: u64| rng.next_u64() % end;
            let config = Config::default();
            let (mut cluster, tallies) = (Cluster::new(config), Arc::new(Tallies::default()));
            let client = |target: &Target| Client {
                load: Load::new(&config),
                vitals: Vitals::new(Heed::Nothing, false),
                inner: (),
                target: target.clone(),
                id: evenkeel_core::hash::of_key(target),
                column: tallies.column(),
                ejections: <_>::default(),
                #[cfg(feature = "metrics")]
                recorded: <_>::default(),
                broken: false.into(),
                clock: Clock::start(),
                marks: Arc::default(),
            };
            let mut clients = BTreeMap::new();
            let (mut newest, mut spare) = (Table::EMPTY, Table::EMPTY);
            for step in 0..100 {
                let count = below(12);
                let set = (0..count).map(|_| {
                    let target = Target::new("a", 1 + below(16) as u16).expect("a target");
                    Endpoint::new(target).with_weight(below(3) as u32)
                });
                let _ = cluster.update(Instant::ZERO, set.collect::<Vec<_>>());
                let mut all: Vec<Weak<Client<()>>> = clients.values().map(Arc::downgrade).collect();
                let known = core::mem::take(&mut clients);
                for (slot, endpoint) in cluster.iter() {
                    let kept = known.get(&slot).filter(|_| below(8) > 0).cloned();
                    clients.insert(slot, kept.unwrap_or_else(|| Arc::new(client(&endpoint.addr))));
                }
                drop(known);
                let members: Vec<_> = cluster.members().collect();
                let of = |slot| clients.get(&slot);
                let make = |before, spare| Table::new(cluster.slots(), &members, before, spare, of);
                let anew = make(None, Table::EMPTY);
                let table = make(Some(&newest), core::mem::replace(&mut spare, Table::EMPTY));
                let shown = |table: &Table<()>| {
                    let row = |row: &Row<()>| {
                        let Row { client, slot, id, weight, column, rank } = row;
                        (Arc::as_ptr(client), *slot, *id, *weight, *column, *rank)
                    };
                    let rows = table.rows.iter().map(|found| found.as_ref().map(row));
                    (rows.collect::<Vec<_>>(), table.order.clone())
                };
                assert_eq!(shown(&table), shown(&anew), "seed {seed}, step {step}");
                drop(anew);
                let before = core::mem::replace(&mut newest, table);
                // Another may have had it still, and drops it.
                if below(4) > 0 {
                    spare = before;
                    spare.follow(&newest);
                } else {
                    drop(before);
                }
                all.retain(|client| client.strong_count() > 0);
                let is_there = |client: &Weak<Client<()>>| {
                    clients.values().any(|there| Arc::as_ptr(there) == client.as_ptr())
                };
                assert!(all.iter().all(is_there), "seed {seed}, step {step}: kept");
            }
        }
    }
}
