use evenkeel_core::{Pick, PickError};

use crate::slab::Slab;

/// How many reasons, slots and tickets fit into what a pick gives, in turn.
pub const WHYS: u32 = 1 << 3;
/// The slots; no memory holds more endpoints.
pub const SLOTS: u32 = 1 << 24;
/// The tickets: 2⁵³ in all, the most that a number holds.
pub const TICKETS: u32 = 1 << 26;

/// The picks that are under way, each standing behind a ticket that JavaScript holds.
pub(crate) type Tickets = Slab<Pick>;

/// Keeps `pick`, and gives why it was picked, its slot and its ticket in one number; a number below
/// 0 if there is none. O(1)
pub(crate) fn issue(tickets: &mut Tickets, pick: Result<Pick, PickError>) -> f64 {
    match pick {
        Ok(pick) => {
            let (why, slot) = (pick.why().index(), pick.slot().index());
            let place = f64::from(slot as u32) * f64::from(WHYS) + f64::from(why);
            f64::from(tickets.keep(pick)) * f64::from(WHYS) * f64::from(SLOTS) + place
        }
        Err(error) => -1.0 - f64::from(error.index()),
    }
}
