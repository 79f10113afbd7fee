//! There is no floating point in the core: it would round differently from platform to platform.

use std::fs;
use std::path::Path;

/// The lines of a source file that speak of floating point, outside of comments and of tests, which
/// stand at the end.
fn floats(source: &str) -> Vec<(usize, &str)> {
    let code = source.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let words = |c: char| !(c.is_alphanumeric() || c == '_' || c == '.');
        code.split(words).any(|word| {
            let number = word.starts_with(|c: char| c.is_ascii_digit());
            let types = word.split('.').any(|part| part == "f32" || part == "f64");
            let suffix = number
                && (word.ends_with("f32") || word.ends_with("f64"))
                && !word.starts_with("0x");
            let point = number
                && word
                    .split_once('.')
                    .is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
            types || suffix || point
        })
    })
    .map(|(number, line)| (number + 1, line))
    .collect()
}

fn visit(folder: &Path, found: &mut Vec<String>, files: &mut usize) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, found, files);
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            *files += 1;
            let source = fs::read_to_string(&path).expect("a source file");
            let lines = floats(&source);
            found.extend(
                lines.iter().map(|(number, line)| format!("{}:{number}: {line}", path.display())),
            );
        }
    }
}

#[test]
fn the_core_computes_in_integers() {
    let (mut found, mut files) = (Vec::new(), 0);
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found, &mut files);
    assert!(files > 60, "only {files} files were looked at");
    assert!(found.is_empty(), "floating point in the core:\n{}", found.join("\n"));
}

#[test]
fn floating_point_is_recognised() {
    let floating =
        ["let x: f64 = y;", "x as f32", "1.5 * x", "2f64", "f64::from(x)", "(0.5)", "x.max(1.0)"];
    for line in floating {
        assert_eq!(floats(line), [(1, line)]);
    }
    let integers = [
        "let x = 1; // 1.5",
        "/// 0.5 f64",
        "self.0.len()",
        "0..5",
        "1..=2",
        "x.0",
        "0x1f64",
        "a.1.b",
        "t.0.1",
    ];
    for line in integers {
        assert!(floats(line).is_empty(), "{line}");
    }
    assert!(floats("x\n#[cfg(test)]\nmod tests { f64 }").is_empty());
}
