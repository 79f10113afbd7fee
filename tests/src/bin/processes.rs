//! Plays outages with real processes: `processes` writes the table of all, `processes NAME` of those
//! whose names begin so, `processes soak SECONDS` calls as much as goes and fails if a call is lost.

use core::time::Duration;
use std::env;
use std::io;
use std::process::ExitCode;

use evenkeel_tests::processes::table::{HEAD, POLICIES, Row, SHAPES};
use evenkeel_tests::processes::{backend, soak};

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["backend", port] = arguments[..] {
        backend::serve(port.parse().map_err(io::Error::other)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match arguments[..] {
            ["soak", seconds] => {
                soaked(Duration::from_secs(seconds.parse().map_err(io::Error::other)?)).await
            }
            [] => table("").await,
            [name] => table(name).await,
            _ => Err(io::Error::other("processes [NAME | soak SECONDS]")),
        }
    })
}

async fn table(name: &str) -> io::Result<ExitCode> {
    let program = env::current_exe()?;
    print!("{HEAD}");
    for shape in SHAPES.iter().filter(|shape| shape.name.starts_with(name)) {
        // The policies at the same time, each with backends of its own.
        let plays = POLICIES.map(|policy| {
            let program = program.clone();
            tokio::spawn(async move {
                let parsed = policy.parse().map_err(io::Error::other)?;
                let course = shape.play(&program, parsed, Duration::from_secs(2)).await?;
                Ok::<_, io::Error>(Row { shape, policy, course })
            })
        });
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
