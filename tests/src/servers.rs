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

use core::net::{Ipv4Addr, SocketAddr};
use std::io;
use std::net::{TcpListener, UdpSocket};

/// A UDP socket and a TCP listener on the same free port of 127.0.0.1.
///
/// # Panics
///
/// If the machine has no such port.
pub fn bind_both() -> (UdpSocket, TcpListener) {
    (0..100)
        .find_map(|_| bind_at((Ipv4Addr::LOCALHOST, 0).into()).ok())
        .expect("a loopback port that is free for UDP and TCP")
}

/// A UDP socket and a TCP listener on this address; with port 0, on one that is free for TCP.
///
/// # Errors
/// It is taken, or not an address of this machine.
pub fn bind_at(addr: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let tcp = TcpListener::bind(addr)?;
    let udp = UdpSocket::bind(tcp.local_addr()?)?;
    udp.set_nonblocking(true)?;
    tcp.set_nonblocking(true)?;
    Ok((udp, tcp))
}
