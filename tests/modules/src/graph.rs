//! Who takes from whom, and the circles in it.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

/// Modules by their paths, such as `policy::view`; that of the root is empty.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    takes: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// Modules that all reach each other, and what they take on the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    modules: Vec<String>,
    /// Who takes what from whom.
    takes: Vec<(String, String, Vec<String>)>,
}

impl Graph {
    /// Adds a module. The root is none: it only declares and re-exports.
    pub(crate) fn insert(&mut self, module: &str) {
        if !module.is_empty() {
            self.takes.entry(module.to_owned()).or_default();
        }
    }

    /// Notes that `from` takes `name` from `to`. A module does not take from itself, from the
    /// root, or from what lies within it: declaring children and re-exporting them is its duty.
    pub(crate) fn take(&mut self, from: &str, to: &str, name: &str) {
        if to.is_empty() || from.is_empty() || lies_within(to, from) {
            return;
        }
        let targets = self.takes.entry(from.to_owned()).or_default();
        targets.entry(to.to_owned()).or_default().insert(name.to_owned());
    }

    /// All modules, in the order of their paths.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &str> {
        self.takes.keys().map(String::as_str)
    }

    /// Every pair of modules of which the first takes from the second.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.takes
            .iter()
            .flat_map(|(from, to)| to.keys().map(move |to| (from.as_str(), to.as_str())))
    }

    /// The circles, in the order of their first modules.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.modules().map(|module| (module, self.reached_from(module))).collect();
        let mut circles = Vec::new();
        let mut done = BTreeSet::new();
        for module in self.modules() {
            let mutual = |other: &&str| reach.get(other).is_some_and(|back| back.contains(module));
            let modules: Vec<&str> = reach[module].iter().copied().filter(mutual).collect();
            if modules.is_empty() || !done.insert(module) {
                continue;
            }
            done.extend(&modules);
            circles.push(self.circle(&modules));
        }
        circles
    }

    /// What `module` takes from, what that takes from, and so on.
    fn reached_from<'a>(&'a self, module: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![module];
        while let Some(module) = next.pop() {
            let targets = self.takes.get(module).into_iter().flat_map(BTreeMap::keys);
            next.extend(targets.map(String::as_str).filter(|target| reached.insert(*target)));
        }
        reached
    }

    fn circle(&self, modules: &[&str]) -> Circle {
        let inside = |(from, to): &(&str, &str)| modules.contains(from) && modules.contains(to);
        let names = |(from, to): (&str, &str)| {
            let names = self.takes[from][to].iter().cloned().collect();
            (from.to_owned(), to.to_owned(), names)
        };
        Circle {
            modules: modules.iter().map(|&module| module.to_owned()).collect(),
            takes: self.pairs().filter(inside).map(names).collect(),
        }
    }
}

/// Tells whether `module` is `folder` or one of its descendants.
fn lies_within(module: &str, folder: &str) -> bool {
    module.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a circle of {}: {}", self.modules.len(), self.modules.join(", "))?;
        for (from, to, names) in &self.takes {
            write!(f, "\n    {from} takes {} from {to}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(pairs: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in pairs {
            graph.take(from, to, "Name");
        }
        graph
    }

    #[test]
    fn a_circle_says_who_takes_what_from_whom() {
        let mut graph = graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a")]);
        graph.take("a", "b", "Other");
        let circles = graph.circles();
        assert_eq!(circles.len(), 1);
        let lines = [
            "a circle of 3: a, b, c",
            "    a takes Name, Other from b",
            "    b takes Name from c",
            "    c takes Name from a",
        ];
        assert_eq!(circles[0].to_string(), lines.join("\n"));
    }

    #[test]
    fn circles_apart_are_told_apart() {
        let graph = graph(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "c")]);
        let circles: Vec<_> = graph.circles().into_iter().map(|circle| circle.modules).collect();
        assert_eq!(circles, [["a", "b"], ["c", "d"]]);
    }

    #[test]
    fn a_parent_does_not_take_from_its_children_but_they_do_from_it() {
        let graph =
            graph(&[("a", "a::b"), ("a::b", "a"), ("", "a"), ("a", ""), ("ab", "a"), ("a", "a")]);
        assert_eq!(graph.pairs().collect::<Vec<_>>(), [("a::b", "a"), ("ab", "a")]);
        assert_eq!(graph.circles(), []);
    }
}
