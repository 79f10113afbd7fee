use alloc::vec::Vec;

use evenkeel_core::Pick;

/// The picks that are under way, each standing behind a small number that JavaScript holds in its place.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    picks: Vec<Option<Pick>>,
    free: Vec<u32>,
}

impl Tickets {
    /// Keeps `pick` and gives its ticket. O(1).
    pub(crate) fn issue(&mut self, pick: Pick) -> u32 {
        if let Some(ticket) = self.free.pop()
            && let Some(place) = self.picks.get_mut(ticket as usize)
        {
            *place = Some(pick);
            return ticket;
        }
        self.picks.push(Some(pick));
        (self.picks.len() - 1) as u32
    }

    /// The pick behind `ticket`, if it has not been redeemed.
    pub(crate) fn get(&self, ticket: u32) -> Option<&Pick> {
        self.picks.get(ticket as usize)?.as_ref()
    }

    /// Gives the pick back; the ticket will be used again. O(1).
    pub(crate) fn redeem(&mut self, ticket: u32) -> Option<Pick> {
        let pick = self.picks.get_mut(ticket as usize)?.take()?;
        self.free.push(ticket);
        Some(pick)
    }
}
