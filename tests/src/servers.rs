//! Real servers on loopback ports, started and stopped by the tests that use them.

pub mod certificates;
pub mod consul;
mod daemon;
pub mod etcd;
pub mod gate;
pub mod hickory;
pub mod hostile;
pub mod knot;
pub mod kubernetes;
pub mod named;
pub mod scripted;
pub mod secure;
pub mod unbound;
mod update;
pub mod web;
pub mod zone;

use core::net::Ipv4Addr;
use std::net::{TcpListener, UdpSocket};

/// A UDP socket and a TCP listener on the same free port of 127.0.0.1.
///
/// # Panics
///
/// If the machine has no such port.
pub fn bind_both() -> (UdpSocket, TcpListener) {
    (0..100)
        .find_map(|_| {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let udp = UdpSocket::bind(tcp.local_addr().ok()?).ok()?;
            udp.set_nonblocking(true).ok()?;
            tcp.set_nonblocking(true).ok()?;
            Some((udp, tcp))
        })
        .expect("a loopback port that is free for UDP and TCP")
}
