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
    /// Makes the table of these members, in the order of addresses; every slot is below `slots`.
    /// What the one before knows of a client is not read from the client: there may be many, and
    /// each is elsewhere in memory.
    pub(crate) fn new<'c>(
        slots: usize,
        members: &[Member<'_, Target>],
        before: Option<&Self>,
        client: impl Fn(Slot) -> Option<&'c Arc<Client<C>>>,
    ) -> Self
    where
        C: 'c,
    {
        let mut rows = Vec::new();
        rows.resize_with(slots, || None);
        let mut order = Vec::with_capacity(members.len());
        for member in members {
            let (slot, rank) = (member.slot, order.len() as u32);
            let Some(client) = client(slot) else { continue };
            // Those that are no candidates may get their turn when others have no room.
            let weight = if member.weight > 0 { member.weight } else { member.endpoint.weight };
            let known = before.and_then(|before| before.row(slot.index()));
            let known = known.filter(|row| Arc::ptr_eq(&row.client, client));
            let (id, column) = known
                .map_or_else(|| (client.id, client.column.place()), |row| (row.id, row.column));
            let client = Arc::clone(client);
            order.push(slot.index() as u32);
            rows[slot.index()] = Some(Row { client, slot, id, weight, column, rank });
        }
        Self { rows, order }
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
