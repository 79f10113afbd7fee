//! One level of a graph: the modules right inside another one, and the arrows between them.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::Graph;

/// The modules right inside a module, and which of them, with all in it, takes from which.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    /// Groups of modules with the same arrows; most have one.
    pub(super) groups: Vec<Vec<String>>,
    /// For each group, those that it takes from, without those that follow from others.
    pub(super) up: Vec<BTreeSet<usize>>,
    /// Pairs of groups of which the first takes from the second against the order of all others:
    /// folders can make a circle though no modules do.
    pub(super) against: Vec<(usize, usize)>,
}

/// For each module by its place, those that it takes from.
type Edges = Vec<BTreeSet<usize>>;

impl Level {
    /// The level inside `folder`; the root's is `""`.
    pub(super) fn new(graph: &Graph, folder: &str) -> Self {
        let names: BTreeSet<&str> =
            graph.modules().filter_map(|module| child(folder, module)).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let place = |module| names.binary_search(&child(folder, module)?).ok();
        let mut weights: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (from, to) in graph.pairs() {
            if let (Some(from), Some(to)) = (place(from), place(to))
                && from != to
            {
                *weights.entry((from, to)).or_default() += 1;
            }
        }
        let (edges, against) = straighten(names.len(), &weights);
        let edges = reduced(&edges);
        let groups = twins(&edges, &against);
        let group_of =
            |member: usize| groups.iter().position(|group| group.contains(&member)).unwrap_or(0);
        Self {
            up: groups
                .iter()
                .map(|group| edges[group[0]].iter().map(|&to| group_of(to)).collect())
                .collect(),
            against: against.iter().map(|&(from, to)| (group_of(from), group_of(to))).collect(),
            groups: groups
                .iter()
                .map(|group| group.iter().map(|&member| names[member].to_owned()).collect())
                .collect(),
        }
    }
}

/// The path of the module right inside `folder` that `module` is or lies in.
fn child<'a>(folder: &str, module: &'a str) -> Option<&'a str> {
    let start = match folder {
        "" => 0,
        folder => module.strip_prefix(folder)?.strip_prefix("::").map(|_| folder.len() + 2)?,
    };
    let end = module[start..].find("::").map_or(module.len(), |end| start + end);
    Some(&module[..end])
}

/// Takes out the lightest edges of circles until there is none.
fn straighten(
    count: usize,
    weights: &BTreeMap<(usize, usize), usize>,
) -> (Edges, Vec<(usize, usize)>) {
    let mut edges = vec![BTreeSet::new(); count];
    for &(from, to) in weights.keys() {
        edges[from].insert(to);
    }
    let mut against = Vec::new();
    loop {
        let on_circle = weights
            .iter()
            .filter(|((from, to), _)| edges[*from].contains(to) && reaches(&edges, *to, *from));
        let Some((&(from, to), _)) = on_circle.min_by_key(|(_, weight)| **weight) else { break };
        edges[from].remove(&to);
        against.push((from, to));
    }
    (edges, against)
}

/// Without the edges that others lead to as well.
fn reduced(edges: &[BTreeSet<usize>]) -> Edges {
    let direct = |from: usize, to: usize| {
        !edges[from].iter().any(|&other| other != to && reaches(edges, other, to))
    };
    (0..edges.len())
        .map(|from| edges[from].iter().copied().filter(|&to| direct(from, to)).collect())
        .collect()
}

fn reaches(edges: &[BTreeSet<usize>], from: usize, to: usize) -> bool {
    let mut reached = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        next.extend(edges[at].iter().filter(|other| reached.insert(**other)));
    }
    reached.contains(&to)
}

/// Groups of those that take from the same and are taken from by the same.
fn twins(edges: &[BTreeSet<usize>], against: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for member in 0..edges.len() {
        let takers: Vec<usize> =
            (0..edges.len()).filter(|&other| edges[other].contains(&member)).collect();
        let alone = against.iter().any(|(from, to)| *from == member || *to == member);
        groups.entry((&edges[member], takers, alone.then_some(member))).or_default().push(member);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(pairs: &[(&str, &str)], folder: &str) -> Level {
        let mut graph = Graph::default();
        for (from, to) in pairs {
            graph.insert(from);
            graph.insert(to);
            graph.take(from, to, "Name");
        }
        Level::new(&graph, folder)
    }

    fn sets<const N: usize>(sets: [&[usize]; N]) -> [BTreeSet<usize>; N] {
        sets.map(|set| set.iter().copied().collect())
    }

    #[test]
    fn what_follows_is_left_out_and_twins_are_one() {
        let pairs = [
            ("b", "a"),
            ("c", "a"),
            ("d", "b"),
            ("d", "c"),
            ("d", "a"),
            ("e::x", "d"),
            ("e::x", "b"),
        ];
        let level = level(&pairs, "");
        assert_eq!(level.groups, [vec!["a"], vec!["b", "c"], vec!["d"], vec!["e"]]);
        assert_eq!(level.up, sets([&[], &[0], &[1], &[2]]));
        assert_eq!(level.against, []);
    }

    #[test]
    fn a_level_has_what_lies_right_in_its_folder() {
        let pairs = [("a::x", "a"), ("a::y::z", "a::x"), ("a::y", "b"), ("ab", "a::x")];
        let (inner, outer) = (level(&pairs, "a"), level(&pairs, ""));
        assert_eq!(inner.groups, [["a::x"], ["a::y"]]);
        assert_eq!(inner.up, sets([&[], &[0]]));
        assert_eq!(outer.groups, [["a"], ["ab"], ["b"]]);
        assert_eq!(outer.up, sets([&[2], &[0], &[]]));
    }

    #[test]
    fn a_circle_of_folders_is_cut_where_it_is_thinnest() {
        let level = level(&[("a::x", "b::x"), ("a::y", "b::x"), ("b::y", "a::x")], "");
        assert_eq!(level.groups, [["a"], ["b"]]);
        assert_eq!(level.up, sets([&[1], &[]]));
        assert_eq!(level.against, [(1, 0)]);
    }
}
