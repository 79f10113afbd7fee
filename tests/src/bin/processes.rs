//! Plays outages with real processes: `processes` writes the table of all, `processes NAME` of those
//! whose names begin so, `processes beside ENVOY` plays all with an Envoy as well, and
//! `processes soak SECONDS` calls as much as goes and fails if a call is lost.

use core::time::Duration;
use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use evenkeel_tests::processes::backend::Protocol;
use evenkeel_tests::processes::envoy::Sidecar;
use evenkeel_tests::processes::shape::Side;
use evenkeel_tests::processes::table::{BESIDE, HEAD, POLICIES, Row, SHAPES};
use evenkeel_tests::processes::{backend, soak};

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["backend", port] = arguments[..] {
        backend::serve(Protocol::Http, port.parse().map_err(io::Error::other)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match arguments[..] {
            ["soak", seconds] => {
                soaked(Duration::from_secs(seconds.parse().map_err(io::Error::other)?)).await
            }
            ["beside", envoy] => beside(envoy.into()).await,
            [] => outages("").await,
            [name] => outages(name).await,
            _ => Err(io::Error::other("processes [NAME | beside ENVOY | soak SECONDS]")),
        }
    })
}

async fn outages(name: &str) -> io::Result<ExitCode> {
    print!("{HEAD}");
    let ours = |policy| Ok((policy, Side::Ours(str::parse(policy).map_err(io::Error::other)?)));
    let sides = POLICIES.into_iter().map(ours).collect::<io::Result<Vec<_>>>()?;
    table(name, &sides, true).await
}

async fn beside(binary: PathBuf) -> io::Result<ExitCode> {
    print!("{BESIDE}");
    let ours = Side::Ours("peak_ewma".parse().map_err(io::Error::other)?);
    let envoy = |tuned| Side::Envoy(Sidecar { binary: binary.clone(), tuned });
    let sides = [("ours", ours), ("Envoy", envoy(false)), ("Envoy, tuned", envoy(true))];
    table("", &sides, false).await
}

async fn table(name: &str, sides: &[(&'static str, Side)], attempts: bool) -> io::Result<ExitCode> {
    let program = env::current_exe()?;
    for shape in SHAPES.iter().filter(|shape| shape.name.starts_with(name)) {
        // All at the same time, each with backends of its own.
        let plays: Vec<_> = sides
            .iter()
            .cloned()
            .map(|(name, side)| {
                let program = program.clone();
                tokio::spawn(async move {
                    let course = shape.play(&program, &side, Duration::from_secs(2)).await?;
                    Ok::<_, io::Error>(Row { shape, side: name, course, attempts })
                })
            })
            .collect();
        for play in plays {
            print!("{}", play.await??);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn soaked(lasts: Duration) -> io::Result<ExitCode> {
    let soak::Soaked { calls, in_flight } = soak::soak(&env::current_exe()?, lasts).await?;
    let (lost, failed) = (calls.lost, calls.failed_attempts);
    println!("{} calls, {lost} lost, {failed} attempts failed, {in_flight} in flight", calls.calls);
    let well = calls.calls > 0 && lost == 0 && in_flight == 0;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
