//! Spans of calls and their attempts, as a subscriber sees them.

use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};

use evenkeel::{
    Attempt, Balancer, Endpoint, Fixed, Hedging, Publisher, Retry, RetryPolicy, Target,
};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Logs the ends of spans, with all their fields, and events within.
    fn begin(&self, filter: &str) -> impl Drop + use<> {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .without_time()
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(move || log.clone());
        subscriber.set_default()
    }

    /// Returns the lines of spans that ended, and of events within.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

async fn balancer(names: &[&str]) -> Balancer<Target, evenkeel::RoundRobin> {
    let source = Fixed::new(names.iter().copied()).unwrap();
    let policy = evenkeel::RoundRobin::new();
    let balancer = Balancer::builder(source).policy(policy).build_with(|target| target).unwrap();
    balancer.ready_all().await;
    balancer
}

/// Returns the one line that has all of these.
#[track_caller]
fn only<'a>(lines: &'a [String], parts: &[&str]) -> &'a str {
    let has = |line: &&String| parts.iter().all(|part| line.contains(part));
    let found: Vec<_> = lines.iter().filter(has).collect();
    assert_eq!(found.len(), 1, "{parts:?} in {lines:#?}");
    found[0]
}

#[tokio::test]
async fn each_attempt_has_a_span_within_that_of_its_call() {
    let log = Log::default();
    let guard = log.begin("evenkeel::call=debug,telemetry=info");
    let balancer = balancer(&["10.0.0.1:80", "10.0.0.2:81"]).await;
    let retry = Retry::attempts(3).unwrap().timeout(Duration::from_secs(60)).unwrap();
    let ask = async |client: Attempt<Target>| {
        tracing::info!("asks {}", *client);
        if client.number() == 1 { Err("out of order") } else { Ok(()) }
    };
    balancer.call(&retry, ask).await.unwrap();
    drop(guard);
    let lines = log.lines();
    let first = only(&lines, &["call:attempt", "close", "evenkeel.outcome=\"failure\""]);
    assert!(first.contains("error.type=\"failure\"") && !first.contains("resend_count"), "{first}");
    assert!(first.contains("otel.kind=\"client\""), "{first}");
    let second = only(&lines, &["call:attempt", "close", "evenkeel.outcome=\"success\""]);
    assert!(second.contains("http.request.resend_count=1"), "{second}");
    assert!(!second.contains("error.type"), "{second}");
    for (host, port) in [("10.0.0.1", 80), ("10.0.0.2", 81)] {
        let server = format!("server.address=\"{host}\" server.port={port}");
        only(&lines, &["close", &server, &format!("network.peer.address={host}")]);
        only(&lines, &["call:attempt", &server, &format!("asks {host}:{port}")]);
    }
    let call = only(&lines, &["call{", "close", "evenkeel.end"]);
    assert!(call.contains("evenkeel.attempts=2 evenkeel.end=\"success\""), "{call}");
}

#[tokio::test]
async fn a_hedge_that_wins_and_a_call_that_fails_say_so() {
    let log = Log::default();
    let guard = log.begin("evenkeel::call=debug");
    let balancer = balancer(&["a:80", "b:80"]).await;
    let hedging = Hedging::new(Duration::from_millis(1), 1).unwrap();
    let hedged = Retry::new(RetryPolicy::new(2).unwrap().with_hedging(hedging));
    let ask = async |client: Attempt<Target>| {
        if !client.is_hedge() {
            core::future::pending::<()>().await;
        }
        Ok::<_, io::Error>(())
    };
    balancer.call(&hedged, ask).await.unwrap();
    let short = Retry::attempts(1).unwrap().timeout(Duration::from_millis(1)).unwrap();
    balancer.call(&short, ask).await.unwrap_err();
    drop(guard);
    let lines = log.lines();
    let won = only(&lines, &["attempt{", "evenkeel.hedge=true"]);
    assert!(won.contains("evenkeel.outcome=\"success\""), "{won}");
    let lost = only(&lines, &["attempt{", "evenkeel.outcome=\"lost_race\""]);
    assert!(lost.contains("evenkeel.hedge=false") && !lost.contains("error.type"), "{lost}");
    only(&lines, &["attempt{", "evenkeel.outcome=\"timed_out\"", "error.type=\"timeout\""]);
    only(&lines, &["call{", "evenkeel.end=\"deadline\"", "error.type=\"timeout\""]);
}

