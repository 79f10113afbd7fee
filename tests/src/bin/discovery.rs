//! Measures what sets of endpoints cost: `discovery` writes the table, `discovery SIZE` one row of
//! it, `discovery dns HOSTS ADDRESSES` one of those from DNS, `discovery from SOURCE SIZE` one from a
//! file or registry, but for what `discovery quiet SOURCE SIZE` counts. `discovery beside ENVOY`
//! finds endpoints beside others.

use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::env;
use std::io;
use std::process::{Command, ExitCode};
use std::thread;

use evenkeel::{Balancer, Discovered, Endpoint, Publisher, Random, Target};
use evenkeel_tests::beside::table as beside;
use evenkeel_tests::dns_cost;
use evenkeel_tests::source_cost;
use evenkeel_tests::usage::{longest, memory, processor_time};
use tokio::sync::watch;
use tokio::time::Instant;

const SIZES: [u32; 3] = [100, 10_000, 100_000];
const ROUNDS: u32 = 10;
const HEAD: &str = "\
What sets of endpoints cost
===========================

cargo run --release -p evenkeel-tests --bin discovery > tests/tables/discovery.txt

A publisher tells a balancer of the tokio shell its endpoints, on a runtime of one thread. Policy:
random, whose rebuild is as good as free; clients that cost nothing. An update replaces one percent
of the endpoints.

first set   from the first `replace` until discovery's set can be read, and until all have clients
memory      what the process has more with them, per endpoint: discovery, health, clients, tables
update      processor time of the whole process per update, until all of its endpoints have clients, of
            ten that are timed together in steps of 10 ms
longest     the most processor time that the runtime's thread took between two turns of a task that
            wanted to run all the time, while updates were taken over
one         the same two where one endpoint leaves and another comes, of 100 such updates

endpoints   first set (ms)   all clients (ms)   memory (B)   update (ms)   longest (ms)   one (ms)   longest (ms)
";

