//! What sets of endpoints cost that come from DNS. The name server is a process of its own, which
//! counts the questions.

use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use evenkeel::{Balancer, DnsSrv, Random, Target};
use hickory_server::proto::op::Message;
use hickory_server::proto::rr::RecordType;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::obeying::{self, Obeying, Served};
use crate::servers::hostile::{Asked, Hostile, Transport, bytes, send};
use crate::servers::zone::record;
use crate::usage::{longest, memory, processor_time};

/// How many hosts of how many addresses each.
pub const SIZES: [(u32, u32); 3] = [(100, 1), (1_000, 10), (1_000, 100)];

const TTL: u32 = 10;
/// How long questions are counted.
const COUNTED: Duration = Duration::from_secs(60);
const ROUNDS: u32 = 3;
/// The longest datagram that is asked for.
const DATAGRAM: usize = 1_232;

/// The table's head.
pub const HEAD: &str = "
From DNS: an SRV record for each host, whose addresses do not come along and live for 10 s; the name
server is a process of its own. Settings are the defaults. Beside the columns above:

first       until the first endpoint has a client, and until all have
asked       questions until then, repeated ones and those over TCP too; and in a minute afterwards
at most     in a minute: one for the records and two for each host, in 10 s
poll        processor time of the whole process per lookup that finds nothing new; the addresses of
            many hosts come by and by, each time with a lookup that asks nothing
update      the same from a change of one percent of the hosts, which get other addresses, until all
            endpoints have clients: that is all lookups until the addresses' time is over
longest     the most processor time that the runtime's thread took between two turns of a task that
            wanted to run all the time, meanwhile

endpoints   hosts   first (ms)   all (ms)   asked   memory (B)   per minute   at most   poll (ms)   update (ms)   longest (ms)
";

/// Measures one size, and prints its row.
///
/// # Errors
/// The name server does not start, or the system does not tell what is used.
pub async fn row(hosts: u32, each: u32) -> io::Result<()> {
    let size = hosts * each;
    let mut server = Obeying::start(&["serve", "dns", &hosts.to_string(), &each.to_string()])?;
    let addr: SocketAddr = server.hear()?.parse().map_err(io::Error::other)?;
    let before = memory()?;
    let clients = watch::Sender::new(0);
    let mut made = clients.subscribe();
    let begun = Instant::now();
    let source = DnsSrv::new("_h._tcp.t.").and_then(|source| source.servers([addr]));
    let balancer = Balancer::builder(source.map_err(io::Error::other)?).policy(Random);
    let balancer = balancer
        .build(move |target: Target| {
            clients.send_modify(|made| *made += 1);
            async { Ok::<_, Infallible>(target) }
        })
        .map_err(io::Error::other)?;
    balancer.ready_any().await;
    let first = begun.elapsed();
    // The balancer, which has their sender, lives.
    let _ = made.wait_for(|made| *made >= size).await;
    let (all, asked) = (begun.elapsed(), server.asked()?);
    let memory = memory()?.saturating_sub(before) / u64::from(size);

    let queries = || balancer.discovery().borrow().queries;
    let before = (processor_time()?, queries(), server.asked()?);
    sleep(COUNTED).await;
    let per_minute = server.asked()? - before.2;
    let lookups = u32::try_from(queries() - before.1).map_err(io::Error::other)?;
    let poll = processor_time()?.saturating_sub(before.0) / lookups.max(1);

    let before = processor_time()?;
    for round in 1..=ROUNDS {
        server.begin(round)?;
        let _ = made.wait_for(|made| *made >= size + size / 100 * round).await;
    }
    let update = processor_time()?.saturating_sub(before) / ROUNDS;
    let mut kept = Duration::ZERO;
    for round in ROUNDS + 1..=2 * ROUNDS {
        server.begin(round)?;
        let taken_over = async {
            let _ = made.wait_for(|made| *made >= size + size / 100 * round).await;
        };
        kept = kept.max(longest(taken_over).await);
    }
    let most = (1 + 2 * hosts) * 60 / TTL;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{size:>9}   {hosts:>5}   {:>10.1}   {:>8.1}   {asked:>5}   {memory:>10}   {per_minute:>10}   \
         {most:>7}   {:>9.1}   {:>11.1}   {:>12.1}",
        ms(first),
        ms(all),
        ms(poll),
        ms(update),
        ms(kept),
    );
    Ok(())
}

/// Is the name server: prints its address, and obeys what it reads.
///
/// # Errors
/// Nobody reads what it prints.
pub fn serve(hosts: u32, each: u32) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let round = Arc::new(AtomicU32::new(0));
    let now = round.clone();
    let server = Hostile::start(move |asked| {
        let mut response = asked.response.clone();
        answer(asked, &mut response, (hosts, each), now.load(Relaxed));
        if asked.transport == Transport::Udp && bytes(&response).len() > DATAGRAM {
            response = asked.response.clone();
            response.metadata.truncation = true;
        }
        send(&response)
    });
    let at = server.addr().to_string();
    obeying::obey(&at, NameServer { server, round })
}

struct NameServer {
    server: Hostile,
    round: Arc<AtomicU32>,
}

impl Served for NameServer {
    fn begin(&mut self, round: u32) -> io::Result<()> {
        self.round.store(round, Relaxed);
        Ok(())
    }

    fn asked(&mut self) -> io::Result<u64> {
        Ok(self.server.asked() as u64)
    }
}

/// Answers a question: each round, one percent of the hosts have other addresses.
fn answer(asked: &Asked, response: &mut Message, (hosts, each): (u32, u32), round: u32) {
    let name = &asked.name;
    if asked.kind == RecordType::SRV {
        for host in 0..hosts {
            response.add_answer(record(&format!("{name} {TTL} SRV 0 1 80 h{host}.t")));
        }
    }
    let host = name.strip_prefix('h').and_then(|name| name.split('.').next()?.parse::<u32>().ok());
    if let (RecordType::A, Some(host)) = (asked.kind, host) {
        let has_moved = (1..=round).contains(&(host % 100));
        let net = if has_moved { 0x0b00_0000 } else { 0x0a00_0000 };
        for place in 0..each {
            let ip = Ipv4Addr::from(net + host * each + place);
            response.add_answer(record(&format!("{name} {TTL} A {ip}")));
        }
    }
}
