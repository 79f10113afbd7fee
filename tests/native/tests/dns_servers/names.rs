//! Name servers as text.

use core::net::SocketAddr;

use evenkeel::DnsSrv;
use evenkeel::dns::{DnsError, NameServer};

#[test]
fn good_names_are_written_as_they_are_read() {
    for (text, written) in [
        ("10.0.0.2", "10.0.0.2:53"),
        ("10.0.0.2:5353", "10.0.0.2:5353"),
        ("::1", "[::1]:53"),
        ("[::1]:5353", "[::1]:5353"),
        ("tls://9.9.9.9", "tls://9.9.9.9:853"),
        ("tls://9.9.9.9#dns.quad9.net", "tls://9.9.9.9:853#dns.quad9.net"),
        ("tls://9.9.9.9:8853#dns.quad9.net", "tls://9.9.9.9:8853#dns.quad9.net"),
        ("tls://2620:fe::fe#dns.quad9.net", "tls://[2620:fe::fe]:853#dns.quad9.net"),
        ("tls://[::1]:8853", "tls://[::1]:8853"),
        ("tls://dns.quad9.net", "tls://dns.quad9.net:853"),
        ("tls://dns.quad9.net:8853", "tls://dns.quad9.net:8853"),
        ("https://dns.quad9.net/dns-query", "https://dns.quad9.net/dns-query"),
        ("https://dns.quad9.net/dns-query{?dns}", "https://dns.quad9.net/dns-query"),
        ("https://[::1]:8443/q?token=secret", "https://[::1]:8443/q"),
    ] {
        let server: NameServer = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(server.to_string(), written);
        assert_eq!(format!("{server:?}"), written, "without secrets");
        let again: NameServer = written.parse().unwrap();
        assert_eq!(again.to_string(), written);
    }
}

#[test]
fn bad_names_say_why() {
    for (text, why) in [
        ("", "the name server '': not an IP address and a port"),
        ("localhost", "the name server 'localhost': not an IP address and a port"),
        ("10.0.0.2:0", "a name server cannot have port 0"),
        ("10.0.0.2:99999", "not an IP address and a port"),
        ("tls://", "'' is no name of a server"),
        ("tls://a b", "the name server 'tls://a b': 'a b' is no name of a server"),
        ("tls://9.9.9.9#", "'' is no name of a server"),
        ("tls://9.9.9.9:0", "a name server cannot have port 0"),
        ("tls://dns.test:port", "its port is not one"),
        ("tls://dns.test#other.test", "not an IP address before the '#'"),
        ("http://dns.test/dns-query", "it does not begin with https://"),
        ("https://", "the name server 'https://': it is no URL"),
        ("https://dns.test:0/", "its port is not one"),
        ("https://me:secret@dns.test/", "it has a user or password"),
    ] {
        let error = text.parse::<NameServer>().unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn port_0_is_refused() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    for server in [NameServer::new(nowhere), NameServer::tls(nowhere, "dns.test").unwrap()] {
        let text = server.to_string();
        let error = DnsSrv::new("_h._tcp.t").unwrap().servers([server]).unwrap_err();
        assert_eq!(error, DnsError::ServerPortZero { server: text });
    }
}
