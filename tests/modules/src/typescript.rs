//! The graph of a folder of TypeScript, by its imports.

use std::path::{Component, Path, PathBuf};

use crate::files::Files;
use crate::graph::Graph;

/// Reads `import … from`, `export … from`, `import '…'` and `import('…')` of every file.
/// Declarations (`.d.ts`) and tests (`.test.ts`) are left out.
pub(crate) fn graph(files: &Files) -> Graph {
    let mut graph = Graph::default();
    let modules = || files.keys().filter_map(|path| Some((path, module(path)?)));
    for (path, from) in modules() {
        graph.insert(&from);
        for (names, file) in imports(&files[path]) {
            let target = resolve(path, &file);
            if let Some((_, to)) = modules().find(|(_, to)| Some(to) == target.as_ref()) {
                for name in names {
                    graph.take(&from, &to, &name);
                }
            }
        }
    }
    graph
}

/// The module in a file; `None` for what is not part of the graph.
fn module(path: &Path) -> Option<String> {
    let path = path.to_str()?.strip_suffix(".ts")?;
    let left_out = matches!(path.rsplit_once('.'), Some((_, "d" | "test")));
    (!left_out).then(|| path.replace('/', "::"))
}

/// The module that a relative import in the file at `path` means.
fn resolve(path: &Path, import: &str) -> Option<String> {
    if !import.starts_with('.') {
        return None;
    }
    let mut target = PathBuf::from(path.parent()?);
    for component in Path::new(import).components() {
        match component {
            Component::ParentDir => drop(target.pop()),
            Component::Normal(name) => target.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let target = target.to_str()?;
    let stem =
        [".js", ".ts"].iter().find_map(|ending| target.strip_suffix(ending)).unwrap_or(target);
    Some(stem.replace('/', "::"))
}

/// The texts that follow `from`, `import` or `import(`, each with the names that it imports.
fn imports(source: &str) -> Vec<(Vec<String>, String)> {
    let mut imports = Vec::new();
    let mut before = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (token, next) = rest.split_at(token_len(rest, first));
        if matches!(first, '\'' | '"') && token.len() > 1 {
            let file = token.trim_matches(first).to_owned();
            imports.extend(imported(&before, &file).map(|names| (names, file)));
        }
        if !is_comment(token) {
            before.push_str(token);
        }
        rest = next;
    }
    imports
}

/// What is imported by a text that stands behind `code`; all of the file if that names nothing.
fn imported(code: &str, file: &str) -> Option<Vec<String>> {
    let code = code.trim_end();
    let code = code.strip_suffix('(').map_or(code, str::trim_end);
    let mut words = code.rsplit(|character| !is_word(character));
    match words.next()? {
        "import" => Some(vec![file.to_owned()]),
        "from" => {
            let names = words.take_while(|word| !matches!(*word, "import" | "export"));
            let names: Vec<_> = names
                .filter(|word| !matches!(*word, "" | "type" | "as"))
                .map(str::to_owned)
                .collect();
            Some(if names.is_empty() { vec![file.to_owned()] } else { names })
        }
        _ => None,
    }
}

/// The length of the comment, text or single character at the start of `rest`. A template counts
/// as text up to the next backtick; a text never goes beyond its line.
fn token_len(rest: &str, first: char) -> usize {
    let end = |mark: &str| rest[2..].find(mark).map(|at| at + 2);
    if rest.starts_with("//") {
        return end("\n").unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return end("*/").map_or(rest.len(), |at| at + 2);
    }
    if !matches!(first, '\'' | '"' | '`') {
        return first.len_utf8();
    }
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' if first != '`' => break,
            _ if character == first => return at + 1,
            _ => {}
        }
    }
    // A quotation mark that opens nothing, as in a regular expression.
    1
}

fn is_comment(token: &str) -> bool {
    token.starts_with("//") || token.starts_with("/*")
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| ((*path).into(), (*text).to_owned())).collect();
        graph(&files).circles().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_kind_of_import_counts() {
        let imports = [
            "import { B } from './b.js';",
            "import type { B } from \"./b.js\";",
            "import {\n  type A as C,\n  B,\n} from './b.js';",
            "import * as b from './b.js';",
            "export { B } from './b.js';",
            "export * from './b.js';",
            "import './b.js';",
            "const quote = /['\"]/;\nconst b = await import( './b.js' );",
            "const url = 'http://c';\nexport type B = import('./b.js').B;",
        ];
        for import in imports {
            assert_eq!(
                circles(&[("a.ts", import), ("b.ts", "import { A } from './a.js';")]).len(),
                1,
                "{import}"
            );
        }
    }

    #[test]
    fn the_names_are_told() {
        let found = circles(&[
            ("a.ts", "import { B, type C } from './b.js';"),
            ("b.ts", "import './a.js';"),
        ]);
        assert_eq!(
            found,
            ["a circle of 2: a, b\n    a takes B, C from b\n    b takes ./a.js from a"]
        );
    }

    #[test]
    fn comments_texts_tests_and_packages_do_not_count() {
        let a = "// import './b.js'\n/* from './b.js' */\nconst b = './b.js';\n\
                 const text = `from './b.js'`, more = \"import './b.js'\";\n\
                 import c from 'b';\nimport wasm from './b.wasm';";
        let b = "import './a.js';";
        assert_eq!(circles(&[("a.ts", a), ("b.ts", b)]), [""; 0]);
        let test = "import './a.js';";
        assert_eq!(
            circles(&[("a.ts", "import './a.test.js';"), ("a.test.ts", test), ("a.d.ts", test)]),
            [""; 0]
        );
    }

    #[test]
    fn imports_reach_other_folders() {
        let files = [
            ("in/a.ts", "import '../b.js';"),
            ("b.ts", "import './in/a.js';"),
            ("a.ts", "import './b.js';"),
        ];
        let found = circles(&files);
        assert_eq!(found[0].lines().next(), Some("a circle of 2: b, in::a"));
    }
}
