//! Boxes in layers, so that whatever a box points to lies above it.

use core::cmp::Reverse;
use std::collections::BTreeSet;

/// The space between what lies side by side.
pub(super) const GAP: i32 = 18;

/// A box to be placed.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) width: i32,
    pub(super) height: i32,
    /// The boxes that it points to; no way leads back.
    pub(super) up: BTreeSet<usize>,
}

/// What lies in a layer: a box, or the line to a box further up, which all share that point to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Box(usize),
    Line(usize),
}

/// Boxes and the lines between them, layer by layer from the top.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) rows: Vec<Vec<Place>>,
    /// For each layer, from which place in it a line goes to which place in the layer above.
    pub(super) links: Vec<Vec<(Place, Place)>>,
}

impl Layers {
    /// Layers of at most about `width` each.
    pub(super) fn new(nodes: &[Node], width: i32) -> Self {
        let ranks = ranks(nodes, width);
        let depth = ranks.iter().max().map_or(0, |deepest| deepest + 1);
        let mut rows = vec![Vec::new(); depth];
        let mut links = vec![Vec::new(); depth];
        for (index, &rank) in ranks.iter().enumerate() {
            rows[rank].push(Place::Box(index));
            let below = pointing_to(nodes, index);
            let lowest = below.iter().map(|&below| ranks[below]).max().unwrap_or(rank);
            let at = |row| if row == rank { Place::Box(index) } else { Place::Line(index) };
            for row in rank + 1..lowest {
                rows[row].push(Place::Line(index));
                links[row].push((Place::Line(index), at(row - 1)));
            }
            for from in below {
                links[ranks[from]].push((Place::Box(from), at(ranks[from] - 1)));
            }
        }
        Self { rows, links }
    }

    /// What `place`, which is in layer `rank`, has lines to in the layer above.
    pub(super) fn above(&self, rank: usize, place: Place) -> impl Iterator<Item = Place> {
        self.links[rank].iter().filter(move |(from, _)| *from == place).map(|(_, to)| *to)
    }

    /// From which places in the layer below there are lines to `place`, which is in layer `rank`.
    pub(super) fn below(&self, rank: usize, place: Place) -> impl Iterator<Item = Place> {
        let links = self.links.get(rank + 1).into_iter().flatten();
        links.filter(move |(_, to)| *to == place).map(|(from, _)| *from)
    }

    /// How far right `place` is in layer `rank`.
    pub(super) fn position(&self, rank: usize, place: Place) -> usize {
        self.rows[rank].iter().position(|other| *other == place).unwrap_or(0)
    }
}

/// The layer of each box, counted from the top.
fn ranks(nodes: &[Node], width: i32) -> Vec<usize> {
    let mut ranks = settle(nodes, &vec![0; nodes.len()]);
    // Down to those that point to it, where that makes lines shorter.
    let mut by_rank: Vec<usize> = (0..nodes.len()).collect();
    by_rank.sort_by_key(|&index| Reverse(ranks[index]));
    for index in by_rank {
        let below = pointing_to(nodes, index);
        if let Some(lowest) = below.iter().map(|&below| ranks[below]).min()
            && nodes[index].up.len() < below.len()
        {
            ranks[index] = lowest - 1;
        }
    }
    // What a layer has no room for goes into the next one: first what nobody close below needs.
    let mut rank = 0;
    while ranks.iter().any(|&other| other > rank) || rank == 0 {
        let mut layer: Vec<usize> =
            (0..nodes.len()).filter(|&index| ranks[index] == rank).collect();
        let next = |index: usize| pointing_to(nodes, index).iter().map(|&below| ranks[below]).min();
        layer.sort_by_key(|&index| next(index).unwrap_or(usize::MAX));
        let mut room = width;
        let mut floors = ranks.clone();
        for (place, &index) in layer.iter().enumerate() {
            room -= nodes[index].width + GAP;
            if room < 0 && place > 0 {
                floors[index] = rank + 1;
            }
        }
        ranks = settle(nodes, &floors);
        rank += 1;
    }
    ranks
}

/// The layers as far up as possible, but not above `floors`.
fn settle(nodes: &[Node], floors: &[usize]) -> Vec<usize> {
    let mut ranks = floors.to_vec();
    // The longest way up has fewer steps than there are boxes.
    for _ in nodes {
        for (index, node) in nodes.iter().enumerate() {
            let above = node.up.iter().map(|&above| ranks[above] + 1).max().unwrap_or(0);
            ranks[index] = floors[index].max(above);
        }
    }
    ranks
}

fn pointing_to(nodes: &[Node], index: usize) -> Vec<usize> {
    (0..nodes.len()).filter(|&below| nodes[below].up.contains(&index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(width: i32, up: &[usize]) -> Node {
        Node { width, height: 20, up: up.iter().copied().collect() }
    }

    #[test]
    fn whatever_a_box_points_to_lies_above_it_and_no_layer_is_too_wide() {
        let nodes: Vec<Node> =
            [vec![], vec![0], vec![0], vec![0], vec![0], vec![1, 2, 3, 4], vec![0, 5]]
                .iter()
                .map(|up| node(100, up))
                .collect();
        let ranks = ranks(&nodes, 300);
        for (index, node) in nodes.iter().enumerate() {
            assert!(node.up.iter().all(|&above| ranks[above] < ranks[index]), "{ranks:?}");
        }
        assert_eq!(ranks, [0, 1, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn a_box_that_only_the_lowest_needs_is_right_above_it() {
        let nodes =
            [node(50, &[]), node(50, &[0]), node(50, &[1]), node(50, &[2, 4]), node(50, &[])];
        assert_eq!(ranks(&nodes, 300), [0, 1, 2, 3, 2]);
    }

    #[test]
    fn lines_to_one_box_are_shared() {
        let nodes = [node(50, &[]), node(50, &[0]), node(50, &[0, 1]), node(50, &[0, 2])];
        let layers = Layers::new(&nodes, 300);
        assert_eq!(layers.rows[1], [Place::Line(0), Place::Box(1)]);
        assert_eq!(layers.rows[2], [Place::Line(0), Place::Box(2)]);
        assert_eq!(
            layers.below(1, Place::Line(0)).collect::<Vec<_>>(),
            [Place::Line(0), Place::Box(2)]
        );
        assert_eq!(layers.above(1, Place::Line(0)).collect::<Vec<_>>(), [Place::Box(0)]);
    }
}
