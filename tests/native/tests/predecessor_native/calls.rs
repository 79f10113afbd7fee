use core::error::Error;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use evenkeel::{
    Backoff, Balancer, Book, CallError, Cause, Config, End, Fixed, PickError, Retry, RetryPolicy,
    RoundRobin, Verdict,
};
use evenkeel_tests::source::{Says, source};

use crate::{Text, text};

/// Whatever happens, no endpoint is ejected: go-kit has no health.
async fn balancer(targets: &[&str]) -> Text {
    let config = Config { book: Book::Off, ..Config::default() };
    let balancer =
        Balancer::builder(Fixed::new(targets).unwrap()).config(config).seed(1).build(text).unwrap();
    balancer.ready().await;
    balancer
}

fn down(name: &str) -> io::Error {
    io::Error::other(format!("{name} is down"))
}

fn within(attempts: u32, timeout: Duration) -> Retry {
    Retry::new(RetryPolicy::new(attempts).unwrap().with_timeout(timeout).unwrap())
}

/// The addresses that a failed call went to.
fn tried(error: &CallError<io::Error>) -> Vec<&str> {
    error.attempts.iter().map(|attempt| attempt.target.host()).collect()
}

#[tokio::test(start_paused = true)]
async fn c07_an_empty_set_is_an_error_at_once_and_does_not_spin() {
    let (source, _script) = source(Says::Error("kaputt"));
    let balancer = Balancer::builder(source).build(text).unwrap();
    balancer.discovery().wait_for(|status| status.failures == 1).await.unwrap();
    let before = tokio::time::Instant::now();
    let error = balancer
        .call(&within(999, Duration::from_secs(1)), async |_| Ok::<_, io::Error>(()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.end, error.attempts.len(), before.elapsed()),
        (End::NoEndpoints, 0, Duration::ZERO)
    );
    assert!(matches!(error.unavailable, Some(PickError::NoEndpoints { discovery: Some(_) })));
    assert_eq!(error.to_string(), "no endpoints available: kaputt");
}

