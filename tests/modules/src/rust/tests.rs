use super::*;

fn read(files: &[(&str, &str)]) -> Result<Graph> {
    let files = files.iter().map(|(path, text)| ((*path).into(), (*text).to_owned())).collect();
    graph(&files)
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let graph = read(files).expect("made-up sources that parse");
    graph
        .circles()
        .iter()
        .map(|circle| circle.to_string().lines().next().unwrap_or_default().to_owned())
        .collect()
}

/// Circles where, in `folder`, the module `b` takes from `a`; what `a` takes is given.
fn circle_by(a: &str) -> Vec<String> {
    let folder = "pub mod a; pub mod b; pub(crate) use self::b::Other;";
    let root = "mod folder; pub use self::folder::b::B as Renamed;";
    let b = "use super::a::A; pub struct B; pub struct Other; pub const C: u8 = 0;";
    circles(&[("lib.rs", root), ("folder.rs", folder), ("folder/a.rs", a), ("folder/b.rs", b)])
}

#[test]
fn every_way_to_take_counts() {
    let ways = [
        "use crate::folder::b::B;",
        "use super::b::B;",
        "use super::{b, b::B as Name};",
        "use super::b::{self, B};",
        "use super::super::folder::{c, b::*};",
        "use crate::{folder::{b::{Other}}};",
        "pub(crate) use self::super::b::B;",
        "fn f() -> super::b::B { todo!() }",
        "impl Trait for crate::folder::b::B {}",
        "fn f() { use super::b::B; }",
        "fn f(x: u8) -> bool { matches!(x, 0 | super::b::C) }",
        "macro_rules! b { () => { $crate::folder::b::B }; }",
        "mod inner { use super::super::b::B; }",
        "fn f<T: Into<Option<super::b::B>>>(_: T) {}",
    ];
    for way in ways {
        assert_eq!(circle_by(way), ["a circle of 2: folder::a, folder::b"], "{way}");
    }
}

#[test]
fn re_exports_do_not_hide_a_circle() {
    for way in [
        "use crate::Renamed;",
        "use super::Other;",
        "use super::super::{Renamed};",
        "type B = crate::Renamed;",
    ] {
        assert_eq!(circle_by(way), ["a circle of 2: folder::a, folder::b"], "{way}");
    }
    let root = "mod a; mod b; mod c; pub use c::*;";
    let files = [
        ("lib.rs", root),
        ("a.rs", "use crate::B;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", ""),
    ];
    assert_eq!(circles(&files), [""; 0]);
    let files = [files[0], files[1], files[2], ("c.rs", "pub use crate::b::*;")];
    assert_eq!(circles(&files), ["a circle of 2: a, b"]);
}

#[test]
fn a_name_that_was_imported_leads_on() {
    let a = "use crate::c; fn f() -> c::B { todo!() }";
    let files =
        [("main.rs", "mod a; mod b; mod c;"), ("a.rs", a), ("b.rs", "use crate::a; pub struct B;")];
    assert_eq!(
        circles(&[&files[..], &[("c.rs", "pub use super::b::B;")]].concat()),
        ["a circle of 3: a, b, c"]
    );
    assert_eq!(circles(&[&files[..], &[("c.rs", "pub struct B;")]].concat()), [""; 0]);
}

#[test]
fn tests_comments_texts_and_other_crates_do_not_count() {
    let clean = [
        "",
        "#[cfg(test)] mod tests { use crate::folder::b::B; }",
        "#[cfg(test)] mod tests;",
        "#[cfg(all(test, feature = \"std\"))] use super::b::B;",
        "#[test] fn f() { super::b::B; }",
        "struct A; impl A { #[cfg(test)] fn f() -> super::b::B { todo!() } }",
        "// use super::b::B;\n/// [`B`](super::b::B)\nfn f() -> &'static str { \"super::b::B\" }",
        "use b::B; use ::folder::b::B; use std::fmt; fn f() { b::f(); }",
        "pub(in crate::folder) fn f() { self.b(); }",
    ];
    for a in clean {
        assert_eq!(circle_by(a), [""; 0], "{a}");
    }
    assert_eq!(circle_by("#[cfg(not(test))] use super::b::B;").len(), 1);
    assert_eq!(circle_by("#[cfg(any(test, feature = \"std\"))] use super::b::B;").len(), 1);
}

#[test]
fn a_parent_may_use_its_children_and_they_it() {
    let parent = "mod child; pub use child::Child; pub struct Parent(self::child::Child);";
    let files = [("lib.rs", "pub mod parent; pub use parent::Child;"), ("parent/mod.rs", parent)];
    assert_eq!(
        circles(
            &[&files[..], &[("parent/child.rs", "use super::Parent; use crate::Child;")]].concat()
        ),
        [""; 0]
    );
}

#[test]
fn what_is_no_crate_is_an_error() {
    let error = |files: &[_]| format!("{:#}", read(files).expect_err("no graph"));
    assert_eq!(error(&[("lib.rs", "mod a;")]), "module a has no file");
    assert!(error(&[("lib.rs", "mod a;"), ("a.rs", "fn (")]).starts_with("cannot parse a.rs: "));
}
