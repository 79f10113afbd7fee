//! Changes of a zone while its server runs (RFC 2136).

use core::net::SocketAddr;
use std::io::Write;
use std::process::{Command, Stdio};

use super::daemon::installed;

/// The start of every zone: records without a TTL of their own have 2 s, and absent ones are absent
/// for 3 s.
pub(super) const HEAD: &str = "$ORIGIN lb.test.\n$TTL 2\n\
    @ 9 IN SOA ns.lb.test. h.lb.test. 1 3600 600 86400 3\n@ IN NS ns\nns IN A 127.0.0.1\n";

/// Changes the zone `lb.test` at once, by nsupdate commands.
///
/// # Panics
///
/// If the server refuses.
pub(super) fn update(server: SocketAddr, commands: &str) {
    let mut nsupdate = Command::new(installed("nsupdate", "bind9-dnsutils"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nsupdate starts");
    let (ip, port) = (server.ip(), server.port());
    let script = format!("server {ip} {port}\nzone lb.test.\n{commands}\nsend\n");
    nsupdate.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = nsupdate.wait_with_output().unwrap();
    assert!(output.status.success(), "nsupdate: {}", String::from_utf8_lossy(&output.stderr));
}
