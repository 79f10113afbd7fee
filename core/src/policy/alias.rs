//! The alias table that the weighted policies share.

use core::fmt;
use core::hint::select_unpredictable;

use crate::error::TableFull;
use crate::store::{DebugList, List, Store, copied};

/// Maps a point of `0..2⁶⁴` to a candidate, so that each candidate's weight is its share of the points (Walker's method).
///
/// There is one column per candidate, all of the same width; each belongs to its own candidate up to the cut and to another
/// one, its alias, from there on. Eight bytes per candidate; a lookup is one multiplication, one load and no branch.
pub(super) struct Alias<S: Store> {
    columns: S::List<Column>,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    /// In 2⁻³² of the column's width.
    cut: u32,
    alias: u32,
}

impl<S: Store> Alias<S> {
    /// How many candidates it covers; 0 before it is built.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Builds the table for these weights in O(n), without scratch memory. Each candidate gets at least `least`/2³² of its own
    /// column, at least one.
    ///
    /// The arithmetic is exact in integers, for up to 2³² candidates of any weight; a cut is rounded down.
    ///
    /// # Errors
    /// [`TableFull`] when the store is too small; the table is then empty.
    pub(super) fn build(&mut self, weights: &[u32], least: u32) -> Result<(), TableFull> {
        self.columns.shorten(0);
        if weights.len() > <S::List<Column> as List<Column>>::LIMIT {
            return Err(TableFull { needed: weights.len(), capacity: <S::List<Column> as List<Column>>::LIMIT });
        }
        for index in 0..weights.len() {
            // There is room: the capacity was checked above.
            let _ = self.columns.try_push(Column { cut: u32::MAX, alias: index as u32 });
        }
        self.sweep(weights, least.max(1));
        Ok(())
    }

    /// Fills what the light candidates leave of their columns with what the heavy ones have too much.
    ///
    /// One cursor goes over the light and one over the heavy (Hübschle-Schneider and Sanders, "Parallel Weighted Random
    /// Sampling"): once a heavy candidate has given so much that it would itself be light, the next heavy one fills its
    /// column. All is in units in which a column is as wide as the sum of the weights.
    fn sweep(&mut self, weights: &[u32], least: u32) {
        let width: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let scaled = |index: usize| u64::from(weights[index]) * weights.len() as u64;
        let cut = |part: u64| {
            let cut = (u128::from(part) << 32) / u128::from(width);
            u32::try_from(cut).unwrap_or(u32::MAX).max(least)
        };
        let light_from = |start: usize| (start..weights.len()).find(|&index| scaled(index) < width);
        let heavy_from = |start: usize| (start..weights.len()).find(|&index| scaled(index) > width);

        let mut light = light_from(0);
        let Some(mut heavy) = heavy_from(0) else { return };
        let mut rest = scaled(heavy);
        loop {
            if rest > width {
                // The shares add up, so there is a light one as long as a heavy one has too much.
                let Some(index) = light else { return };
                self.columns[index] = Column { cut: cut(scaled(index)), alias: heavy as u32 };
                rest -= width - scaled(index);
                light = light_from(index + 1);
            } else {
                let Some(next) = heavy_from(heavy + 1) else { return };
                self.columns[heavy] = Column { cut: cut(rest), alias: next as u32 };
                rest += scaled(next) - width;
                heavy = next;
            }
        }
    }

    /// The candidate at `point`; 0 when the table is empty.
    #[inline]
    pub(super) fn at(&self, point: u64) -> usize {
        let product = u128::from(point) * self.columns.len() as u128;
        let (column, fraction) = ((product >> 64) as usize, (product as u64 >> 32) as u32);
        self.columns.get(column).map_or(0, |entry| {
            // Which of the two it is cannot be foretold: a branch would be wrong every other time.
            select_unpredictable(fraction < entry.cut, column, entry.alias as usize)
        })
    }
}

impl<S: Store> Clone for Alias<S> {
    fn clone(&self) -> Self {
        Self { columns: copied(&self.columns) }
    }
}

impl<S: Store> Default for Alias<S> {
    fn default() -> Self {
        Self { columns: S::List::default() }
    }
}

impl<S: Store> fmt::Debug for Alias<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DebugList(&self.columns).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Alias;
    use crate::store::Inline;

    /// The share of each candidate in 2⁻³² of a column, added up over the columns.
    fn shares<const N: usize>(weights: &[u32], least: u32) -> [u64; N] {
        let mut alias = Alias::<Inline<N>>::default();
        alias.build(weights, least).unwrap();
        let mut shares = [0; N];
        for (own, column) in alias.columns.iter().enumerate() {
            shares[own] += u64::from(column.cut);
            shares[column.alias as usize] += (1 << 32) - u64::from(column.cut);
        }
        shares
    }

    #[test]
    fn shares_are_the_weights() {
        // In 2⁻³² of a column; there are as many columns as candidates.
        assert_eq!(shares::<2>(&[1, 3], 1), [1 << 31, 3 << 31]);
        assert_eq!(shares::<4>(&[5, 1, 1, 1], 1), [5 << 31, 1 << 31, 1 << 31, 1 << 31]);
        assert_eq!(shares::<4>(&[2, 2, 1, 3], 1), [1 << 32, 1 << 32, 1 << 31, 3 << 31]);
        assert_eq!(shares::<5>(&[7; 5], 1), [1 << 32; 5]);
        assert_eq!(shares::<1>(&[u32::MAX], 1), [1 << 32]);
    }

    #[test]
    fn a_weight_never_rounds_to_never() {
        let [one, max, also_max] = shares(&[1, u32::MAX, u32::MAX], 1);
        assert_eq!(one, 1);
        assert!(max.abs_diff(also_max) <= 4, "{max} {also_max}");
        assert_eq!(shares::<2>(&[u32::MAX, 1], 9)[1], 9);
    }

    #[test]
    fn points_fall_into_columns() {
        let mut alias = Alias::<Inline<2>>::default();
        alias.build(&[1, 3], 1).unwrap();
        assert_eq!([0, 1 << 62, 1 << 63, u64::MAX].map(|point| alias.at(point)), [0, 1, 1, 1]);
        assert_eq!(alias.at((1 << 62) - 1), 0);
        assert_eq!(Alias::<Inline<2>>::default().at(u64::MAX), 0);
    }
}
