//! The same over a client of `reqwest`: verdicts, retries, bodies.

use core::time::Duration;

use evenkeel::http::Attempts;
use evenkeel::reqwest::{ClientWithBalancer, Error, Origins, classify, classify_error};
use evenkeel::{Balancer, End, Fixed, Verdict};
use reqwest::Body;

use super::{Act, InOrder, Server, quick, two, until, within};

async fn client(servers: &[&Server], origins: Origins) -> ClientWithBalancer<InOrder> {
    let addrs = servers.iter().map(|server| server.addr.to_string());
    let source = Fixed::new(addrs).expect("addresses");
    let balancer = Balancer::builder(source).policy(InOrder).build(origins).expect("a runtime");
    within(balancer.ready()).await;
    let inner = reqwest::Client::builder().no_proxy().build().expect("a client");
    ClientWithBalancer::new(inner, balancer).with_retry(quick(3))
}

fn failures(client: &ClientWithBalancer<InOrder>, server: &Server) -> u32 {
    let mut all = client.balancer().endpoints().into_iter();
    let status = all.find(|status| status.target.socket_addr() == Some(server.addr));
    status.expect("it is known").failures
}

#[tokio::test]
async fn what_fails_goes_elsewhere_as_far_as_it_may() {
    for (act, post, times) in [
        (Act::Answer(500, "", ""), false, 1),
        (Act::Answer(500, "", ""), true, 0),
        (Act::Answer(503, "", ""), true, 1),
        (Act::Answer(404, "", ""), false, 0),
        (Act::Close, false, 1),
        (Act::Close, true, 0),
    ] {
        let [first, second] = two(act.clone(), Act::OK).await;
        let client = client(&[&first, &second], Origins::http()).await;
        let request = if post { client.post("/users") } else { client.get("/users") };
        let answer = request.body("text").send().await;
        assert_eq!([first.times(), second.times()], [1, times], "{act:?} {post}");
        let Ok(response) = answer else {
            assert!(matches!(act, Act::Close) && post, "{answer:?}");
            continue;
        };
        let attempts = response.extensions().get::<Attempts>().expect("they are told");
        assert_eq!(attempts.count(), times + 1);
        if times == 1 {
            assert_eq!(response.text().await.expect("a body"), "fine");
            assert_eq!(second.asked()[0].body, "text");
        }
    }
}

#[tokio::test]
async fn requests_go_below_the_prefix_with_all_that_reqwest_makes() {
    let server = Server::always(Act::OK).await;
    let client = client(&[&server], Origins::http().prefix("/v1/").expect("a path")).await;
    let request = client.get("users/7?x=1").with(|request| request.bearer_auth("secret"));
    assert_eq!(request.send().await.expect("an answer").text().await.expect("a body"), "fine");
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "GET /v1/users/7?x=1 HTTP/1.1");
    assert_eq!(asked.headers["authorization"], "Bearer secret");
    assert_eq!(asked.headers["host"], server.addr.to_string());
    for path in ["/login?next=https://x/y", "//a/b", "a?b", ""] {
        client.get(path).send().await.expect(path);
        let line = server.asked().pop().expect("one").line;
        let slash = if path.starts_with('/') { "" } else { "/" };
        assert_eq!(line, format!("GET /v1{slash}{path} HTTP/1.1"));
    }
    let error = client.get("/").timeout(Duration::ZERO).send().await.expect_err("no time");
    assert!(matches!(error, Error::ZeroTimeout), "{error}");
}

#[tokio::test]
async fn no_request_goes_past_the_balancer_for_its_path_is_too_long() {
    let [server, named] = [Server::always(Act::OK).await, Server::always(Act::OK).await];
    let origins = Origins::http().prefix(&"p".repeat(100)).expect("a path");
    let client = client(&[&server], origins).await;
    // Alone, it is just short enough.
    let url = format!("http://{}/{}", named.addr, "a".repeat(65_500));
    let request = client.get(&url).with(|request| request.bearer_auth("secret"));
    let error = request.send().await.expect_err("it is too long");
    assert!(matches!(error, Error::Call { .. }), "{error}");
    assert_eq!([server.times(), named.times()], [0, 0]);
}

#[tokio::test]
async fn what_was_written_is_not_written_again_when_the_body_of_its_answer_breaks() {
    for (put, asked) in [(true, 0), (false, 1)] {
        let [first, second] = two(Act::Bodiless(200), Act::OK).await;
        let client = client(&[&first, &second], Origins::http()).await;
        let request = if put { client.put("/") } else { client.get("/") };
        let answer = request.body("text").send().await.expect("a head");
        assert_eq!(within(answer.bytes()).await.is_ok(), !put);
        assert_eq!([first.times(), second.times()], [1, asked]);
    }
}

