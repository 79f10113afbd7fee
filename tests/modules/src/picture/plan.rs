//! Where boxes and lines lie, in whole numbers: the same boxes always lie the same.

use super::layers::{GAP, Layers, Node, Place};
use super::order::order;

const LAYER_GAP: i32 = 44;
/// The height of an arrow's head, which lines reach from straight below.
const HEAD: i32 = 8;
/// The width that a line takes on its way past boxes, and the distance of lines out of one box.
const LINE: i32 = 10;
const SWEEPS: usize = 24;
/// How much more a part of a line wants to be straight than near to what it is linked to.
const STRAIGHT: usize = 4;

/// Where everything lies; the top left corner is (0, 0).
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) width: i32,
    pub(super) height: i32,
    /// The top left corner of each box.
    pub(super) corners: Vec<(i32, i32)>,
    pub(super) lines: Vec<Line>,
}

/// A part of the way to the box `to`.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) to: usize,
    pub(super) below: (i32, i32),
    pub(super) above: (i32, i32),
    /// How far down from the top it stops being straight.
    pub(super) bend: i32,
    /// Whether it ends at the box.
    pub(super) arrives: bool,
}

impl Plan {
    /// Places all boxes, in layers of at most about `width` each.
    pub(super) fn new(nodes: &[Node], width: i32) -> Self {
        let mut layers = Layers::new(nodes, width);
        order(&mut layers);
        let mut plan = Self { corners: vec![(0, 0); nodes.len()], ..Self::default() };
        let centers = from_zero(centers(nodes, &layers), &layers, nodes);
        let mut top = 0;
        for (rank, row) in layers.rows.iter().enumerate() {
            for (&place, &center) in row.iter().zip(&centers[rank]) {
                plan.width = plan.width.max(center + width_of(nodes, place) / 2);
                if let Place::Box(node) = place {
                    plan.corners[node] = (center - nodes[node].width / 2, top);
                    plan.height = plan.height.max(top + nodes[node].height);
                }
            }
            if rank > 0 {
                plan.draw_lines(nodes, &layers, &centers, rank, top);
            }
            top = plan.height + LAYER_GAP;
        }
        plan
    }

    /// Draws the lines that go up from layer `rank`, which begins at `top`.
    fn draw_lines(
        &mut self,
        nodes: &[Node],
        layers: &Layers,
        centers: &[Vec<i32>],
        rank: usize,
        top: i32,
    ) {
        for (&place, &center) in layers.rows[rank].iter().zip(&centers[rank]) {
            let mut ends: Vec<(i32, Place)> = layers
                .above(rank, place)
                .map(|above| (centers[rank - 1][layers.position(rank - 1, above)], above))
                .collect();
            ends.sort_by_key(|(x, _)| *x);
            let count = ends.len() as i32;
            for (index, (x, above)) in ends.into_iter().enumerate() {
                // Side by side, out of a box.
                let from = center + (2 * index as i32 - count + 1) * LINE / 2;
                let (to, y, arrives) = match above {
                    Place::Box(node) => (node, self.corners[node].1 + nodes[node].height, true),
                    Place::Line(node) => (node, self.row_top(layers, rank - 1), false),
                };
                let bend = top - LAYER_GAP + HEAD;
                self.lines.push(Line { to, below: (from, top), above: (x, y), bend, arrives });
            }
        }
    }

    fn row_top(&self, layers: &Layers, rank: usize) -> i32 {
        let boxes = layers.rows[rank].iter().filter_map(|place| match place {
            Place::Box(node) => Some(self.corners[*node].1),
            Place::Line(_) => None,
        });
        boxes.max().unwrap_or(0)
    }
}

/// Moves everything so that it begins at 0.
fn from_zero(mut centers: Vec<Vec<i32>>, layers: &Layers, nodes: &[Node]) -> Vec<Vec<i32>> {
    let places = layers.rows.iter().flatten().zip(centers.iter().flatten());
    let left =
        places.map(|(&place, center)| center - width_of(nodes, place) / 2).min().unwrap_or(0);
    centers.iter_mut().flatten().for_each(|center| *center -= left);
    centers
}

fn width_of(nodes: &[Node], place: Place) -> i32 {
    match place {
        Place::Box(node) => nodes[node].width,
        Place::Line(_) => LINE,
    }
}

