//! The Consul of ours, that all tests of the source ask, as a public client sees it: `py-consul`,
//! in the directory that `EVENKEEL_PY_CONSUL` names. Without it the test is skipped: it is counted
//! as ignored.

use core::time::Duration;
use std::env;
use std::process::{ExitCode, Stdio};

use evenkeel_tests::servers::consul::{Consul, Instance};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);

/// Follows a service by blocking queries, as the client's own documentation has it: prints what it
/// asks, and the index with the instances that it is told.
const FOLLOWS: &str = r"
import sys
from urllib.parse import urlsplit
import consul

at = urlsplit(sys.argv[1])
client = consul.Consul(host=at.hostname, port=at.port)
index = None
while True:
    print('asks', index, flush=True)
    index, nodes = client.health.service('web', index=index, wait='30s', passing=True)
    places = [(n['Service']['Address'] or n['Node']['Address'], n['Service']['Port'])
              for n in nodes]
    weights = [n['Service']['Weights']['Passing'] for n in nodes]
    print(index, *(f'{host}:{port}*{weight}' for (host, port), weight in zip(places, weights)))
";

fn main() -> ExitCode {
    let client = env::var_os("EVENKEEL_PY_CONSUL").filter(|place| !place.is_empty());
    let skipped = client.is_none();
    if skipped {
        eprintln!("skipped: tests/run installs py-consul and names its place");
    }
    let test = Trial::test("py_consul_follows_the_server_of_ours_as_it_should", move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(play(client.unwrap_or_default()))
    });
    libtest_mimic::run(&Arguments::from_args(), vec![test.with_ignored_flag(skipped)]).exit_code()
}

async fn play(client: std::ffi::OsString) -> Result<(), Failed> {
    let on = |port| Instance::on("10.0.0.1", port);
    let own = Instance { id: "own", address: "web.test", weights: (7, 1), ..on(81) };
    let ill = Instance { id: "ill", status: "critical", ..on(82) };
    let consul = Consul::start(vec![on(80)]).await;
    let mut follower = Command::new("python3");
    follower.args(["-c", FOLLOWS, &consul.web.url]).env("PYTHONPATH", client);
    follower.env("PYTHONUNBUFFERED", "1");
    for name in ["CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN", "http_proxy", "HTTP_PROXY"] {
        follower.env_remove(name);
    }
    follower.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut follower = follower.spawn()?;
    let mut said = BufReader::new(follower.stdout.take().ok_or("no output")?).lines();
    let mut says = async |wanted: &str| {
        let line = timeout(DEADLINE, said.next_line()).await.map_err(|_| "it says nothing")?;
        let line = line?.ok_or("it has ended")?;
        if line == wanted { Ok(()) } else { Err(Failed::from(format!("{line:?}, not {wanted:?}"))) }
    };
    says("asks None").await?;
    says("10 10.0.0.1:80*1").await?;
    says("asks 10").await?;
    // A change ends the question that is being kept, and tells who passes.
    consul.web.asked_times(2).await;
    consul.change(|state| (state.index, state.instances) = (11, vec![on(80), own, ill]));
    says("11 10.0.0.1:80*1 web.test:81*7").await?;
    says("asks 11").await?;
    // So does a restore, after which the index is lower.
    consul.web.asked_times(3).await;
    consul.change(|state| (state.index, state.instances) = (4, vec![on(83)]));
    says("4 10.0.0.1:83*1").await?;
    says("asks 4").await?;
    let asked = consul.web.asked_times(4).await;
    let indices: Vec<_> = asked.iter().map(|asked| asked.query.get("index").cloned()).collect();
    let wanted = [None, Some("10"), Some("11"), Some("4")];
    if indices != wanted.map(|index| index.map(str::to_owned)) {
        return Err(format!("it asked with {indices:?}").into());
    }
    follower.kill().await?;
    Ok(())
}
