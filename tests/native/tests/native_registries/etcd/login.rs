//! Names, passwords and certificates.

use evenkeel::Tls;

use super::*;
use crate::certificates;

fn with_users(etcd: &Etcd) {
    for command in [
        "user add root:root-secret",
        "user grant-role root root",
        "user add reader:reader-secret",
        "user add nobody:nobody-secret",
        "role add web",
        "role grant-permission --prefix=true web read /web/",
        "user grant-role reader web",
        "auth enable",
    ] {
        etcd.ctl(&command.split(' ').collect::<Vec<_>>());
    }
}

fn put(etcd: &Etcd, key: &str, value: &str) {
    etcd.ctl(&["--user", "root:root-secret", "put", key, value]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_and_a_password_open_the_prefix() {
    let mut etcd = Etcd::start(1);
    etcd.ctl(&["role", "add", "root"]);
    with_users(&etcd);
    put(&etcd, "/web/a", "a.test:1");
    let url = &etcd.urls()[0];
    let reader = source(url).with_login("reader", "reader-secret");
    assert!(!format!("{reader:?}").contains("reader-secret"));
    let reader = bed(reader);
    becomes(&reader, "a.test:1").await;
    put(&etcd, "/web/b", "b.test:1");
    becomes(&reader, "a.test:1 b.test:1").await;
    let said = |source: Source| async {
        let bed = bed(source);
        error(&bed).await
    };
    let wrong = said(source(url).with_login("reader", "wrong-secret")).await;
    assert!(wrong.contains("/v3/auth/authenticate: status 4"), "{wrong}");
    assert!(!wrong.contains("wrong-secret"), "{wrong}");
    let none = said(source(url)).await;
    assert!(
        none.contains("/v3/kv/range: status 4") && none.contains("user name is empty"),
        "{none}"
    );
    let nobody = said(source(url).with_login("nobody", "nobody-secret")).await;
    assert!(nobody.contains("status 403") && nobody.contains("permission denied"), "{nobody}");
    // The tokens that it gave are nothing to it when it begins anew.
    etcd.start_again(0);
    put(&etcd, "/web/c", "c.test:1");
    becomes(&reader, "a.test:1 b.test:1 c.test:1").await;
    well(&reader).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_show_certificates() {
    let certificates = certificates();
    let etcd = Etcd::start_with_tls(&certificates);
    etcd.put("/web/a", "a.test:1");
    let url = &etcd.urls()[0];
    let ca = Tls::default().with_ca(certificates.authority.as_bytes()).unwrap();
    let (chain, key) = &certificates.client;
    let tls = ca.clone().with_identity(chain.as_bytes(), key.as_bytes()).unwrap();
    let good = bed(source(url).with_tls(tls.clone()));
    becomes(&good, "a.test:1").await;
    etcd.put("/web/b", "b.test:1");
    becomes(&good, "a.test:1 b.test:1").await;
    // Whoever shows none, or trusts nobody of those, is told why.
    for tls in [ca, Tls::default(), tls.clone().with_server_name("other.test").unwrap()] {
        let bed = bed(source(url).with_tls(tls));
        let said = error(&bed).await;
        assert!(said.starts_with(&format!("{url}/v3/kv/range: ")), "{said}");
        assert!(said.contains("ertificate"), "{said}");
    }
    let shown = format!("{tls:?}");
    assert_eq!(shown, "Tls { authorities: 1, identity: true, name: None }");
}

#[test]
fn what_is_no_pem_is_refused() {
    let certificates = certificates();
    let ca = certificates.authority.as_bytes();
    for (error, says) in [
        (Tls::default().with_ca(b"").unwrap_err(), "TLS: authority: no certificate in 0 bytes"),
        (Tls::default().with_ca(b"-----BEGIN CERT").unwrap_err(), "TLS: authority: "),
        (Tls::default().with_identity(ca, b"").unwrap_err(), "TLS: client key: "),
        (Tls::default().with_identity(b"x", b"").unwrap_err(), "TLS: client certificate: no cer"),
        (Tls::default().with_server_name("a b").unwrap_err(), "TLS: 'a b' is no name of a server"),
    ] {
        assert!(error.to_string().starts_with(says), "{error} instead of {says}");
    }
}
