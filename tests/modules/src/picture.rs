//! The picture of a graph: a frame around modules that lie in another, and arrows upwards.

#![allow(clippy::cast_possible_wrap, reason = "no picture is that large")]

mod layers;
mod nest;
mod order;
mod plan;

use core::fmt;

use self::layers::Node;
use self::nest::Level;
use self::plan::{Line, Plan};
use crate::graph::Graph;

const CHARACTER: i32 = 8;
/// The height of a module without others inside, and of a frame's title.
const BOX: i32 = 26;
const PADDING: i32 = 14;
const GAP: i32 = 10;
/// The width at which modules with the same arrows begin another row.
const ROW: i32 = 330;
/// The widths that layers should keep to, of the whole and in a frame.
const PAGE: i32 = 900;
const FOLDER: i32 = 720;
/// Told apart by all eyes.
const COLORS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#a0508c", "#3c3c3c", "#8a6d00"];
const AGAINST: &str = "Red and dashed: an import against the order of all others.";
const LEGEND: [&str; 2] = [
    "An arrow leads from a module to one that it imports. What follows from others is left out,",
    "and so is what passes between a frame and its modules. A dashed frame shares its arrows.",
];

/// A part of the picture.
#[derive(Debug, Default)]
struct Part {
    width: i32,
    height: i32,
    shapes: Vec<(i32, i32, Shape)>,
}

/// What is drawn at a place.
#[derive(Debug)]
enum Shape {
    Module {
        width: i32,
        name: String,
    },
    Frame {
        width: i32,
        height: i32,
        name: String,
        depth: usize,
    },
    /// Around modules with the same arrows.
    Bundle {
        width: i32,
        height: i32,
    },
    Arrow {
        line: Line,
        color: &'static str,
    },
    /// From a box down to another.
    Against {
        across: i32,
        down: i32,
    },
}

/// The picture as SVG; the same graph makes the same text.
pub(crate) fn svg(graph: &Graph) -> String {
    let part = inside(graph, "", 0);
    let has_against =
        part.shapes.iter().any(|(_, _, shape)| matches!(shape, Shape::Against { .. }));
    let legend: Vec<&str> = LEGEND.into_iter().chain(has_against.then_some(AGAINST)).collect();
    let text_width = legend.iter().map(|line| line.len() as i32 * 7).max().unwrap_or(0);
    let width = part.width.max(text_width) + 2 * PADDING;
    let bottom = part.height + 2 * PADDING;
    let height = bottom + legend.len() as i32 * 18 + PADDING;
    let mut canvas = Part { width, height, shapes: Vec::new() };
    canvas.add((width - part.width) / 2, PADDING, part);
    let shapes: String =
        canvas.shapes.iter().map(|(x, y, shape)| Placed(*x, *y, shape).to_string()).collect();
    let line = |(index, line): (usize, &&str)| {
        let y = bottom + PADDING + index as i32 * 18;
        let font = "font-family=\"sans-serif\" fill=\"#555555\"";
        format!("<text x=\"{PADDING}\" y=\"{y}\" {font}>{line}</text>\n")
    };
    let legend: String = legend.iter().enumerate().map(line).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-size=\"13\" \
         font-family=\"Menlo, Consolas, 'DejaVu Sans Mono', monospace\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{shapes}{legend}</svg>\n"
    )
}

/// A module with all that lies in it.
fn module(graph: &Graph, path: &str, depth: usize) -> Part {
    let name = path.rsplit("::").next().unwrap_or(path).to_owned();
    let title = name.len() as i32 * CHARACTER + 2 * PADDING;
    let inner = inside(graph, path, depth + 1);
    if inner.shapes.is_empty() {
        let shape = Shape::Module { width: title, name };
        return Part { width: title, height: BOX, shapes: vec![(0, 0, shape)] };
    }
    let width = (inner.width + 2 * PADDING).max(title);
    let height = inner.height + BOX + PADDING;
    let frame = Shape::Frame { width, height, name, depth };
    let mut part = Part { width, height, shapes: vec![(0, 0, frame)] };
    part.add((width - inner.width) / 2, BOX, inner);
    part
}

/// What lies in a module.
fn inside(graph: &Graph, folder: &str, depth: usize) -> Part {
    let Level { groups, up, against } = Level::new(graph, folder);
    let has_arrows =
        |group: usize| !up[group].is_empty() || up.iter().any(|targets| targets.contains(&group));
    let parts = groups
        .iter()
        .enumerate()
        .map(|(place, group)| bundle(graph, group, depth, has_arrows(place)));
    let parts: Vec<Part> = parts.collect();
    let node = |(part, up): (&Part, _)| Node { width: part.width, height: part.height, up };
    let width = if depth == 0 { PAGE } else { FOLDER };
    let plan = Plan::new(&parts.iter().zip(up).map(node).collect::<Vec<_>>(), width);
    let mut whole = Part { width: plan.width, height: plan.height, shapes: Vec::new() };
    for line in plan.lines {
        let color = COLORS[line.to % COLORS.len()];
        whole.shapes.push((0, 0, Shape::Arrow { line, color }));
    }
    for (from, to) in against {
        let bottom = |group: usize| plan.corners[group].1 + parts[group].height;
        let middle = |group: usize| plan.corners[group].0 + parts[group].width / 2;
        let shape = Shape::Against {
            across: middle(to) - middle(from),
            down: plan.corners[to].1 - bottom(from),
        };
        whole.shapes.push((middle(from), bottom(from), shape));
    }
    for (part, (x, y)) in parts.into_iter().zip(plan.corners) {
        whole.add(x, y, part);
    }
    whole
}

