//! hickory's authoritative server, in the test's own process.
//!
//! Where an answer does not fit into a datagram it sends the part that does, and named sends none:
//! a client that used such an answer would lose different endpoints with each.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::proto::rr::rdata::{A, AAAA, SOA, SRV};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordType, RrKey};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

use super::bind_both;

/// A running name server, authoritative for `lb.test`; its absent names are absent for 3 s.
pub struct Hickory {
    addr: SocketAddr,
    zone: Arc<InMemoryZoneHandler<TokioRuntimeProvider>>,
    // Stops when dropped.
    _server: Server<Catalog>,
    // Bound and never read, where the server is to be silent.
    _silent: Option<std::net::UdpSocket>,
}

impl Hickory {
    /// Starts a server that has no records yet.
    pub async fn start() -> Self {
        Self::start_on(true).await
    }

    /// Starts a server whose UDP port takes questions and never answers.
    pub async fn start_udp_silent() -> Self {
        Self::start_on(false).await
    }

    async fn start_on(over_udp: bool) -> Self {
        let origin = name("lb.test.");
        let zone = Arc::new(InMemoryZoneHandler::empty(
            origin.clone(),
            ZoneType::Primary,
            AxfrPolicy::Deny,
        ));
        let soa = SOA::new(name("ns.lb.test."), name("h.lb.test."), 1, 3600, 600, 86400, 3);
        zone.upsert(Record::from_rdata(origin.clone(), 9, RData::SOA(soa)), 0).await;
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::from(origin), vec![zone.clone()]);

        let mut server = Server::new(catalog);
        let (udp, tcp) = bind_both();
        let addr = tcp.local_addr().expect("a bound socket has an address");
        server.register_listener(
            TcpListener::from_std(tcp).expect("in a runtime"),
            Duration::from_secs(5),
            4096,
        );
        let silent = if over_udp {
            server.register_socket(UdpSocket::from_std(udp).expect("in a runtime"));
            None
        } else {
            Some(udp)
        };
        Self { addr, zone, _server: server, _silent: silent }
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Adds an SRV record.
    ///
    /// # Panics
    ///
    /// If a name is none.
    pub async fn srv(
        &self,
        owner: &str,
        ttl: u32,
        priority: u16,
        weight: u16,
        port: u16,
        target: &str,
    ) {
        self.add(owner, ttl, RData::SRV(SRV::new(priority, weight, port, name(target)))).await;
    }

    /// Adds an address, of either family.
    ///
    /// # Panics
    ///
    /// If the name or the address is none.
    pub async fn address(&self, owner: &str, ttl: u32, address: &str) {
        let data = match address.parse().expect("an IP address") {
            core::net::IpAddr::V4(ip) => RData::A(A(ip)),
            core::net::IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        };
        self.add(owner, ttl, data).await;
    }

    /// Takes away all SRV records of a name.
    pub async fn remove_srv(&self, owner: &str) {
        let key = RrKey::new(LowerName::from(name(owner)), RecordType::SRV);
        self.zone.records_mut().await.remove(&key);
    }

    async fn add(&self, owner: &str, ttl: u32, data: RData) {
        self.zone.upsert(Record::from_rdata(name(owner), ttl, data), 0).await;
    }
}

impl core::fmt::Debug for Hickory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hickory").field("addr", &self.addr).finish_non_exhaustive()
    }
}

fn name(name: &str) -> Name {
    Name::from_ascii(name).expect("a DNS name")
}
