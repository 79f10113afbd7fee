//! Active checks: real servers that stop answering well, and checks that hang or panic.

use core::sync::atomic::{AtomicBool, AtomicU16, Ordering::SeqCst};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use evenkeel::check::{Checked, HttpGet, Tcp};
use evenkeel::health::{Health, HealthCheck};
use evenkeel::{Balancer, Endpoint, Event, EventKind, Fixed, RoundRobin, Target};
use evenkeel_tests::source::{Says, source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

const OFTEN: HealthCheck = HealthCheck {
    interval: Duration::from_millis(20),
    timeout: Duration::from_secs(2),
    rise: 2,
    fall: 2,
    jitter_percent: 10,
    initial: None,
};

/// A server that answers `/healthz` with a status, and everything else with 404.
struct Server {
    address: String,
    status: Arc<AtomicU16>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let status = Arc::new(AtomicU16::new(204));
        tokio::spawn({
            let status = Arc::clone(&status);
            async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut head = [0; 1024];
                    let read = stream.read(&mut head).await.unwrap_or(0);
                    let known = head[..read].starts_with(b"GET /healthz HTTP/1.1\r\nhost: 127.");
                    let status = if known { status.load(SeqCst) } else { 404 };
                    let answer = format!("HTTP/1.1 {status} said\r\ncontent-length: 0\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { address, status }
    }
}

type Addresses = Balancer<String, RoundRobin>;

async fn balancer<'a>(names: impl IntoIterator<Item = &'a str>) -> Addresses {
    let balancer = Balancer::builder(Fixed::new(names).unwrap())
        .policy(RoundRobin)
        .build_with(|target: Target| target.to_string())
        .unwrap();
    balancer.ready().await;
    balancer
}

/// Returns the endpoint of the next news that an endpoint is down, or is not.
async fn next(events: &mut broadcast::Receiver<Event>, down: bool) -> String {
    loop {
        let event = events.recv().await.unwrap();
        let kind = if down { EventKind::Down } else { EventKind::Readmitted };
        if event.kind == kind {
            return event.target.unwrap().to_string();
        }
    }
}

fn picked(balancer: &Addresses) -> BTreeSet<String> {
    let next = || {
        let pick = balancer.pick().unwrap();
        let name = pick.with(String::clone);
        pick.success();
        name
    };
    (0..10).map(|_| next()).collect()
}

#[tokio::test]
async fn what_answers_503_is_down_until_it_answers_well() {
    let (a, b) = (Server::start().await, Server::start().await);
    let balancer = balancer([&*a.address, &*b.address]).await;
    let mut events = balancer.events();
    balancer.check(OFTEN, HttpGet::new("/healthz").unwrap()).unwrap();
    for _ in 0..2 {
        a.status.store(503, SeqCst);
        assert_eq!(next(&mut events, true).await, a.address);
        assert_eq!(picked(&balancer), BTreeSet::from([b.address.clone()]));
        a.status.store(200, SeqCst);
        assert_eq!(next(&mut events, false).await, a.address);
        assert_eq!(picked(&balancer).len(), 2);
    }
}

#[tokio::test]
async fn what_takes_no_connections_is_down_and_the_checks_end_with_the_balancer() {
    let up = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = up.local_addr().unwrap().to_string();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = gone.local_addr().unwrap().to_string();
    drop(gone);
    let balancer = balancer([&*address, &*other]).await;
    let mut events = balancer.events();
    balancer.check(OFTEN, Tcp).unwrap();
    assert_eq!(next(&mut events, true).await, other);
    assert_eq!(picked(&balancer), BTreeSet::from([address]));
    up.accept().await.expect("it is checked");
    drop(balancer);
    // Once all that are under way are taken, nobody comes any more.
    while tokio::time::timeout(10 * OFTEN.interval, up.accept()).await.is_ok() {}
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_or_panics_has_failed_and_harms_no_other() {
    let balancer = balancer(["a:80", "b:80", "c:80"]).await;
    let mut events = balancer.events();
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let probe = {
        let asked = Arc::clone(&asked);
        move |endpoint: Checked<String>| {
            asked.lock().unwrap().insert(endpoint.target().clone());
            let name = endpoint.clone();
            assert_ne!(name, "b:80", "a panic outside the future");
            async move {
                if name == "a:80" {
                    core::future::pending::<()>().await;
                }
                true
            }
        }
    };
    balancer.check(OFTEN, probe).unwrap();
    let down = [next(&mut events, true).await, next(&mut events, true).await];
    assert_eq!(BTreeSet::from(down), BTreeSet::from(["a:80".into(), "b:80".into()]));
    assert_eq!(picked(&balancer), BTreeSet::from(["c:80".into()]));
    tokio::time::sleep(10 * OFTEN.timeout).await;
    assert_eq!(asked.lock().unwrap().len(), 3);
    assert!(!balancer.task().borrow().ended);
}

#[tokio::test]
async fn a_check_by_http_asks_for_the_name_of_its_endpoint() {
    for (host, asked) in [("api.test", "api.test"), ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let endpoints = vec![Endpoint::new(Target::at(host, addr))];
        let (source, _script) = source(Says::These(endpoints));
        let balancer = Balancer::builder(source).build_with(|_| String::new()).unwrap();
        balancer.ready().await;
        balancer.check(OFTEN, HttpGet::new("/healthz").unwrap()).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(stream.read_u8().await.unwrap()));
        }
        assert!(head.contains(&format!("\r\nhost: {asked}:{}\r\n", addr.port())), "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_whose_client_is_made_anew_while_it_is_down_comes_back() {
    for initial in [None, Some(true)] {
        let (made, well) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicBool::new(true)));
        let make = {
            let made = Arc::clone(&made);
            move |_: Target| made.fetch_add(1, SeqCst)
        };
        let source = Fixed::new(["a:80"]).unwrap();
        let balancer = Balancer::builder(source).build_with(make).unwrap();
        balancer.ready().await;
        let lease = balancer.pick().unwrap().lease();
        let mut events = balancer.events();
        let probe = {
            let well = Arc::clone(&well);
            move |_: Checked<u16>| core::future::ready(well.load(SeqCst))
        };
        balancer.check(HealthCheck { initial, ..OFTEN }, probe).unwrap();
        well.store(false, SeqCst);
        assert_eq!(next(&mut events, true).await, "a:80");
        lease.discard();
        // It is no less down with another client.
        assert_eq!(next(&mut events, true).await, "a:80");
        assert_eq!((made.load(SeqCst), balancer.endpoints()[0].health), (2, Health::Down));
        // It is well again before that client is checked for the first time.
        well.store(true, SeqCst);
        let back = tokio::time::timeout(100 * OFTEN.interval, next(&mut events, false)).await;
        assert_eq!(back.expect("it comes back"), "a:80");
    }
}

/// What others say of an endpoint is no news of checks that never said so.
#[tokio::test(start_paused = true)]
async fn a_check_that_finds_all_well_does_not_undo_what_others_said() {
    let balancer = balancer(["a:80", "b:80"]).await;
    let mut events = balancer.events();
    let target = "a:80".parse().unwrap();
    balancer.set_down(&target, true);
    assert_eq!(next(&mut events, true).await, "a:80");
    balancer.check(OFTEN, |_: Checked<String>| core::future::ready(true)).unwrap();
    tokio::time::sleep(20 * OFTEN.interval).await;
    assert_eq!(picked(&balancer), BTreeSet::from(["b:80".into()]));
    balancer.set_down(&target, false);
    assert_eq!(next(&mut events, false).await, "a:80");
}

#[tokio::test]
async fn settings_and_paths_that_make_no_sense_are_refused() {
    let balancer = balancer(["a:80"]).await;
    let never = HealthCheck { interval: Duration::ZERO, ..OFTEN };
    assert!(balancer.check(never, Tcp).unwrap_err().to_string().contains("interval"));
    let tried = std::thread::scope(|scope| {
        scope.spawn(|| balancer.check(OFTEN, Tcp)).join().expect("no panic outside a runtime")
    });
    assert_eq!(tried, Err(evenkeel::check::CheckError::NoRuntime));
    for path in ["", "healthz", "/health z", "/a\r\nb: c", "/ä"] {
        let error = HttpGet::new(path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{path:?} is no path")), "{error}");
    }
}
