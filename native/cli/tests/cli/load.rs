use core::convert::Infallible;
use core::net::SocketAddr;

use evenkeel_tests::servers::hickory::Hickory;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{EVENKEEL, PATIENCE};
#[cfg(unix)]
use super::{exit_code, interrupt, line_with, start};

/// An HTTP server that answers with this status.
async fn backend(status: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("it has a port");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request: Request<Incoming>| {
                let body = http_body_util::Full::new(Bytes::from(request.uri().to_string()));
                let response = Response::builder().status(status).body(body);
                core::future::ready(Ok::<_, Infallible>(response.expect("a status")))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    addr
}

async fn load(args: &[&str]) -> (String, String, Option<i32>) {
    let output = tokio::process::Command::new(EVENKEEL).arg("load").args(args).output();
    let output = tokio::time::timeout(PATIENCE, output).await.expect("it ends").expect("it ran");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[tokio::test]
async fn load_spreads_requests_over_what_dns_lists_and_loses_none_to_a_dead_one() {
    let (server, good, gone) = (Hickory::start().await, backend(200).await, backend(200).await);
    let dead = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = dead.local_addr().expect("it has a port").port();
    drop(dead);
    server.address("a.lb.test.", 60, "127.0.0.1").await;
    for port in [good.port(), gone.port(), port] {
        server.srv("_http._tcp.web.lb.test.", 60, 0, 1, port, "a.lb.test.").await;
    }
    let name_server = server.addr().to_string();
    let args = ["srv://_http._tcp.web.lb.test/x?y=1", "--server", &name_server, "-n", "300"];
    let (json, stderr, code) = load(&[&args[..], &["-c", "4", "--json"]].concat()).await;
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    let result: Value = serde_json::from_str(&json).expect("JSON");
    let of = |name: &str| result[name].as_u64();
    assert_eq!([of("requests"), of("good"), of("bytes")], [Some(300), Some(300), Some(300 * 6)]);
    assert_eq!(result["lost"], serde_json::json!({}));
    let endpoints = result["endpoints"].as_array().expect("a list");
    let attempts = |row: &Value| row["attempts"].as_u64().expect("a count");
    assert_eq!(endpoints.iter().map(attempts).sum::<u64>(), of("attempts").expect("a count"));
    assert!(endpoints.iter().filter(|row| row["failed"] == 0).count() >= 2, "{json}");

    let (text, _, code) = load(&[&args[..], &["--rps", "1000"]].concat()).await;
    assert_eq!(code, Some(0), "{text}");
    for part in ["300 requests in ", "0 lost, 1800 bytes read", "p99", "attempts  failed"] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    assert!(text.contains(&good.to_string()), "{text}");
}

#[tokio::test]
async fn load_says_why_requests_were_lost_and_fails_if_all_were() {
    let url = format!("http://{}/x", backend(404).await);
    let (text, _, code) = load(&[&url, "-n", "20", "-X", "POST", "--data", "text"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("      20 lost: status 404 Not Found"), "{text}");
    let columns = text.lines().map(|line| line.chars().count()).max();
    assert!(columns <= Some(40), "{text}");
}

#[tokio::test]
async fn load_says_at_once_that_a_name_leads_to_nobody_and_who_says_so() {
    let server = Hickory::start().await;
    server.srv("_http._tcp.lost.lb.test.", 60, 0, 1, 80, "typo.lb.test.").await;
    let name_server = server.addr().to_string();
    for (url, shown, why) in [
        (
            "http://typo.lb.test/",
            "http://typo.lb.test:80/",
            "the target typo.lb.test does not exist",
        ),
        (
            "srv://_http._tcp.typo.lb.test/",
            "srv://_http._tcp.typo.lb.test/",
            "there are no SRV records of this name",
        ),
        (
            "srv://_http._tcp.lost.lb.test/",
            "srv://_http._tcp.lost.lb.test/",
            "the target typo.lb.test does not exist",
        ),
    ] {
        // It would wait for longer than this test does.
        let args = [url, "--server", &name_server, "--timeout", "3600000"];
        let (text, stderr, code) = load(&args).await;
        let says = format!("error: {shown}: nobody to ask: {why} (says {name_server})\n");
        assert_eq!((text.as_str(), stderr, code), ("", says, Some(1)));
    }
}

#[tokio::test]
async fn load_says_in_time_that_no_name_server_answers() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let name_server = silent.local_addr().expect("it has a port").to_string();
    let args = ["http://web.lb.test/", "--server", &name_server, "--timeout", "300"];
    let (text, stderr, code) = load(&args).await;
    assert_eq!((text.as_str(), code), ("", Some(1)), "{stderr}");
    let says = "error: http://web.lb.test:80/: not ready after 300ms: 0 endpoints found";
    assert!(stderr.starts_with(says), "{stderr}");
}

#[tokio::test]
async fn load_says_what_is_wrong_with_a_number() {
    for (option, value, says) in [
        ("--rps", "-5", "-5 is not in 1..=1000000"),
        ("--concurrency", "-1", "-1 is not in 1..=10000"),
        ("--duration", "-5", "1 to 86400 seconds, or as 90s, 5m or 1h"),
        ("--duration", "5 days", "1 to 86400 seconds, or as 90s, 5m or 1h"),
        ("--duration", "25h", "1 to 86400 seconds, or as 90s, 5m or 1h"),
        ("--duration", "18446744073709551615m", "1 to 86400 seconds, or as 90s, 5m or 1h"),
    ] {
        let (text, stderr, code) = load(&["http://127.0.0.1:1/", option, value]).await;
        assert_eq!((text.as_str(), code), ("", Some(2)), "{stderr}");
        let first = stderr.lines().next().unwrap_or_default();
        assert!(first.contains(option) && first.ends_with(says), "{first}");
    }
    let url = format!("http://{}/x", backend(200).await);
    for time in ["60", "60s", "5m", "1h"] {
        assert_eq!(load(&[&url, "-n", "1", "-d", time]).await.2, Some(0), "{time}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn load_that_is_interrupted_sends_nothing_more_and_sums_up() {
    let (first, mut asked) = tokio::sync::mpsc::channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it has a port"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let first = first.clone();
            let service = service_fn(move |_| {
                let first = first.clone();
                async move {
                    let _ = first.send(()).await;
                    Ok::<_, Infallible>(Response::new(http_body_util::Empty::<Bytes>::new()))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    // Each of a hundred waits for its turn, the last for more than PATIENCE.
    let mut child = start(&["load", &url, "--rps", "1", "-c", "100", "-d", "3600"]);
    let asked = tokio::time::timeout(PATIENCE, asked.recv()).await.expect("it asks");
    asked.expect("the server is there");
    interrupt(&child);
    assert_eq!(exit_code(&mut child).await, Some(0));
    let output = child.wait_with_output().await.expect("it ran");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains(" requests in "), "{text}");
}

#[cfg(unix)]
#[tokio::test]
async fn load_that_is_interrupted_does_not_wait_for_those_who_do_not_answer() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    for times in [1, 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("it has a port"));
        // It would wait for its answers for an hour.
        let mut child = start(&["load", &url, "-c", "2", "-d", "3600", "--timeout", "3600000"]);
        let mut hang = Vec::new();
        for _ in 0..2 {
            let asked = tokio::time::timeout(PATIENCE, listener.accept()).await.expect("it asks");
            hang.push(asked.expect("a connection"));
        }
        let stderr = child.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(stderr).lines();
        interrupt(&child);
        line_with(&mut lines, "interrupted: ").await;
        if times == 2 {
            interrupt(&child);
        }
        assert_eq!(exit_code(&mut child).await, Some(1), "none was answered");
        let output = child.wait_with_output().await.expect("it ran");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains("2 given up when interrupted"), "{text}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn requests_that_are_given_up_in_their_bodies_are_no_retries() {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it has a port"));
    let args = ["load", &url, "-c", "2", "-d", "3600", "--timeout", "3600000", "--json"];
    let mut child = start(&args);
    let mut half = Vec::new();
    for _ in 0..2 {
        let asked = tokio::time::timeout(PATIENCE, listener.accept()).await.expect("it asks");
        let (mut stream, _) = asked.expect("a connection");
        assert!(stream.read(&mut [0; 1024]).await.expect("a request") > 0);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi";
        stream.write_all(answer).await.expect("it reads");
        half.push(stream);
    }
    let stderr = child.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(stderr).lines();
    interrupt(&child);
    line_with(&mut lines, "interrupted: ").await;
    assert_eq!(exit_code(&mut child).await, Some(1), "none was answered to the end");
    let output = child.wait_with_output().await.expect("it ran");
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let of = |name: &str| result[name].as_u64();
    assert_eq!([of("given_up"), of("requests"), of("retries")], [Some(2), Some(0), Some(0)]);
}