struct Bed {
    balancer: Balancer<Target, Random>,
    publisher: Publisher,
    /// How many clients were made.
    clients: watch::Receiver<u32>,
}

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments[..] {
        [] => table()?,
        ["beside", envoy] => runtime.block_on(beside::print(envoy.into()))?,
        [kind @ ("first" | "outage"), name, side] => {
            runtime.block_on(beside::play_one(kind, name, side))?;
            // Whoever still waits for an answer is not waited for.
            runtime.shutdown_background();
        }
        ["serve", "dns", hosts, each] => dns_cost::serve(number(hosts)?, number(each)?)?,
        ["serve", kind, size] => source_cost::serve(kind.parse()?, number(size)?)?,
        ["dns", hosts, each] => {
            let row = dns_cost::row(number(hosts)?, number(each)?);
            runtime.block_on(runtime.spawn(row))??;
        }
        ["from", kind, size] => {
            source_cost::row(kind.parse()?, number(size)?)?;
            println!();
        }
        ["quiet", kind, size] => source_cost::quiet(kind.parse()?, number(size)?)?,
        // In a task: what runtimes run beside tasks has its turn more rarely.
        [size] => runtime.block_on(runtime.spawn(row(number(size)?)))??,
        _ => {
            return Err(io::Error::other(
                "discovery [SIZE | dns HOSTS ADDRESSES | from SOURCE SIZE | quiet SOURCE SIZE | \
                 beside ENVOY]",
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn number(text: &str) -> io::Result<u32> {
    text.parse().map_err(io::Error::other)
}

fn table() -> io::Result<()> {
    print!("{HEAD}");
    for size in SIZES {
        print_row(&[&size.to_string()])?;
    }
    print!("{}", dns_cost::HEAD);
    for (hosts, each) in dns_cost::SIZES {
        print_row(&["dns", &hosts.to_string(), &each.to_string()])?;
    }
    print!("{}", source_cost::HEAD);
    for size in source_cost::SIZES.map(|size| size.to_string()) {
        let quiet = source_cost::Kind::ALL.map(|kind| {
            let size = size.clone();
            thread::spawn(move || measured(&["quiet", kind.name(), &size]))
        });
        // All at once, and before anything is timed.
        let quiet =
            quiet.map(|counted| counted.join().map_err(|_| io::Error::other("it panicked")));
        for (kind, quiet) in source_cost::Kind::ALL.into_iter().zip(quiet) {
            let row = measured(&["from", kind.name(), &size])?;
            print!("{}{}", row.trim_end(), quiet??);
        }
    }
    Ok(())
}

fn print_row(arguments: &[&str]) -> io::Result<()> {
    print!("{}", measured(arguments)?);
    Ok(())
}

/// Measures in a process of its own: memory is given back to nobody.
fn measured(arguments: &[&str]) -> io::Result<String> {
    let row = Command::new(env::current_exe()?).args(arguments).output()?;
    if row.status.success() {
        return Ok(String::from_utf8_lossy(&row.stdout).into_owned());
    }
    Err(io::Error::other(String::from_utf8_lossy(&row.stderr).into_owned()))
}

async fn row(size: u32) -> io::Result<()> {
    let before = memory()?;
    let (publisher, source) = Publisher::new();
    let clients = watch::Sender::new(0);
    let mut bed = Bed {
        clients: clients.subscribe(),
        balancer: Balancer::builder(source)
            .policy(Random)
            .build(move |target: Target| {
                clients.send_modify(|made| *made += 1);
                async { Ok::<_, Infallible>(target) }
            })
            .map_err(io::Error::other)?,
        publisher,
    };
    let begun = Instant::now();
    bed.publisher.replace(set(size, 0));
    let _ = bed.balancer.discovered().wait_for(|set| set.version == 1).await;
    let first = begun.elapsed();
    bed.balancer.ready().await;
    let clients = begun.elapsed();
    let memory = memory()?.saturating_sub(before) / u64::from(size);

    let update = cost(&mut bed, size).await?;
    let kept = kept(&mut bed, size).await;
    let one = one(&mut bed).await?;
    let kept_by_one = longest(async { drop(self::one(&mut bed).await) }).await;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{size:>9}   {:>14.1}   {:>16.1}   {memory:>10}   {:>11.1}   {:>12.1}   {:>8.2}   {:>12.1}",
        ms(first),
        ms(clients),
        ms(update),
        ms(kept),
        ms(one),
        ms(kept_by_one)
    );
    Ok(())
}

/// Returns the processor time of an update in which one endpoint leaves and another comes.
async fn one(bed: &mut Bed) -> io::Result<Duration> {
    const UPDATES: u32 = 100;
    let before = processor_time()?;
    for _ in 0..UPDATES {
        let known = bed.balancer.discovered().borrow().clone();
        let [first, .., last] = &*known.endpoints else { return Err(io::Error::other("too few")) };
        let Some(SocketAddr::V4(last)) = last.addr.socket_addr() else {
            return Err(io::Error::other("no address"));
        };
        let next = Ipv4Addr::from(u32::from(*last.ip()) + 1);
        let all = *bed.clients.borrow_and_update() + 1;
        bed.publisher.upsert(Endpoint::new(SocketAddr::from((next, 80)).into()));
        bed.publisher.remove(&first.addr);
        let _ = bed.clients.wait_for(|made| *made >= all).await;
    }
    Ok(processor_time()?.saturating_sub(before) / UPDATES)
}

/// Returns the processor time of an update.
async fn cost(bed: &mut Bed, size: u32) -> io::Result<Duration> {
    let mut spent = Duration::ZERO;
    for round in 1..=ROUNDS {
        // That somebody has a set is no cost of discovery.
        let new = set(size, round);
        let before = processor_time()?;
        bed.publisher.replace(new);
        taken_over(bed, size, round).await;
        spent += processor_time()?.saturating_sub(before);
    }
    Ok(spent / ROUNDS)
}

/// Returns the longest that the runtime's thread was kept.
async fn kept(bed: &mut Bed, size: u32) -> Duration {
    let mut kept = Duration::ZERO;
    for round in ROUNDS + 1..=2 * ROUNDS {
        let new = set(size, round);
        bed.publisher.replace(new);
        kept = kept.max(longest(taken_over(bed, size, round)).await);
    }
    kept
}

/// Waits until a set is discovery's, and all of it have clients.
async fn taken_over(bed: &mut Bed, size: u32, round: u32) {
    let (first, _) = range(size, round);
    let is = |set: &Discovered| set.endpoints.first().is_some_and(|one| one.addr == target(first));
    // The sender lives as long as the balancer.
    let _ = bed.balancer.discovered().wait_for(is).await;
    let all = size + size / 100 * round;
    let _ = bed.clients.wait_for(|made| *made >= all).await;
}

/// Returns the numbers of the endpoints of a round: one percent of them are others in the next.
fn range(size: u32, round: u32) -> (u32, u32) {
    let first = size / 100 * round;
    (first, first + size)
}

fn set(size: u32, round: u32) -> Vec<Endpoint<Target>> {
    let (first, end) = range(size, round);
    (first..end).map(|number| Endpoint::new(target(number))).collect()
}

fn target(number: u32) -> Target {
    SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + number), 80)).into()
}