#[tokio::test(start_paused = true)]
async fn c08_c09_two_attempts_of_three_endpoints_with_one_good_may_fail_three_may_not() {
    let config = Config { book: Book::Off, ..Config::default() };
    let balancer = Balancer::builder(Fixed::new(["a:80", "b:80", "c:80"]).unwrap())
        .policy(RoundRobin::new())
        .config(config)
        .seed(1)
        .build(text)
        .unwrap();
    balancer.ready().await;
    for good in ["a:80", "b:80", "c:80"] {
        let attempt = async |client: evenkeel::Attempt<String>| {
            if *client == good { Ok(client.number()) } else { Err(down(&client)) }
        };
        let mut failures = 0;
        for _ in 0..30 {
            if let Err(error) = balancer.call(&Retry::attempts(2).unwrap(), attempt).await {
                failures += 1;
                assert_eq!((error.end, error.attempts.len()), (End::Attempts, 2));
            }
            assert!(
                balancer.call(&Retry::attempts(3).unwrap(), attempt).await.is_ok(),
                "never the same one twice"
            );
        }
        assert!(failures > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn c10_a_call_ends_at_its_deadline_and_keeps_the_errors_so_far() {
    let balancer = balancer(&["a:80", "b:80"]).await;
    let retry = within(3, Duration::from_millis(100));
    assert!(balancer.call(&retry, async |_| Ok::<_, io::Error>(())).await.is_ok());

    let before = tokio::time::Instant::now();
    let attempt = async |client: evenkeel::Attempt<String>| {
        if client.number() == 1 {
            return Err(down(&client));
        }
        assert!(client.time_left().is_some_and(|left| left <= Duration::from_millis(100)));
        core::future::pending::<Result<(), io::Error>>().await
    };
    let error = balancer.call(&retry, attempt).await.unwrap_err();
    assert_eq!(error.end, End::Deadline);
    assert!(before.elapsed() <= Duration::from_millis(102));
    // go-kit answers with the bare deadline error, and what the first attempt said is lost.
    assert!(matches!(error.attempts[0].cause, Cause::Failed(_)));
    assert!(matches!(error.attempts[1].cause, Cause::TimedOut));
    assert!(error.source().unwrap().to_string().ends_with(" is down"));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up_and_the_next_one_goes_elsewhere() {
    let balancer = balancer(&["a:80", "b:80"]).await;
    let policy =
        RetryPolicy::new(2).unwrap().with_attempt_timeout(Duration::from_millis(50)).unwrap();
    let attempt = async |client: evenkeel::Attempt<String>| {
        if client.number() == 1 {
            core::future::pending::<()>().await;
        }
        Ok::<_, io::Error>(client.target().clone())
    };
    assert!(balancer.call(&Retry::new(policy), attempt).await.is_ok());
    assert_eq!(
        balancer.endpoints().iter().map(|status| status.failures).sum::<u32>(),
        1,
        "reported as a failure"
    );
}

#[tokio::test(start_paused = true)]
async fn c11_c12_the_classifier_sees_the_very_error_and_may_stop() {
    let balancer = balancer(&["a:80", "b:80"]).await;
    let retry = Retry::attempts(9).unwrap().classify(|error: &io::Error| {
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        Verdict::Ignorable
    });
    let attempt = async |_| Err::<(), _>(io::Error::from(io::ErrorKind::PermissionDenied));
    let error = balancer.call(&retry, attempt).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::Ignorable, 1));
    assert_eq!(error.last().unwrap().kind(), io::ErrorKind::PermissionDenied);
}

#[tokio::test(start_paused = true)]
async fn c13_without_a_classifier_every_error_is_worth_another_attempt() {
    let balancer = balancer(&["a:80"]).await;
    assert!(
        balancer.call(&Retry::attempts(1).unwrap(), async |_| Ok::<_, io::Error>(())).await.is_ok()
    );
    let error = balancer
        .call(&Retry::attempts(4).unwrap(), async |_| Err::<(), _>(down("a")))
        .await
        .unwrap_err();
    assert_eq!((error.end, tried(&error).len()), (End::Attempts, 4));
}

#[tokio::test(start_paused = true)]
async fn fault_10_a_panic_is_the_callers_and_a_canceled_call_runs_nothing_more() {
    let balancer = balancer(&["a:80"]).await;
    let calls = balancer.clone();
    let panicked = tokio::spawn(async move {
        let retry = Retry::attempts(3).unwrap();
        calls.call(&retry, async |_| -> Result<(), io::Error> { panic!("in the attempt") }).await
    });
    assert!(
        panicked.await.unwrap_err().is_panic(),
        "caught where the call was made; nothing else noticed"
    );

    let (retry, begun) = (Retry::attempts(3).unwrap(), Arc::new(AtomicUsize::new(0)));
    let attempt = async |_| {
        let held = Arc::clone(&begun);
        held.fetch_add(1, SeqCst);
        let never = core::future::pending::<Result<(), io::Error>>().await;
        drop(held);
        never
    };
    drop(balancer.call(&retry, attempt));
    assert_eq!(begun.load(SeqCst), 0, "canceled before it began");
    let timeout =
        tokio::time::timeout(Duration::from_secs(1), balancer.call(&retry, attempt)).await;
    assert!(timeout.is_err());
    assert_eq!(
        (begun.load(SeqCst), Arc::strong_count(&begun)),
        (1, 1),
        "the attempt was dropped with its call"
    );
}

#[tokio::test(start_paused = true)]
async fn fault_10_attempts_are_spaced_by_the_backoff() {
    let balancer = balancer(&["a:80"]).await;
    let policy = RetryPolicy::new(5)
        .unwrap()
        .with_backoff(Backoff::Constant(Duration::from_millis(30)))
        .unwrap();
    let before = tokio::time::Instant::now();
    let error =
        balancer.call(&Retry::new(policy), async |_| Err::<(), _>(down("a"))).await.unwrap_err();
    assert_eq!(error.attempts.len(), 5);
    assert!((120..=130).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn fault_10_the_error_tells_everything_and_where_it_came_from() {
    let balancer = balancer(&["a:80", "b:80"]).await;
    let attempt =
        async |client: evenkeel::Attempt<String>| Err::<(), _>(down(client.target().host()));
    let error = balancer.call(&Retry::attempts(2).unwrap(), attempt).await.unwrap_err();
    let mut hosts = tried(&error);
    hosts.sort_unstable();
    assert_eq!(hosts, ["a", "b"]);
    let text = error.to_string();
    assert!(text.starts_with("attempts exhausted after 2 attempts: "), "{text}");
    assert!(
        text.contains("a:80 failed after 0ns: a is down") && text.contains("b is down"),
        "{text}"
    );
    assert!(error.source().unwrap().downcast_ref::<io::Error>().is_some());
}

#[tokio::test]
async fn fault_11_a_retry_never_hits_the_dead_endpoint_again_whoever_else_is_calling() {
    let balancer = balancer(&["dead:80", "good:80"]).await;
    let policy = RetryPolicy::new(2).unwrap().with_backoff(Backoff::None).unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let balancer = balancer.clone();
            tokio::spawn(async move {
                for _ in 0..2_000 {
                    let attempt = async |client: evenkeel::Attempt<String>| {
                        tokio::task::yield_now().await;
                        if client.target().host() == "good" { Ok(()) } else { Err(down("dead")) }
                    };
                    balancer.call(&Retry::new(policy), attempt).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