#[tokio::test]
async fn a_stream_is_sent_once() {
    let [first, second] = two(Act::Answer(500, "", "no"), Act::OK).await;
    let client = client(&[&first, &second], Origins::http()).await;
    let stream = || Body::wrap(http_body_util::Full::new(hyper::body::Bytes::from("a stream")));
    let response = client.put("/").body(stream()).send().await.expect("an answer");
    assert_eq!((response.status().as_u16(), second.times()), (500, 0));
    assert_eq!(first.asked()[0].body, "a stream");

    let [first, second] = two(Act::Close, Act::OK).await;
    let client = self::client(&[&first, &second], Origins::http()).await;
    let error = client.put("/").body(stream()).send().await.expect_err("no answer");
    assert!(matches!(error, Error::Call { body_begun: true, .. }), "{error}");
    assert_eq!([first.times(), second.times()], [1, 0]);
}

#[tokio::test]
async fn a_stream_that_has_not_begun_goes_elsewhere() {
    let [first, second] = two(Act::OK, Act::OK).await;
    let client = client(&[&first, &second], Origins::http()).await;
    // Nobody is there any more.
    let addr = first.addr;
    drop(first);
    until(|| std::net::TcpStream::connect(addr).is_err()).await;
    let stream = Body::wrap(http_body_util::Full::new(hyper::body::Bytes::from("a stream")));
    let response = client.post("/").body(stream).send().await.expect("an answer");
    let attempts = response.extensions().get::<Attempts>().expect("they are told");
    assert_eq!((attempts.count(), response.status().as_u16()), (2, 200));
    assert_eq!(second.asked()[0].body, "a stream");
}

#[tokio::test]
async fn bodies_are_followed_to_their_end() {
    let [first, second] = two(Act::Break(200), Act::OK).await;
    let client = client(&[&first, &second], Origins::http()).await;
    let response = client.get("/").send().await.expect("a head");
    within(response.bytes()).await.expect_err("it breaks");
    until(|| failures(&client, &first) == 1).await;

    let [first, second] = two(Act::Stall(200), Act::OK).await;
    let client = self::client(&[&first, &second], Origins::http()).await;
    let request = client.get("/").timeout(Duration::from_millis(100));
    let response = request.send().await.expect("a head");
    within(response.bytes()).await.expect_err("it does not end");
    assert_eq!(failures(&client, &first), 1);
    first.open_at_most(0).await;
}

#[tokio::test]
async fn nobody_answers() {
    let [first, second] = two(Act::Hang, Act::Close).await;
    let client =
        client(&[&first, &second], Origins::http()).await.with_retry(evenkeel::Retry::new(
            evenkeel::RetryPolicy::new(2)
                .expect("above 0")
                .with_attempt_timeout(Duration::from_millis(100))
                .expect("above 0"),
        ));
    let error = within(client.get("/").send()).await.expect_err("no answer");
    let Error::Call { call, body_begun: false } = &error else { panic!("{error}") };
    assert_eq!((call.end, call.attempts.len()), (End::Attempts, 2));
    first.open_at_most(0).await;
}

#[tokio::test]
async fn no_error_tells_what_the_query_says() {
    let server = Server::always(Act::Close).await;
    let client = client(&[&server], Origins::http()).await;
    let error = client.get("/?key=secret").send().await.expect_err("no answer");
    let Error::Call { call, .. } = &error else { panic!("{error}") };
    assert_eq!(call.attempts.len(), 3);
    for text in [error.to_string(), format!("{error:?}"), call.to_string()] {
        assert!(!text.contains("secret"), "{text}");
    }
    let server = Server::start(|number| if number == 0 { Act::Close } else { Act::OK }).await;
    let client = self::client(&[&server], Origins::http()).await;
    let response = client.get("/?key=secret").send().await.expect("an answer");
    let attempts = response.extensions().get::<Attempts>().expect("they are told");
    assert_eq!(attempts.count(), 2);
    assert!(!format!("{attempts:?}").contains("secret"), "{attempts:?}");
}

#[tokio::test]
async fn answers_of_other_clients_are_judged_alike() {
    let server = Server::always(Act::Answer(503, "Retry-After: 7\r\n", "")).await;
    let inner = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}", server.addr);
    let response = inner.get(&url).send().await.expect("an answer");
    let wait = Some(Duration::from_secs(7));
    assert_eq!(classify(&response), Verdict::Overloaded { wait });
    drop(server);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let error = inner.get(&url).send().await.expect_err("nobody is there");
    assert_eq!(classify_error(&error), Verdict::NeverSent);
}

#[tokio::test]
async fn an_endpoint_is_told_how_much_time_is_left() {
    let server = Server::always(Act::OK).await;
    let name = reqwest::header::HeaderName::from_static("x-timeout-ms");
    let client = client(&[&server], Origins::http()).await.with_deadline_header(name);
    let limit = Duration::from_secs(30);
    client.get("/").timeout(limit).send().await.expect("an answer");
    let left: u64 = server.asked()[0].headers["x-timeout-ms"].parse().expect("milliseconds");
    assert!((1..=30_000).contains(&left), "{left}");
}