/// The middle of each place: near those that it is linked to, without overlaps.
fn centers(nodes: &[Node], layers: &Layers) -> Vec<Vec<i32>> {
    let packed: Vec<Vec<i32>> = layers.rows.iter().map(|row| packed(nodes, row)).collect();
    let mut centers = packed.clone();
    for sweep in 0..SWEEPS {
        for step in 0..layers.rows.len() {
            let rank = if sweep % 2 == 0 { step } else { layers.rows.len() - 1 - step };
            let row = layers.rows[rank].iter().enumerate();
            let wishes = row
                .map(|(index, &place)| wish(layers, &centers, rank, index, place))
                .collect::<Vec<_>>();
            centers[rank] = apart(&wishes, &packed[rank]);
        }
    }
    centers
}

/// The middles of places that lie as close as they may.
fn packed(nodes: &[Node], row: &[Place]) -> Vec<i32> {
    let mut end = 0;
    let center = |&place: &Place| {
        let width = width_of(nodes, place);
        end += width + GAP;
        end - GAP - width / 2
    };
    row.iter().map(center).collect()
}

/// Where a place would like to be, and how much.
fn wish(
    layers: &Layers,
    centers: &[Vec<i32>],
    rank: usize,
    index: usize,
    place: Place,
) -> (i32, i32) {
    let mut near: Vec<i32> = Vec::new();
    near.extend(
        layers.below(rank, place).map(|other| centers[rank + 1][layers.position(rank + 1, other)]),
    );
    near.extend(
        layers.above(rank, place).map(|other| centers[rank - 1][layers.position(rank - 1, other)]),
    );
    if matches!(place, Place::Line(_)) {
        let places = layers.rows.iter().flatten().zip(centers.iter().flatten());
        let parts = places.filter(|(other, _)| **other == place);
        near.extend(parts.flat_map(|(_, &center)| [center; STRAIGHT]));
    }
    let count = near.len() as i32;
    (near.iter().sum::<i32>().checked_div(count).unwrap_or(centers[rank][index]), 1 + count)
}

/// The middles that are nearest to the wishes, by weight, and at least as far apart as `packed`.
fn apart(wishes: &[(i32, i32)], packed: &[i32]) -> Vec<i32> {
    // Runs that touch: the sum of what they wish, of their weights, and how many places they are.
    let mut runs: Vec<(i64, i64, usize)> = Vec::new();
    for (&(wish, weight), &least) in wishes.iter().zip(packed) {
        let mut run = (i64::from(wish - least) * i64::from(weight), i64::from(weight), 1);
        while let Some(last) = runs.pop_if(|last| last.0 * run.1 >= run.0 * last.1) {
            run = (run.0 + last.0, run.1 + last.1, run.2 + last.2);
        }
        runs.push(run);
    }
    let shift = |(sum, weight, count): (i64, i64, usize)| {
        core::iter::repeat_n(sum.div_euclid(weight) as i32, count)
    };
    runs.into_iter().flat_map(shift).zip(packed).map(|(shift, least)| shift + least).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_get_what_they_wish_unless_they_would_overlap() {
        assert_eq!(apart(&[(10, 1), (100, 1)], &[5, 25]), [10, 100]);
        assert_eq!(apart(&[(50, 1), (50, 1)], &[5, 25]), [40, 60]);
        assert_eq!(apart(&[(50, 9), (50, 1)], &[5, 25]), [48, 68]);
        assert_eq!(apart(&[(100, 1), (0, 1), (60, 2)], &[0, 10, 20]), [42, 52, 62]);
    }

    #[test]
    fn boxes_do_not_overlap_and_lines_lead_up() {
        let up = [vec![], vec![0], vec![0], vec![1], vec![0, 2, 3], vec![0, 4], vec![1, 2]];
        let nodes = up.map(|up| Node { width: 60, height: 20, up: up.into_iter().collect() });
        let plan = Plan::new(&nodes, 200);
        for (index, one) in plan.corners.iter().enumerate() {
            assert!(
                (0..=plan.width - 60).contains(&one.0) && (0..=plan.height - 20).contains(&one.1)
            );
            for other in &plan.corners[index + 1..] {
                assert!(
                    (one.0 - other.0).abs() >= 60 + GAP
                        || (one.1 - other.1).abs() >= 20 + LAYER_GAP
                );
            }
        }
        assert!(plan.lines.iter().all(|line| line.below.1 > line.bend && line.bend > line.above.1));
        let arrivals =
            |node| plan.lines.iter().filter(|line| line.arrives && line.to == node).count();
        assert_eq!((arrivals(0), arrivals(4), arrivals(6)), (3, 1, 0));
    }
}
