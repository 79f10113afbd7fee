//! The alias table that the weighted policies share.

use core::fmt;
use core::hint::select_unpredictable;

use super::{View, slots};
use crate::error::TableFull;
use crate::store::{List, Store};

/// Maps a point of `0..2⁶⁴` to a slot, so that each slot's weight is its share of the points
/// (Walker's method).
///
/// There is one column per candidate, all of the same width; each belongs to its own slot up to the
/// cut and to another one, its alias, from there on. 12 bytes per candidate; a lookup is one
/// multiplication, one load and no branch.
pub(super) struct Alias<S: Store> {
    columns: S::List<Column>,
}

#[derive(Clone, Copy)]
struct Column {
    /// In 2⁻³² of the column's width; while the table is built, the slot's weight.
    cut: u32,
    own: u32,
    /// [`OPEN`] while the table is built and the column is not filled yet.
    alias: u32,
}

/// No slot.
const OPEN: u32 = u32::MAX;

impl<S: Store> Alias<S> {
    pub(super) const NEW: Self = Self { columns: S::List::NEW };

    /// Tells that there is no table.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Builds the table in O(n), without scratch memory. Each slot gets at least `least`/2³² of its
    /// own column, at least one.
    ///
    /// The arithmetic is exact in integers, for up to 2³⁰ candidates of any weight; a cut is
    /// rounded down.
    ///
    /// # Errors
    /// [`TableFull`] when the store is too small; the table is then empty.
    pub(super) fn build(&mut self, view: &dyn View, least: u32) -> Result<(), TableFull> {
        self.columns.shorten(0);
        let (needed, capacity) = (view.len(), <S::List<Column>>::LIMIT);
        if needed > capacity {
            return Err(TableFull { needed, capacity });
        }
        self.columns.expect(needed);
        let mut width = 0;
        for slot in slots(view) {
            let weight = view.weight(slot);
            width += u64::from(weight);
            // There is room: the capacity was checked above.
            let _ = self.columns.try_push(Column { cut: weight, own: slot as u32, alias: OPEN });
        }
        fill(&mut self.columns, width, least.max(1));
        for column in self.columns.iter_mut().filter(|column| column.alias == OPEN) {
            (column.cut, column.alias) = (u32::MAX, column.own);
        }
        Ok(())
    }

    /// Returns the slot at `point`; `None` when the table is empty.
    #[inline]
    pub(super) fn at(&self, point: u64) -> Option<usize> {
        let columns = self.columns.len() as u64;
        let column = self.columns.get(place(point, columns))?;
        let fraction = (point.wrapping_mul(columns) >> 32) as u32;
        // Which of the two it is cannot be foretold: a branch would be wrong every other time.
        Some(select_unpredictable(fraction < column.cut, column.own, column.alias) as usize)
    }
}

/// Returns the upper 64 bits of a product of a point and a number of columns.
#[inline]
fn place(point: u64, columns: u64) -> usize {
    if cfg!(not(target_arch = "wasm32")) {
        return ((u128::from(point) * u128::from(columns)) >> 64) as usize;
    }
    // Below 2³², so that two products of 64 bits do.
    let lower = (point & u64::from(u32::MAX)) * columns;
    (((point >> 32) * columns + (lower >> 32)) >> 32) as usize
}

/// Fills what the light candidates leave of their columns with what the heavy ones have too much.
///
/// One cursor goes over the light and one over the heavy (Hübschle-Schneider and Sanders, "Parallel
/// Weighted Random Sampling"): once a heavy candidate has given so much that it would itself be
/// light, the next heavy one fills its column. All is in units in which a column is as wide as the
/// sum of the weights.
fn fill(columns: &mut [Column], width: u64, least: u32) {
    let n = columns.len() as u64;
    // The next open column from `start` on that is light, or heavy: where, what it has, and whose.
    let seek = |columns: &[Column], start: usize, light: bool| {
        (start..columns.len()).find_map(|at| {
            let column = columns.get(at).filter(|column| column.alias == OPEN)?;
            let has = u64::from(column.cut) * n;
            let wanted = if light { has < width } else { has > width };
            wanted.then_some((at, has, column.own))
        })
    };
    let close = |columns: &mut [Column], at: usize, part: u64, alias: u32| {
        let (cut, _) = divided_product(part, 1 << 32, width.max(1));
        let cut = u32::try_from(cut).unwrap_or(u32::MAX).max(least);
        if let Some(column) = columns.get_mut(at) {
            (column.cut, column.alias) = (cut, alias);
        }
    };
    let mut light = seek(columns, 0, true);
    let Some((mut heavy, mut rest, mut giver)) = seek(columns, 0, false) else { return };
    loop {
        if rest > width {
            // The shares add up, so there is a light one as long as a heavy one has too much.
            let Some((at, has, _)) = light else { return };
            close(columns, at, has, giver);
            rest -= width - has;
            light = seek(columns, at + 1, true);
        } else {
            let Some((at, has, own)) = seek(columns, heavy + 1, false) else { return };
            close(columns, heavy, rest, own);
            rest += has - width;
            (heavy, giver) = (at, own);
        }
    }
}

/// Returns `a · b / c`, rounded down, and what is left: with 64 bits throughout, as a division of
/// 128 bits is a lot of code. `a` and `c` are below 2⁶², the quotient below 2⁶⁴.
pub(super) fn divided_product(a: u64, b: u64, c: u64) -> (u64, u64) {
    if let Some(product) = a.checked_mul(b) {
        return (product / c, product % c);
    }
    let (whole, part) = (a / c, a % c);
    let (mut quotient, mut rest) = (0, 0);
    for bit in (0..u64::BITS - b.leading_zeros()).rev() {
        (quotient, rest) = (2 * quotient, 2 * rest);
        if b >> bit & 1 > 0 {
            (quotient, rest) = (quotient + whole, rest + part);
        }
        while rest >= c {
            (quotient, rest) = (quotient + 1, rest - c);
        }
    }
    (quotient, rest)
}

impl<S: Store> Clone for Alias<S> {
    fn clone(&self) -> Self {
        Self { columns: List::copied(&self.columns) }
    }
}

impl<S: Store> fmt::Debug for Alias<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alias").field("columns", &self.columns.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::divided_product;
    use crate::hash::splitmix64;

    #[test]
    fn a_divided_product_is_that_of_128_bits() {
        for seed in 0..10_000 {
            let number =
                |part: u64| splitmix64(3 * seed + part) >> (2 + splitmix64(seed + part) % 60);
            let (a, b, c) = (number(0), number(1), number(2).max(1));
            let (product, divisor) = (u128::from(a) * u128::from(b), u128::from(c));
            let Ok(quotient) = u64::try_from(product / divisor) else { continue };
            assert_eq!(divided_product(a, b, c), (quotient, (product % divisor) as u64));
        }
    }
}
