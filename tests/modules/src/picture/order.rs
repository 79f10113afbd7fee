//! The order of places in their layers: such that few lines cross.

use super::layers::Layers;

const SWEEPS: usize = 24;

/// Orders each layer by the middle of what each place is linked to, downwards and upwards in turn.
pub(super) fn order(layers: &mut Layers) {
    let mut best = (crossings(layers), layers.rows.clone());
    for sweep in 0..SWEEPS {
        let downwards = sweep % 2 == 0;
        for step in 1..layers.rows.len() {
            let rank = if downwards { step } else { layers.rows.len() - 1 - step };
            order_row(layers, rank, downwards);
        }
        swap_neighbours(layers);
        let count = crossings(layers);
        if count < best.0 {
            best = (count, layers.rows.clone());
        }
    }
    layers.rows = best.1;
}

fn order_row(layers: &mut Layers, rank: usize, downwards: bool) {
    let key = |(index, &place)| {
        let beside: Vec<usize> = if downwards {
            layers.above(rank, place).map(|other| layers.position(rank - 1, other)).collect()
        } else {
            layers.below(rank, place).map(|other| layers.position(rank + 1, other)).collect()
        };
        // In thousandths; what is linked to nothing stays where it is.
        let middle = (beside.iter().sum::<usize>() * 1000).checked_div(beside.len());
        (middle.unwrap_or(index * 1000), place)
    };
    let mut keys: Vec<_> = layers.rows[rank].iter().enumerate().map(key).collect();
    keys.sort_by_key(|(middle, _)| *middle);
    layers.rows[rank] = keys.into_iter().map(|(_, place)| place).collect();
}

/// Swaps neighbours where fewer lines cross for it.
fn swap_neighbours(layers: &mut Layers) {
    for rank in 0..layers.rows.len() {
        for index in 1..layers.rows[rank].len() {
            let before = crossings(layers);
            layers.rows[rank].swap(index - 1, index);
            if crossings(layers) >= before {
                layers.rows[rank].swap(index - 1, index);
            }
        }
    }
}

fn crossings(layers: &Layers) -> usize {
    let mut count = 0;
    for (rank, links) in layers.links.iter().enumerate().skip(1) {
        let ends =
            |&(below, above)| (layers.position(rank, below), layers.position(rank - 1, above));
        let ends: Vec<(usize, usize)> = links.iter().map(ends).collect();
        for (index, one) in ends.iter().enumerate() {
            let crosses = |other: &&(usize, usize)| {
                let (below, above) = (one.0.cmp(&other.0), one.1.cmp(&other.1));
                below.is_ne() && above.is_ne() && below != above
            };
            count += ends[index + 1..].iter().filter(crosses).count();
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::layers::Node;

    #[test]
    fn lines_that_need_not_cross_do_not() {
        let up = [vec![], vec![], vec![], vec![2], vec![1], vec![0, 1], vec![3], vec![0, 5]];
        let nodes = up.map(|up| Node { width: 50, height: 20, up: up.into_iter().collect() });
        let mut layers = Layers::new(&nodes, 500);
        assert!(crossings(&layers) > 0);
        order(&mut layers);
        assert_eq!(crossings(&layers), 0);
    }
}
