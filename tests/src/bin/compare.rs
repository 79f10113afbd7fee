//! Compares clients under outages of real servers: `compare PEERS ENVOY [SIDE]` plays a minute for
//! each side, or for those whose names begin so, three times, and writes the table; `compare tables`
//! writes the tables of COMPARE.md from the committed one; `compare cost PEERS` measures the CPU
//! time of a request. Servers and callers run it, too.

use std::env;
use std::fs;
use std::io;

use evenkeel_tests::compare::caller::{BoxError, call};
use evenkeel_tests::compare::plan::{PLAN, Pace};
use evenkeel_tests::compare::play::Programs;
use evenkeel_tests::compare::sides::SIDES;
use evenkeel_tests::compare::table::{CALLERS, HEAD, Row, path};
use evenkeel_tests::compare::{cost, evenkeel, markdown};
use evenkeel_tests::processes::backend::{Protocol, serve};

const USAGE: &str = "compare PEERS ENVOY [SIDE] | compare tables | compare cost PEERS";

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["backend", port] => Ok(serve(Protocol::Http, port.parse()?)?),
        ["grpc", port] => Ok(serve(Protocol::Grpc, port.parse()?)?),
        ["tables"] => tables(),
        ["call", "evenkeel", backends, callers] => runtime()?.block_on(ours(backends, callers)),
        ["cost", peers] => runtime()?.block_on(cost(peers)),
        [peers, envoy] => runtime()?.block_on(compare(peers, envoy, "")),
        [peers, envoy, name] => runtime()?.block_on(compare(peers, envoy, name)),
        _ => Err(USAGE.into()),
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Calls as the peers do, for a test that has none of them.
async fn ours(backends: &str, callers: &str) -> Result<(), BoxError> {
    let backends: Vec<String> = backends.split(',').map(str::to_owned).collect();
    let client = evenkeel::client(&backends)?;
    let get = |client| async { Ok(evenkeel::get(client, "/lookup.Users/Get").await? == 200) };
    Ok(call(callers.parse()?, client, get).await?)
}

async fn compare(peers: &str, envoy: &str, name: &str) -> Result<(), BoxError> {
    let programs = programs(peers, Some(envoy));
    print!("{HEAD}");
    for side in SIDES.iter().filter(|side| side.name.starts_with(name)) {
        let course = programs.play(side, PLAN, Pace::SECONDS).await?;
        print!("{}", Row { side, course: &course });
    }
    Ok(())
}

async fn cost(peers: &str) -> Result<(), BoxError> {
    print!("{}", cost::HEAD);
    for cost in programs(peers, None).costs().await? {
        print!("{cost}");
    }
    Ok(())
}

fn programs(peers: &str, envoy: Option<&str>) -> Programs {
    Programs {
        server: peers.into(),
        callers: vec![peers.into()],
        envoy: envoy.map(Into::into),
        at_a_time: CALLERS,
    }
}

fn tables() -> Result<(), BoxError> {
    println!("{}\n{}", markdown::results(&fs::read_to_string(path())?)?, markdown::settings());
    Ok(())
}
