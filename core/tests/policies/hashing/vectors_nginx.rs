//! What nginx picks with `hash $request_uri consistent`: figures recorded from it by cloudflare/pingora
//! (pingora-ketama/src/lib.rs and test-data/sample-nginx-upstream.csv).

use core::net::SocketAddr;

use evenkeel_core::hash;
use evenkeel_core::policy::Ketama;

use crate::fixture::Fixture;

fn fixture(addrs: &[&str], weight: u32) -> Fixture<SocketAddr> {
    Fixture::new(addrs.iter().map(|addr| (addr.parse().expect("an address"), weight)))
}

fn pick(fixture: &Fixture<SocketAddr>, ring: &Ketama, uri: &str) -> String {
    fixture.addr(fixture.pick(ring, hash::crc32(uri.as_bytes()))).to_string()
}

#[test]
fn two_servers() {
    let fixture = fixture(&["127.0.0.1:7777", "127.0.0.1:7778"], 1);
    let ring: Ketama = fixture.built(Ketama::new());
    for (uri, upstream) in [
        ("/some/path", "127.0.0.1:7778"),
        ("/some/longer/path", "127.0.0.1:7777"),
        ("/sad/zaidoon", "127.0.0.1:7778"),
        ("/g", "127.0.0.1:7777"),
        ("/pingora/team/is/cool/and/this/is/a/long/uri", "127.0.0.1:7778"),
        ("/i/am/not/confident/in/this/code", "127.0.0.1:7777"),
    ] {
        assert_eq!(pick(&fixture, &ring, uri), upstream, "{uri}");
    }
}

#[test]
fn nine_servers_of_weight_100() {
    let addrs: Vec<String> = (1..=9).map(|host| format!("10.0.0.{host}:443")).collect();
    let addrs: Vec<&str> = addrs.iter().map(String::as_str).collect();
    let fixture = fixture(&addrs, 100);
    let ring: Ketama = fixture.built(Ketama::new());
    for (uri, host) in [
        ("/81fa1d251d605775d647b5b55565e71526d4cef6", 7),
        ("/2fec328e6ccdda6a7edf329f9f780e546ea183b4", 5),
        ("/19fb835d90883a6263ec4279c6da184e3f1a79b2", 4),
        ("/26d2769eab098458bc3e4e641a4b7d8abffd0aea", 6),
        ("/d9c4bc3cc4517c629e8f4c911c2fd8baf260ae65", 1),
        ("/fe5199bdfeee5cd431ae7e9f77f178164f9995a0", 9),
        ("/43992eee187920c5e8695332f71ca6e23ef6ac4b", 3),
        ("/77766138aaf0c016bdd1f6b996177fc8ca1d2204", 8),
        ("/668fd6d99bfb50b85b0928a8915761be2ca19089", 2),
        ("/1b419454e4eb63ef915e8e06cc11110a3ccd607e", 7),
        ("/a8762dc488e1a1af31e53af8ddb887d4f3cca990", 8),
        ("/2e8e8e8fdeada0bbd33ba57d20209b4d9343f965", 4),
        ("/0220fa8b9a256e7fcf823097759aa3c44e6390e3", 6),
        ("/bc86e565b76f8e6f560064b02ab26529b6064571", 3),
        ("/5c6a9b50df69956bd2b937ce7871ba6d67678db6", 5),
        ("/b815ca5871d52098946eded8a3382d086747818f", 1),
        ("/5726f95dd0b1b145ad1a06755580f42fea41ac2a", 9),
        ("/fefbfb22035c938b44d305dbb71b11d531257af8", 2),
    ] {
        assert_eq!(pick(&fixture, &ring, uri), format!("10.0.0.{host}:443"), "{uri}");
    }
}

#[test]
fn eleventh_server_moves_few() {
    for servers in [10, 11] {
        let addrs: Vec<String> = (1..=servers).map(|host| format!("127.0.0.{host}:6443")).collect();
        let addrs: Vec<&str> = addrs.iter().map(String::as_str).collect();
        let fixture = fixture(&addrs, 1);
        let ring: Ketama = fixture.built(Ketama::new());
        assert_eq!(pick(&fixture, &ring, "a"), "127.0.0.10:6443");
        assert_eq!(pick(&fixture, &ring, "b"), "127.0.0.5:6443");
    }
}

#[test]
fn walks_on() {
    let fixture = fixture(&["127.0.0.1:7777", "127.0.0.1:7778", "127.0.0.1:7779"], 1);
    let ring: Ketama = fixture.built(Ketama::new());
    let key = hash::crc32(b"doghash");
    assert_eq!(fixture.pick(&ring, key), 1);
    assert_eq!(fixture.pick_avoiding(&ring, key, &[1]), 2);
    assert_eq!(fixture.pick_avoiding(&ring, key, &[1, 2]), 0);
    assert_eq!(fixture.pick_avoiding(&ring, key, &[0, 1, 2]), 1);
}

#[test]
fn ipv6_without_brackets() {
    // pingora hashes addresses without brackets, which a text key can say, too.
    let fixture = Fixture::new(["::1:7777", "::1:7778", "::1:7779"].map(|addr| (addr, 1)));
    let ring: Ketama = fixture.built(Ketama::new());
    let key = hash::crc32(b"doghash");
    assert_eq!(fixture.pick(&ring, key), 0);
    assert_eq!(fixture.pick_avoiding(&ring, key, &[0]), 1);
    assert_eq!(fixture.pick_avoiding(&ring, key, &[0, 1]), 2);
}