/// Modules with the same arrows, row by row, in a frame if there are any; a single one as it is.
fn bundle(graph: &Graph, group: &[String], depth: usize, has_arrows: bool) -> Part {
    let mut parts: Vec<Part> = group.iter().map(|path| module(graph, path, depth)).collect();
    if parts.len() == 1 {
        return parts.remove(0);
    }
    // What is as high as its neighbours wastes no room.
    parts.sort_by_key(|part| part.height);
    let edge = if has_arrows { GAP } else { 0 };
    let (mut x, mut y, mut bottom) = (edge, edge, 0);
    let mut whole = Part::default();
    for part in parts {
        if x > edge && x + part.width > ROW {
            (x, y) = (edge, bottom + GAP);
        }
        bottom = bottom.max(y + part.height);
        let width = part.width;
        whole.add(x, y, part);
        whole.width = whole.width.max(x + width + edge);
        x += width + GAP;
    }
    whole.height = bottom + edge;
    if has_arrows {
        whole.shapes.insert(0, (0, 0, Shape::Bundle { width: whole.width, height: whole.height }));
    }
    whole
}

impl Part {
    fn add(&mut self, x: i32, y: i32, part: Self) {
        let moved = |(right, down, shape)| (x + right, y + down, shape);
        self.shapes.extend(part.shapes.into_iter().map(moved));
    }
}

/// A shape where it is drawn.
struct Placed<'a>(i32, i32, &'a Shape);

impl fmt::Display for Placed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self(x, y, shape) = self;
        match shape {
            Shape::Module { width, name } => {
                write!(
                    f,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX}\" rx=\"4\" "
                )?;
                writeln!(f, "fill=\"#ffffff\" stroke=\"#555555\"/>")?;
                let (x, y) = (x + width / 2, y + 17);
                writeln!(f, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{name}</text>")
            }
            Shape::Frame { width, height, name, depth } => {
                let fill = if depth % 2 == 0 { "#eef2f6" } else { "#dfe6ee" };
                write!(
                    f,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" "
                )?;
                writeln!(f, "fill=\"{fill}\" stroke=\"#8c98a4\"/>")?;
                let (x, y) = (x + PADDING, y + 18);
                writeln!(f, "<text x=\"{x}\" y=\"{y}\" font-weight=\"bold\">{name}</text>")
            }
            Shape::Bundle { width, height } => {
                write!(
                    f,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" "
                )?;
                writeln!(f, "fill=\"#ffffff99\" stroke=\"#8c98a4\" stroke-dasharray=\"4 3\"/>")
            }
            Shape::Arrow { line, color } => {
                let [below, above] =
                    [line.below, line.above].map(|(right, down)| (x + right, y + down));
                let bend = y + line.bend;
                let middle = i32::midpoint(bend, below.1);
                let (start, end) = (below.0, above.0);
                write!(
                    f,
                    "<path d=\"M{start} {} C{start} {middle} {end} {middle} {end} {bend}V{}",
                    below.1, above.1
                )?;
                if line.arrives {
                    write!(
                        f,
                        "M{} {}L{end} {}L{} {}",
                        end - 4,
                        above.1 + 7,
                        above.1,
                        end + 4,
                        above.1 + 7
                    )?;
                }
                writeln!(f, "\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>")
            }
            Shape::Against { across, down } => {
                let (right, bottom) = (x + across, y + down);
                write!(f, "<path d=\"M{x} {y}L{right} {bottom}\" fill=\"none\" ")?;
                writeln!(f, "stroke=\"#c00000\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\"/>")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_is_drawn_once_whatever_came_first() {
        let pairs = [("b", "a"), ("c::x", "b"), ("c::y", "c::x"), ("d", "a"), ("c::x", "c")];
        let picture = |pairs: &[(&str, &str)]| {
            let mut graph = Graph::default();
            for (from, to) in pairs {
                graph.insert(from);
                graph.insert(to);
                graph.take(from, to, "Name");
            }
            svg(&graph)
        };
        let drawn = picture(&pairs);
        for name in ["a", "b", "c", "d", "x", "y"] {
            assert_eq!(drawn.matches(&format!(">{name}</text>")).count(), 1, "{name}");
        }
        assert!(!drawn.contains(AGAINST), "folders without a circle");
        let mut reversed = pairs;
        reversed.reverse();
        assert_eq!(picture(&reversed), drawn);
        assert!(picture(&[("a::x", "b::x"), ("b::y", "a::x")]).contains(AGAINST));
    }
}
