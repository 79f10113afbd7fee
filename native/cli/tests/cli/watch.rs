//! `evenkeel watch` on what changes.

use std::fs;

use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::hickory::Hickory;
use evenkeel_tests::servers::hostile::bytes;
use evenkeel_tests::servers::secure::Secure;
use evenkeel_tests::servers::zone::Zone;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::{exit_code, interrupt, line_with, lines, start, start_in};

#[tokio::test]
async fn watch_follows_a_live_change() {
    const SERVICE: &str = "_http._tcp.web.lb.test";
    let server = Hickory::start().await;
    for (host, address) in [("a.lb.test.", "127.0.0.1"), ("b.lb.test.", "127.0.0.2")] {
        server.address(host, 1, address).await;
    }
    let owner = format!("{SERVICE}.");
    server.srv(&owner, 1, 0, 60, 8001, "a.lb.test.").await;

    let mut child = start(&["watch", SERVICE, "--server", &server.addr().to_string()]);
    let mut lines = lines(&mut child);
    let found = line_with(&mut lines, "+ ").await;
    assert!(found.contains("a.lb.test at 127.0.0.1:8001  priority 0, weight "), "{found}");
    line_with(&mut lines, "  1 endpoint").await;

    server.srv(&owner, 1, 0, 30, 8002, "b.lb.test.").await;
    line_with(
        &mut lines,
        "~ a.lb.test at 127.0.0.1:8001  priority 0, weight 60 (was priority 0, weight 1)",
    )
    .await;
    line_with(&mut lines, "+ b.lb.test at 127.0.0.2:8002  priority 0, weight 30").await;
    line_with(&mut lines, "  2 endpoints").await;

    server.remove_srv(&owner).await;
    line_with(&mut lines, "no SRV records of this name; stale: 2 endpoints from before").await;
    server.srv(&owner, 1, 5, 30, 8002, "b.lb.test.").await;
    let gone = line_with(&mut lines, "- ").await;
    assert!(gone.ends_with("a.lb.test at 127.0.0.1:8001"), "{gone}");
    line_with(
        &mut lines,
        "~ b.lb.test at 127.0.0.2:8002  priority 5, weight 1 (was priority 0, weight 30)",
    )
    .await;
    line_with(&mut lines, "  1 endpoint").await;

    interrupt(&child);
    assert_eq!(exit_code(&mut child).await, Some(0));
}

#[tokio::test]
async fn watch_follows_a_file() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let (file, new) = (dir.path().join("list.json"), dir.path().join("new"));
    let say = |content: &str| {
        fs::write(&new, content).expect("it is written");
        fs::rename(&new, &file).expect("it is replaced");
    };
    say(r#"["10.0.0.1:80", {"target": "b.test:80", "weight": 2}]"#);
    let name = format!("file:{}", file.display());
    let (mut people, mut machine) = (start(&["watch", &name]), start(&["watch", &name, "--json"]));
    let (mut text, mut json) = (lines(&mut people), lines(&mut machine));
    line_with(&mut text, &format!("watching {name}; ctrl-C ends it")).await;
    line_with(&mut text, "+ b.test:80  priority 0, weight 2").await;
    line_with(&mut text, "  2 endpoints").await;
    let added = line_with(&mut json, "b.test:80").await;
    for fact in [
        r#""event":"added""#,
        r#""target":"b.test:80""#,
        r#""host":"b.test""#,
        r#""weight":2"#,
        r#""priority":0"#,
        r#""zone":0"#,
        r#""draining":false"#,
    ] {
        assert!(added.starts_with('{') && added.contains(fact), "{added}");
    }
    line_with(&mut json, r#""endpoints":2,"event":"set""#).await;

    say("[\n\"b.test\"]");
    line_with(&mut text, "list.json:2:8: \"b.test\" has no port").await;
    line_with(&mut json, "list.json:2:8: ").await;
    say("[]");
    line_with(&mut text, "! the list in the file is empty; stale: 2 endpoints from before").await;
    line_with(&mut json, r#""message":"the list in the file is empty""#).await;
    say(r#"["10.0.0.1:80"]"#);
    line_with(&mut text, "- b.test:80").await;
    line_with(&mut text, "  1 endpoint").await;
    line_with(&mut json, r#""event":"removed""#).await;

    for child in [&mut people, &mut machine] {
        interrupt(child);
        assert_eq!(exit_code(child).await, Some(0));
    }
}

#[tokio::test]
async fn watch_asks_over_tls_and_https() {
    let hickory = Hickory::start().await;
    hickory.srv("_h._tcp.lb.test.", 60, 0, 1, 80, "a.lb.test.").await;
    hickory.address("a.lb.test.", 60, "127.0.0.1").await;
    let (authority, stranger) = (Authority::new(), Authority::new());
    let folder = tempfile::TempDir::new().expect("a directory");
    let file = folder.path().join("ca.pem");
    fs::write(&file, &authority.pem).expect("it is written");
    // What the system trusts is in this file.
    let trusted = [("SSL_CERT_FILE", file.to_str().expect("a path"))];

    let over_tls = Secure::to(hickory.addr(), &authority.certifies("127.0.0.1")).await;
    let zone = Zone::new("_h._tcp.lb.test 60 SRV 0 1 80 a.lb.test\na.lb.test 60 A 127.0.0.1");
    let over_https = Secure::https(&authority.certifies("127.0.0.1"), move |asked, _| {
        let answer = bytes(&zone.answer(asked.response.clone()));
        let mut response = Response::new(Bytes::from(answer).into());
        let message = HeaderValue::from_static("application/dns-message");
        response.headers_mut().insert(CONTENT_TYPE, message);
        Some(response)
    })
    .await;
    let tls = format!("tls://{}", over_tls.addr);
    let https = format!("https://{}/dns-query", over_https.addr);
    for server in [tls, https] {
        let mut child = start_in(&["watch", "_h._tcp.lb.test", "--server", &server], &trusted);
        let mut lines = lines(&mut child);
        line_with(&mut lines, &format!("watching _h._tcp.lb.test at {server}; ")).await;
        line_with(&mut lines, "+ a.lb.test at 127.0.0.1:80").await;
        line_with(&mut lines, &format!("  1 endpoint from {server}")).await;
        interrupt(&child);
        assert_eq!(exit_code(&mut child).await, Some(0));
    }

    let unknown = Secure::to(hickory.addr(), &stranger.certifies("127.0.0.1")).await;
    let server = format!("tls://{}", unknown.addr);
    let mut child = start_in(&["watch", "_h._tcp.lb.test", "--server", &server], &trusted);
    let mut lines = lines(&mut child);
    line_with(&mut lines, "made no secure connection: invalid peer certificate").await;
    interrupt(&child);
    assert_eq!(exit_code(&mut child).await, Some(0));
}
