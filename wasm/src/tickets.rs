use alloc::vec::Vec;

use evenkeel_core::{Pick, PickError};

/// How many reasons, slots and tickets fit into what a pick gives, in turn.
pub const WHYS: u32 = 1 << 3;
/// The slots; no memory holds more endpoints.
pub const SLOTS: u32 = 1 << 24;
/// The tickets: 2⁵³ in all, the most that a number holds.
pub const TICKETS: u32 = 1 << 26;

/// The picks that are under way, each standing behind a small number that JavaScript holds.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    picks: Vec<Option<Pick>>,
    free: Vec<u32>,
}

impl Tickets {
    /// Keeps `pick`, and gives why it was picked, its slot and its ticket in one number; a number
    /// below 0 if there is none. O(1)
    pub(crate) fn issue(&mut self, pick: Result<Pick, PickError>) -> f64 {
        match pick {
            Ok(pick) => {
                let (why, slot) = (pick.why().index(), pick.slot().index());
                let place = f64::from(slot as u32) * f64::from(WHYS) + f64::from(why);
                f64::from(self.keep(pick)) * f64::from(WHYS) * f64::from(SLOTS) + place
            }
            Err(error) => -1.0 - f64::from(error.index()),
        }
    }

    /// Keeps `pick`: behind the ticket that was redeemed last, if one was.
    pub(crate) fn keep(&mut self, pick: Pick) -> u32 {
        if let Some(ticket) = self.free.pop()
            && let Some(place) = self.picks.get_mut(ticket as usize)
        {
            *place = Some(pick);
            return ticket;
        }
        self.picks.push(Some(pick));
        (self.picks.len() - 1) as u32
    }

    /// Returns the pick behind `ticket`, if it has not been redeemed.
    pub(crate) fn get(&self, ticket: u32) -> Option<&Pick> {
        self.picks.get(ticket as usize)?.as_ref()
    }

    /// Gives the pick back; the ticket will be used again. O(1)
    pub(crate) fn redeem(&mut self, ticket: u32) -> Option<Pick> {
        let pick = self.picks.get_mut(ticket as usize)?.take()?;
        self.free.push(ticket);
        Some(pick)
    }
}
