//! An authoritative name server for one zone, on a loopback port that the system picks.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use hickory_server::Server;
use hickory_server::proto::rr::rdata::{A, SOA, SRV};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordSet, RecordType, RrKey};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

/// The name whose SRV records list the backends.
pub(super) const SERVICE: &str = "_http._tcp.demo.test";
const ORIGIN: &str = "demo.test.";
const TTL_SECS: u32 = 1;
const BIND_ATTEMPTS: usize = 16;

/// The zone and the server that answers for it.
pub(super) struct NameServer {
    pub(super) addr: SocketAddr,
    zone: Arc<InMemoryZoneHandler>,
    // Answers until it is dropped.
    _server: Server<Catalog>,
}

impl NameServer {
    /// Starts to answer over UDP and TCP; the zone has no backends yet.
    pub(super) async fn start() -> io::Result<Self> {
        let origin = name(ORIGIN);
        let zone = Arc::new(InMemoryZoneHandler::empty(
            origin.clone(),
            ZoneType::Primary,
            AxfrPolicy::Deny,
        ));
        let soa = SOA::new(
            name("ns.demo.test."),
            name("admin.demo.test."),
            1,
            3600,
            600,
            86400,
            TTL_SECS,
        );
        zone.upsert(Record::from_rdata(origin.clone(), TTL_SECS, RData::SOA(soa)), 0).await;

        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::from(origin), vec![zone.clone()]);
        let mut server = Server::new(catalog);
        let (udp, tcp) = bind().await?;
        let addr = tcp.local_addr()?;
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 4096);
        Ok(Self { addr, zone, _server: server })
    }

    /// Makes exactly these hosts, ports and priorities the service's records: one lookup sees all
    /// of the old ones or all of the new.
    pub(super) async fn publish(&self, backends: impl IntoIterator<Item = (&str, u16, u16)>) {
        let service = name(&format!("{SERVICE}."));
        let mut set = RecordSet::with_ttl(service.clone(), RecordType::SRV, TTL_SECS);
        for (host, port, priority) in backends {
            let host = name(&format!("{host}.{ORIGIN}"));
            let address = RData::A(A(Ipv4Addr::LOCALHOST));
            self.zone.upsert(Record::from_rdata(host.clone(), TTL_SECS, address), 0).await;
            set.add_rdata(RData::SRV(SRV::new(priority, 1, port, host)));
        }
        let key = RrKey::new(LowerName::from(service), RecordType::SRV);
        self.zone.records_mut().await.insert(key, Arc::new(set));
    }
}

/// Binds a UDP and a TCP socket to the same port: the system picks it for TCP, and now and then UDP
/// has it in use.
async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut clash = None;
    for _ in 0..BIND_ATTEMPTS {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            Err(error) => clash = Some(error),
        }
    }
    Err(clash.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("the demo's own names are well formed")
}
