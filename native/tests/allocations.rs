//! Picks, leases and calls allocate nothing, and requests little; what endpoints of the core take.
#![allow(missing_docs)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::convert::Infallible;
use core::future::ready;
use core::time::Duration;
use std::alloc::System;

use evenkeel::core::policy::LeastRequest;
use evenkeel::core::{self as pure, Endpoint, Instant};
use evenkeel::{AnyPolicy, Balancer, Config, Fixed, PickError, Retry};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts for each thread.
struct Counting;

// SAFETY: all is left to the system's allocator; counting neither allocates nor unwinds, as the
// counters are made at compile time and need no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        // SAFETY: as promised to this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get().wrapping_sub(layout.size()));
        // SAFETY: as promised to this function.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Counts the allocations of the second time: the first may fill what threads keep.
fn allocations(mut operation: impl FnMut()) -> u64 {
    operation();
    let before = ALLOCATIONS.get();
    operation();
    ALLOCATIONS.get() - before
}

async fn balancer(policy: &str) -> Balancer<u32> {
    let balancer = Balancer::builder(Fixed::new(["a:80", "b:80", "c:80"]).unwrap())
        .policy(policy.parse::<AnyPolicy>().unwrap())
        .build_with(|target| u32::from(target.port()))
        .unwrap();
    balancer.ready().await;
    balancer
}

#[tokio::test]
async fn a_pick_allocates_nothing_by_any_policy() {
    for name in AnyPolicy::NAMES {
        let balancer = balancer(name).await;
        let mut handle = balancer.handle();
        let count = allocations(|| {
            for key in 0..10 {
                balancer.pick().unwrap().success();
                balancer.pick_for(key).unwrap().lease().success();
                handle.pick().unwrap().failure();
                handle.lease().unwrap().success();
            }
        });
        assert_eq!(count, 0, "{name}");
    }
}

#[tokio::test]
async fn a_call_allocates_nothing() {
    for name in AnyPolicy::NAMES {
        let balancer = balancer(name).await;
        let retry = Retry::attempts(3).unwrap().timeout(Duration::from_secs(1)).unwrap();
        let ask = || balancer.call(&retry, |client| ready(Ok::<_, Infallible>(*client)));
        // The first fills what threads keep.
        assert_eq!(ask().await.unwrap(), 80);
        let before = ALLOCATIONS.get();
        assert_eq!(ask().await.unwrap(), 80);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{name}");
    }
}

#[tokio::test]
async fn a_pick_where_others_have_no_room_allocates_nothing() {
    let balancer = Balancer::builder(Fixed::new(["a:80", "b:80", "c:80", "d:80"]).unwrap())
        .config(Config { max_in_flight: 1, ..Config::default() })
        .build_with(|target| u32::from(target.port()))
        .unwrap();
    balancer.ready_all().await;
    let mut held: Vec<_> = (0..2).map(|_| balancer.pick().unwrap().lease()).collect();
    let one = || (0..100).for_each(|_| balancer.pick().unwrap().success());
    assert_eq!(allocations(one), 0);
    held.extend((0..2).map(|_| balancer.pick().unwrap().lease()));
    let none = || assert!(matches!(balancer.pick(), Err(PickError::Busy { .. })));
    assert_eq!(allocations(none), 0);
}

#[test]
fn what_is_allocated_is_counted() {
    assert_eq!(allocations(|| drop(Box::new(1))), 1);
}

/// Lists grow in steps, of which some are full.
#[test]
fn an_endpoint_of_the_core_takes_a_hundred_bytes() {
    for count in [1_000, 10_000, 65_536, 100_000] {
        let before = BYTES.get();
        let mut balancer: pure::Balancer<u32, LeastRequest> =
            pure::Balancer::new(LeastRequest::new());
        let _ = balancer.update(Instant::ZERO, (0..count).map(Endpoint::new));
        let each = BYTES.get().wrapping_sub(before) / count as usize;
        assert!((96..=103).contains(&each), "{each} bytes of {count}");
    }
}

#[cfg(feature = "http")]
mod http {
    use core::net::SocketAddr;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use evenkeel::http::Client;
    use http_body_util::{BodyExt, Empty};
    use hyper::body::Bytes;
    use hyper_util::client::legacy::Client as Hyper;
    use hyper_util::rt::TokioExecutor;

    use super::*;

    /// Answers every request by nothing, on threads of its own.
    fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    for line in lines.map_while(Result::ok) {
                        if line.is_empty() {
                            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                            { &stream }.write_all(answer).unwrap();
                        }
                    }
                });
            }
        });
        addr
    }

    /// Counts those of a request, the least of many: now and then, a queue grows.
    async fn of_request(ask: impl AsyncFn()) -> u64 {
        let mut least = u64::MAX;
        for _ in 0..20 {
            let before = ALLOCATIONS.get();
            ask().await;
            least = least.min(ALLOCATIONS.get() - before);
        }
        least
    }

    #[tokio::test]
    async fn a_request_allocates_no_more_than_with_hypers_client() {
        let addr = server();
        let hyper = Hyper::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let plain = of_request(async || {
            let uri = format!("http://{addr}/lookup/users").parse().unwrap();
            let response = hyper.get(uri).await.unwrap();
            response.into_body().collect().await.unwrap();
        });
        let plain = plain.await;
        let client = Client::over(Fixed::new([addr.to_string()]).unwrap()).unwrap();
        client.ready().await;
        let ours = of_request(async || {
            let response = client.get("/lookup/users").send().await.unwrap();
            response.into_body().bytes(1 << 20).await.unwrap();
        });
        let ours = ours.await;
        println!("{ours} allocations, and {plain} with hyper's client");
        assert!(ours <= plain, "{ours} allocations, and {plain} with hyper's client");
    }
}
