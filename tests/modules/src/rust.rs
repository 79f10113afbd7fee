//! The graph of a crate's modules, by their `use` declarations and the paths in their code.

mod scan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::scan::{Scan, Segments};
use crate::files::Files;
use crate::graph::Graph;

/// How many imports lead from one to the next at most: more are a circle.
const MOST_IMPORTS: usize = 16;

/// Reads the modules that `lib.rs` and `main.rs` declare. What is there in tests only is left out.
///
/// # Errors
/// Names a file that is no Rust, and a declared module without a file.
pub(crate) fn graph(files: &Files) -> Result<Graph> {
    let mut graph = Graph::default();
    for root in ["lib.rs", "main.rs"].map(Path::new) {
        if files.contains_key(root) {
            let mut tree = Tree::default();
            tree.read(files, root, Path::new(""), "")?;
            tree.write(&mut graph);
        }
    }
    Ok(graph)
}

/// The modules of a crate by their paths, inline ones as well.
#[derive(Debug, Default)]
struct Tree(BTreeMap<String, Module>);

#[derive(Debug)]
struct Module {
    /// The module whose file this is in.
    file: String,
    scan: Scan,
}

impl Tree {
    /// Reads a file and those of the modules that it declares, which lie in `folder`.
    fn read(&mut self, files: &Files, file: &Path, folder: &Path, path: &str) -> Result<()> {
        let source = syn::parse_file(&files[file])
            .with_context(|| format!("cannot parse {}", file.display()))?;
        self.add(
            files,
            path,
            Module { file: path.to_owned(), scan: Scan::new(&source.items) },
            folder,
        )
    }

    fn add(&mut self, files: &Files, path: &str, mut module: Module, folder: &Path) -> Result<()> {
        for (name, scan) in core::mem::take(&mut module.scan.inline) {
            let inline = Module { file: module.file.clone(), scan };
            self.add(files, &child(path, &name), inline, &folder.join(name))?;
        }
        for name in &module.scan.declared {
            let candidates: [PathBuf; 2] =
                [format!("{name}.rs"), format!("{name}/mod.rs")].map(|file| folder.join(file));
            let Some(file) = candidates.iter().find(|file| files.contains_key(*file)) else {
                bail!("module {} has no file", child(path, name));
            };
            self.read(files, file, &folder.join(name), &child(path, name))?;
        }
        self.0.insert(path.to_owned(), module);
        Ok(())
    }

    fn write(&self, graph: &mut Graph) {
        for (path, module) in &self.0 {
            graph.insert(&module.file);
            let imports = module.scan.imports.iter().map(|import| &import.path);
            for taken in imports.chain(&module.scan.paths) {
                // Where it is taken from, and where it is from: a re-export must not hide a circle.
                let (named, name) = self.named(path, taken).unzip();
                let name = name.or(taken.first().map(String::as_str)).unwrap_or_default();
                for from in [named, self.defining(path, taken, 0)].into_iter().flatten() {
                    graph.take(&module.file, &self.0[from].file, name);
                }
            }
        }
    }

    /// The module that the path names as far as it names modules, and what it names in there.
    fn named<'a>(&self, module: &str, path: &'a [String]) -> Option<(&str, &'a str)> {
        let (mut at, rest) = self.begin(module, path)?;
        for name in rest {
            match self.child(at, name) {
                Some(next) => at = next,
                None => return Some((at, name)),
            }
        }
        Some((at, path.last()?))
    }

    /// The module in which lies what the path leads to, imports followed; `None` in other crates.
    fn defining(&self, module: &str, path: &[String], imports: usize) -> Option<&str> {
        let follow = |at: &str, name: &str, after: &[String]| {
            let imported = self.imported(at, name, imports)?;
            Some(self.defining(at, &[&imported, after].concat(), imports + 1))
        };
        let Some((mut at, mut rest)) = self.begin(module, path) else {
            let (name, after) = path.split_first()?;
            return follow(module, name, after).flatten();
        };
        while let Some((name, after)) = rest.split_first() {
            match self.child(at, name) {
                Some(next) => (at, rest) = (next, after),
                None => return follow(at, name, after).unwrap_or(Some(at)),
            }
        }
        Some(at)
    }

    /// The path for which `name` stands in `module`, if it was imported there.
    fn imported(&self, module: &str, name: &str, imports: usize) -> Option<Segments> {
        let scan = &self.0[module].scan;
        if imports == MOST_IMPORTS || scan.items.contains(name) {
            return None;
        }
        if let Some(import) =
            scan.imports.iter().find(|import| import.name.as_deref() == Some(name))
        {
            // A macro is made importable by an import of itself.
            return (import.path != [name]).then(|| import.path.clone());
        }
        let mut globs = scan.imports.iter().filter(|import| import.name.is_none());
        let glob = globs.find(|glob| self.has_name(module, &glob.path, name, imports))?;
        Some(glob.path.iter().cloned().chain([name.to_owned()]).collect())
    }

    /// Tells whether there is such a name, declared or imported, in the module that `path` means.
    fn has_name(&self, module: &str, path: &[String], name: &str, imports: usize) -> bool {
        let Some(folder) =
            self.defining(module, path, imports + 1).filter(|_| imports < MOST_IMPORTS)
        else {
            return false;
        };
        let scan = &self.0[folder].scan;
        let mut globs = scan.imports.iter().filter(|import| import.name.is_none());
        scan.items.contains(name)
            || self.child(folder, name).is_some()
            || scan.imports.iter().any(|import| import.name.as_deref() == Some(name))
            || globs.any(|glob| self.has_name(folder, &glob.path, name, imports + 1))
    }

    /// Where a path begins, and what remains of it; `None` unless its first segment is a module.
    fn begin<'a>(&self, module: &str, path: &'a [String]) -> Option<(&str, &'a [String])> {
        let (first, mut rest) = path.split_first()?;
        let mut at = self.0.get_key_value(module)?.0.as_str();
        match first.as_str() {
            "crate" => at = self.0.get_key_value("")?.0,
            "self" => {}
            "super" => rest = path,
            name => return Some((self.child(at, name)?, rest)),
        }
        while let Some((first, after)) = rest.split_first()
            && first == "super"
        {
            (at, rest) = (self.parent(at)?, after);
        }
        Some((at, rest))
    }

    fn child(&self, module: &str, name: &str) -> Option<&str> {
        self.0.get_key_value(&child(module, name)).map(|(path, _)| path.as_str())
    }

    fn parent(&self, module: &str) -> Option<&str> {
        let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
        self.0.get_key_value(parent).filter(|_| !module.is_empty()).map(|(path, _)| path.as_str())
    }
}

fn child(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

#[cfg(test)]
mod tests;
