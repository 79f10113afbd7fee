//! Connections by TLS.

use evenkeel::tonic::Channel;
use evenkeel::{Fixed, Tls};
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::secure::Secure;

use crate::hello;
use crate::server::Server;

#[tokio::test]
async fn tls_is_one_line_and_the_name_and_http_2_are_verified() {
    let authority = Authority::new();
    let identity = authority.certifies("greeter.example.com");
    let server = Server::echo();
    for (name, protocol, says) in [
        ("greeter.example.com", Some(&b"h2"[..]), None),
        ("other.example.com", Some(b"h2"), Some("certificate")),
        ("greeter.example.com", None, Some("HTTP/2")),
    ] {
        let front = Secure::speaking(protocol, server.addr(), &identity).await;
        let tls = Tls::default().with_ca(authority.pem.as_bytes()).expect("an authority");
        let tls = tls.with_server_name(name).expect("a name");
        let channel = Channel::builder(Fixed::new([front.addr.to_string()]).expect("an address"))
            .tls(tls)
            .build()
            .expect("a runtime");
        let answer = hello(&channel).await;
        match says {
            None => assert_eq!(answer.expect("an answer"), "hello"),
            Some(says) => {
                let status = answer.expect_err(says);
                assert!(status.message().contains(says), "{status}");
            }
        }
    }
}
