use super::Set;

/// The slots by level of priority, and the level that picks are made from: the first that has a
/// slot in service, or, where none has, the first that has any ("panic").
pub trait Levels: 'static {
    /// No slots.
    const NEW: Self;
    /// A set of slots.
    type Set: Set;

    /// Puts a slot of this priority where it belongs. Before the slot gets another priority, it
    /// has to [leave](Self::leave) the old one.
    #[doc(hidden)]
    fn put(&mut self, slot: usize, priority: u16, fit: Fit);

    /// Notes that a slot has no room, or that it has, where something limits it.
    #[doc(hidden)]
    fn put_full(&mut self, _slot: usize, _full: bool) {}

    /// Takes a slot out of the level of this priority, where levels are kept.
    #[doc(hidden)]
    fn leave(&mut self, _slot: usize, _priority: u16) {}

    /// Chooses the level; `priorities` has those of all slots in their order.
    #[doc(hidden)]
    fn choose(&mut self, limit: Limit, priorities: impl Iterator<Item = u16> + Clone);

    /// Returns the slots of the level.
    fn members(&self) -> &Self::Set;

    /// Returns those of them that have room.
    fn ready(&self) -> <Self::Set as Set>::All<'_>;

    /// Tells that the level was taken for want of slots in service.
    fn panic(&self) -> bool;

    /// Returns the level's priority; the last there is without slots.
    fn priority(&self) -> u16;
}

/// Tells what a slot is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct Fit {
    /// It takes requests.
    pub(crate) service: bool,
    /// It would, if it were not ejected, overloaded or down: where no slot does, these are used.
    pub(crate) spare: bool,
    /// It has as many requests in flight as it may have.
    pub(crate) full: bool,
}

impl Fit {
    /// Nothing.
    pub(crate) const NONE: Self = Self { service: false, spare: false, full: false };
}

/// Limits the requests in flight to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Limit {
    /// Nothing does.
    None,
    /// A setting does; what has no room at a level waits.
    Stay,
    /// A setting does; what has no room at a level goes to the next.
    Overflow,
}
