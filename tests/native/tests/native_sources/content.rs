//! What a file may say, and what is said of one that says something else.

use evenkeel::{Endpoint, Target, Zone};

use crate::file::Scene;
use crate::{at, error};

async fn read(name: &str, content: &str) -> Vec<Endpoint<Target>> {
    let scene = Scene::new(name, content);
    scene.bed.ready().await;
    scene.bed.discovered().borrow().endpoints.to_vec()
}

fn full() -> Endpoint<Target> {
    let full = at("b.test:80").with_weight(2).with_priority(1);
    full.with_zone(Zone::new(3)).with_draining(true)
}

#[tokio::test]
async fn json() {
    let list = r#"["10.0.0.1:80", {"target": "[::1]:80"},
        {"target": "b.test:80", "weight": 2, "priority": 1, "zone": 3, "draining": true}]"#;
    assert_eq!(read("list.json", list).await, [full(), at("10.0.0.1:80"), at("[::1]:80")]);
    assert_eq!(read("no-extension", list).await.len(), 3);
}

#[tokio::test]
async fn toml() {
    let inline = r#"endpoints = ["10.0.0.1:80", { target = "[::1]:80" }, # and
        { target = "b.test:80", weight = 2, priority = 1, zone = 3, draining = true }]"#;
    assert_eq!(read("list.toml", inline).await, [full(), at("10.0.0.1:80"), at("[::1]:80")]);
    let tables = "[[endpoints]]\ntarget = 'a:1'\n[[endpoints]]\ntarget = 'b:1'\nweight = 4\n";
    assert_eq!(read("list.toml", tables).await, [at("a:1"), at("b:1").with_weight(4)]);
}

#[tokio::test]
async fn bad_content_is_told_by_line_and_column_and_what_was_expected() {
    let cases = [
        ("a.json", "", "1:1: EOF while parsing a value"),
        ("a.json", "{}", "1:1: invalid type: map, expected a list of endpoints"),
        ("a.json", "[\n \"a:1\",\n \"a\"]", "3:4: \"a\" has no port: write host:port"),
        ("a.json", "[\"a:1\"\n \"b:1\"]", "2:2: expected `,` or `]`"),
        ("a.json", "[5]", "1:2: invalid type: integer `5`, expected a target such as"),
        ("a.json", "[{\"target\": \"a:0\"\n\n}]", "1:17: \"a:0\" has port 0"),
        ("a.json", "[{\"weight\": 1}]", "1:14: missing field `target`"),
        (
            "a.json",
            "[{\"target\": \"a:1\",\n \"weight\": -1}]",
            "2:13: invalid value: integer `-1`, expected u32",
        ),
        (
            "a.json",
            "[{\"target\": \"a:1\",\n \"wieght\": 1}]",
            "2:9: unknown field `wieght`, expected one of `target`",
        ),
        ("a.json", "[\"a:1\"] x", "1:9: trailing characters"),
        ("a.json", "[\"a:1\",\n \"\u{e9}:1\"]", "2:6: \"é\" is no host name"),
        ("a.toml", "", "1:1: missing field `endpoints`"),
        ("a.toml", "endpoints = [\n 'a:1', 'b']", "2:9: \"b\" has no port: write host:port"),
        ("a.toml", "endpoints = [\n 'a:1'", "2:7: unclosed array"),
        (
            "a.toml",
            "[[endpoints]]\ntarget = 'a:1'\nweight = 'x'",
            "3:10: invalid type: string \"x\", expected u32",
        ),
        (
            "a.toml",
            "[[endpoints]]\ntarget = 'a:1'\nwieght = 2",
            "3:1: unknown field `wieght`, expected one of `target`",
        ),
        ("a.toml", "servers = []", "1:1: unknown field `servers`, expected `endpoints`"),
    ];
    for (name, content, said) in cases {
        let scene = Scene::new(name, content);
        let text = error(&scene.bed).await;
        let place = format!("{}:", scene.file.display());
        let rest = text.strip_prefix(&place).unwrap_or_else(|| panic!("{text} names no file"));
        assert!(rest.starts_with(said), "{content:?}: {rest}, not {said}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_told_by_their_place() {
    let scene = Scene::new("list.toml", "");
    let bytes = b"endpoints = [\n '\xc3\xa9', '\xff']";
    std::fs::write(&scene.file, bytes).unwrap();
    let bad = crate::status(&scene.bed, |status| {
        status.error.as_ref().is_some_and(|error| error.to_string().ends_with(":2:8: not UTF-8"))
    });
    bad.await;
}
