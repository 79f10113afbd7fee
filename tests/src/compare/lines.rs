//! How much a user writes.

/// Counts the lines of a file in Rust that are code: no blank ones, no comments, and no `use`.
pub fn code(source: &str) -> usize {
    let mut using = false;
    let is_code = |line: &&str| {
        let line = line.trim();
        let used = using || line.starts_with("use ") || line.starts_with("pub use ");
        using = used && !line.ends_with(';');
        !(used || line.is_empty() || line.starts_with("//"))
    };
    source.lines().filter(is_code).count()
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn comments_blank_lines_and_imports_do_not_count() {
        let source = "\
//! Of a file.

use a::b;
use c::{
    d,
    e,
};

/// Of a function.
fn f() {
    // Of a line.
    g(); // Counted.
}
";
        assert_eq!(code(source), 3);
        assert_eq!(code(""), 0);
    }
}