#[tokio::test]
async fn nobody_who_did_not_ask_sees_a_span() {
    let log = Log::default();
    let guard = log.begin("info");
    let balancer = balancer(&["a:80"]).await;
    let retry = Retry::attempts(1).unwrap().timeout(Duration::from_secs(60)).unwrap();
    let ask = async |_| {
        assert!(tracing::Span::current().is_disabled());
        Ok::<_, io::Error>(())
    };
    balancer.call(&retry, ask).await.unwrap();
    drop(guard);
    assert!(log.lines().iter().all(|line| !line.contains("attempt")), "{:?}", log.lines());
}

#[tokio::test]
async fn each_endpoint_has_counts_of_its_own() {
    let balancer = balancer(&["a:80", "b:80"]).await;
    let retry = Retry::attempts(2).unwrap().timeout(Duration::from_secs(60)).unwrap();
    let ask = async |client: Attempt<Target>| match client.target().host() {
        "a" => Err("out of order"),
        _ => Ok(()),
    };
    for _ in 0..10 {
        balancer.call(&retry, ask).await.unwrap();
    }
    balancer.pick_for(1).unwrap().success();
    let (all, each) = (balancer.stats(), balancer.endpoint_stats());
    assert_eq!(each.iter().map(|one| one.picks).sum::<u64>(), all.picks);
    assert_eq!((all.picks, all.attempts), (all.attempts + 1, 10 + all.retries));
    let [a, b] = each.as_slice() else { panic!("{each:?}") };
    assert_eq!((a.attempts, b.attempts), (all.retries, 10));
    assert_eq!((b.retries, a.retries + a.hedges + b.hedges), (all.retries, 0));
    assert_eq!((u64::from(a.failures), b.failures), (all.retries, 0));
    let ejections = all.events.iter().filter(|(kind, _, _)| *kind == "ejected");
    assert_eq!(a.ejections + b.ejections, ejections.map(|(_, _, times)| times).sum::<u64>());
    assert_eq!(a.ejections, 1, "{a:?}");
}

#[tokio::test]
async fn weights_that_a_policy_ignores_are_said_once() {
    let weighed = |weights: [u32; 2]| {
        let targets = ["10.0.0.1:80", "10.0.0.2:80"].map(|addr| addr.parse::<Target>().unwrap());
        core::array::from_fn::<_, 2, _>(|n| {
            Endpoint::new(targets[n].clone()).with_weight(weights[n])
        })
    };
    let ignored = |log: &Log| {
        let lines = log.lines();
        lines.iter().filter(|line| line.contains("which the policy ignores")).count()
    };
    for (name, says) in [("random", 1), ("pick_first", 1), ("round_robin", 0), ("peak_ewma", 0)] {
        let log = Log::default();
        let guard = log.begin("evenkeel=warn");
        let (publisher, source) = Publisher::new();
        let policy: evenkeel::AnyPolicy = name.parse().unwrap();
        let balancer =
            Balancer::builder(source).policy(policy).build_with(|target| target).unwrap();
        let mut discovered = balancer.discovered();
        for (version, (weights, said)) in
            [([2, 2], 0), ([1, 0], 0), ([1, 3], says), ([3, 1], says)].into_iter().enumerate()
        {
            publisher.replace(weighed(weights));
            let version = version as u64 + 1;
            discovered.wait_for(|set| set.version == version).await.unwrap();
            balancer.ready().await;
            assert_eq!(ignored(&log), said, "{name}, {weights:?}");
        }
        drop(guard);
    }
}
