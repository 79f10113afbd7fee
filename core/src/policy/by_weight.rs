//! The draw by weight that weighted random and the two choices share.

use core::fmt;

use super::alias::Alias;
use super::{Cx, View, equal_weights, fingerprint};
use crate::error::TableFull;
use crate::store::Store;

/// Tells policies of two choices where to keep what draws by weight need: any store, or
/// [`Unweighted`].
pub trait Weighing: 'static {
    /// The table.
    #[doc(hidden)]
    type Draws: Draws;
}

/// Ignores weights: no table, and no code for it, where each byte counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unweighted;

impl Weighing for Unweighted {
    type Draws = Self;
}

impl<S: Store> Weighing for S {
    type Draws = ByWeight<S>;
}

/// Draws candidates by weight.
#[doc(hidden)]
pub trait Draw {
    /// Tells that all are drawn with the same probability.
    fn is_even(&self) -> bool;

    /// Returns the candidate at `point`, which may be left out of a view that is cut.
    fn at(&self, point: u64) -> Option<usize>;
}

/// Draws from what it keeps of the candidates.
#[doc(hidden)]
pub trait Draws: Draw + Clone + fmt::Debug {
    /// Weights may count.
    const ON: bool;
    /// All weights are equal.
    const EVEN: Self;

    /// Follows the candidates.
    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull>;
}

impl Draw for Unweighted {
    #[inline]
    fn is_even(&self) -> bool {
        true
    }

    #[inline]
    fn at(&self, _: u64) -> Option<usize> {
        None
    }
}

impl Draws for Unweighted {
    const ON: bool = false;
    const EVEN: Self = Self;

    #[inline]
    fn rebuild(&mut self, _: &dyn View) -> Result<(), TableFull> {
        Ok(())
    }
}

/// An alias table while weights differ.
#[doc(hidden)]
pub struct ByWeight<S: Store> {
    table: Alias<S>,
    /// That of the candidates that the table is of; 0 without a table.
    fingerprint: u64,
}

impl<S: Store> Draw for ByWeight<S> {
    #[inline]
    fn is_even(&self) -> bool {
        self.table.is_empty()
    }

    #[inline]
    fn at(&self, point: u64) -> Option<usize> {
        self.table.at(point)
    }
}

impl<S: Store> Draws for ByWeight<S> {
    const ON: bool = true;
    const EVEN: Self = Self { table: Alias::NEW, fingerprint: 0 };

    /// Rebuilds the table if other candidates are there, or other weights.
    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        if equal_weights(view) {
            *self = Self::EVEN;
            return Ok(());
        }
        let fingerprint = fingerprint(view);
        if fingerprint == self.fingerprint {
            return Ok(());
        }
        self.fingerprint = 0;
        self.table.build(view, 1)?;
        self.fingerprint = fingerprint;
        Ok(())
    }
}

/// The number of draws for a slot that is in the view, and for another one than the first.
const REDRAWS: usize = 8;

/// Draws one by weight.
#[inline]
pub(super) fn one(draws: &(impl Draw + ?Sized), view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
    let slot = draws.at(cx.rng().next_u64())?;
    if view.is_cut() && !view.has(slot) { redraw(draws, view, cx) } else { Some(slot) }
}

/// Draws two by weight that are not the same, as long as there are two. O(1): mostly 64 random
/// bits, of which each point gets half.
#[inline]
pub(super) fn two(
    draws: &(impl Draw + ?Sized),
    view: &dyn View,
    cx: &mut Cx<'_>,
) -> Option<(usize, usize)> {
    let bits = cx.rng().next_u64();
    let (first, second) = (draws.at(bits >> 32 << 32)?, draws.at(bits << 32)?);
    if first != second && (!view.is_cut() || view.has(first) && view.has(second)) {
        return Some((first, second));
    }
    again(draws, view, cx, first)
}

/// Draws two where the second was the first, or where slots are left out.
#[cold]
fn again(
    draws: &(impl Draw + ?Sized),
    view: &dyn View,
    cx: &mut Cx<'_>,
    first: usize,
) -> Option<(usize, usize)> {
    let first = if view.has(first) { first } else { redraw(draws, view, cx)? };
    if view.len() < 2 {
        return Some((first, first));
    }
    let mut drawn = (0..REDRAWS).filter_map(|_| draws.at(cx.rng().next_u64()));
    if let Some(second) = drawn.find(|&slot| slot != first && view.has(slot)) {
        return Some((first, second));
    }
    // One has almost all the weight: any of the others. Places go in the order of slots, so that
    // those from the first on move up by one.
    let place = cx.below(view.len() - 1);
    let second = view.at(place).filter(|&slot| slot < first).or_else(|| view.at(place + 1))?;
    Some((first, second))
}

#[cold]
fn redraw(draws: &(impl Draw + ?Sized), view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
    let mut drawn = (1..REDRAWS).filter_map(|_| draws.at(cx.rng().next_u64()));
    let drawn = drawn.find(|&slot| view.has(slot));
    drawn.or_else(|| view.at(cx.below(view.len())))
}

impl<S: Store> Clone for ByWeight<S> {
    fn clone(&self) -> Self {
        Self { table: self.table.clone(), fingerprint: self.fingerprint }
    }
}

impl<S: Store> fmt::Debug for ByWeight<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}
