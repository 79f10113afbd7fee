//! `Kubernetes::in_cluster` where it works: with the files of a service account at their place, and
//! the API over TLS by the authority in them. The place is mounted in a namespace of a process's
//! own; where there can be none, the test is skipped: it is counted as ignored.

use core::net::SocketAddr;
use core::time::Duration;
use std::process::{ExitCode, Stdio};
use std::{env, fs};

use evenkeel::{Balancer, Kubernetes as Source, ListWatchConfig, Target};
use evenkeel_tests::namespaces;
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::kubernetes::Kubernetes;
use evenkeel_tests::servers::secure::Secure;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

/// Tells a process that it is the pod, and has the files of its account in this directory.
const ACCOUNT: &str = "EVENKEEL_SERVICE_ACCOUNT";

/// Puts them where Kubernetes does.
const MOUNTED: &str = r#"place=/var/run/secrets/kubernetes.io/serviceaccount
    mount -t tmpfs none /var/run && mkdir -p $place && mount --bind "$EVENKEEL_SERVICE_ACCOUNT" $place && exec "$0""#;

const DEADLINE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    if env::var_os(ACCOUNT).is_some() {
        runtime.block_on(pod());
        return ExitCode::SUCCESS;
    }
    let skipped = !namespaces::are_allowed();
    if skipped {
        eprintln!("skipped: mount namespaces need root, and a machine that allows them");
    }
    let test = Trial::test("the_account_of_the_pod_is_used_and_its_token_read_again", move || {
        runtime.block_on(play())
    });
    libtest_mimic::run(&Arguments::from_args(), vec![test.with_ignored_flag(skipped)]).exit_code()
}

/// Is a program in the cluster: says what it knows of the service with each change.
async fn pod() {
    let soon = Duration::from_millis(20);
    let config = ListWatchConfig {
        min_life: Duration::from_millis(1),
        relist_within: soon,
        backoff_base: soon,
        backoff_max: soon,
        ..ListWatchConfig::default()
    };
    let source = Source::in_cluster("web").unwrap().with_config(config).unwrap();
    let balancer = Balancer::builder(source)
        .build(async |target: Target| target.socket_addr().ok_or("no address"))
        .unwrap();
    let mut sets = balancer.discovered();
    let mut status = balancer.discovery();
    let mut said = String::new();
    loop {
        let known: Vec<_> =
            sets.borrow_and_update().endpoints.iter().map(|one| one.addr.to_string()).collect();
        let error = status.borrow_and_update().error.clone();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        let says = format!("{} | {error}", known.join(" "));
        if says != said {
            println!("{says}");
            said = says;
        }
        tokio::select! {
            changed = sets.changed() => changed.unwrap(),
            changed = status.changed() => changed.unwrap(),
        }
    }
}

/// Is the cluster.
async fn play() -> Result<(), Failed> {
    let kubernetes = Kubernetes::start().await;
    let api: SocketAddr = kubernetes.web.url.trim_start_matches("http://").parse()?;
    let authority = Authority::new();
    let secure = Secure::to(api, &authority.certifies("127.0.0.1")).await;
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.1")]));
    kubernetes.set(|state| state.token = Some("Bearer first-token".to_owned()));
    let account = tempfile::TempDir::new()?;
    let write = |file: &str, text: &str| fs::write(account.path().join(file), text);
    write("namespace", "shop\n")?;
    write("ca.crt", &authority.pem)?;
    write("token", "first-token\n")?;
    let mut pod = Command::new("unshare");
    pod.args(["--mount", "sh", "-c", MOUNTED]).arg(env::current_exe()?);
    pod.env(ACCOUNT, account.path());
    pod.env("KUBERNETES_SERVICE_HOST", secure.addr.ip().to_string());
    pod.env("KUBERNETES_SERVICE_PORT", secure.addr.port().to_string());
    let mut pod = pod.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut says = BufReader::new(pod.stdout.take().ok_or("no output")?).lines();
    heard(&mut says, |said| said == "10.0.0.1:80 | ").await?;
    // The cluster gives another token; the file has the old one for a while.
    kubernetes.set(|state| state.token = Some("Bearer second-token".to_owned()));
    kubernetes.forget();
    heard(&mut says, |said| said.starts_with("10.0.0.1:80 | ") && said.contains("401")).await?;
    write("token", "second-token\n")?;
    kubernetes.put("web-2", &http(), &json!([ready("10.0.0.2")]));
    heard(&mut says, |said| said == "10.0.0.1:80 10.0.0.2:80 | ").await
}

/// Waits until the pod says this.
async fn heard(
    says: &mut Lines<BufReader<ChildStdout>>,
    is: impl Fn(&str) -> bool,
) -> Result<(), Failed> {
    let mut all = Vec::new();
    let listened = timeout(DEADLINE, async {
        while let Some(said) = says.next_line().await? {
            let done = is(&said);
            all.push(said);
            if done {
                return Ok(());
            }
        }
        Err(Failed::from("the pod has ended"))
    });
    let result = listened.await.unwrap_or_else(|_| Err("the pod does not say so".into()));
    result.map_err(|failed: Failed| {
        format!("{}: {all:?}", failed.message().unwrap_or_default()).into()
    })
}

fn http() -> Value {
    json!([{"name": "http", "port": 80, "protocol": "TCP"}])
}

/// An endpoint that is ready.
fn ready(address: &str) -> Value {
    let conditions = json!({"ready": true, "serving": true, "terminating": false});
    json!({"addresses": [address], "nodeName": "n", "conditions": conditions})
}
