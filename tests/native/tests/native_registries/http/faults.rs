//! All that goes wrong changes nothing, is told, and gets well again.

use super::*;

/// One good answer, one bad one, and then another good one, which is only given when the error was
/// seen.
async fn after_a_bad_one(bad: impl Fn(&str) -> String, says: &str) {
    let (seen, may) = watch::channel(false);
    let bad = bad("");
    let web = Web::start(move |number, _, mut answering| {
        let (bad, mut may) = (bad.clone(), may.clone());
        async move {
            match number {
                0 => answering.whole(200, "", r#"["a:1"]"#).await,
                1 if bad == "reset" => answering.reset(),
                1 => answering.write(&bad).await,
                2 => {
                    drop(may.wait_for(|may| *may).await);
                    answering.whole(200, "", r#"["b:1"]"#).await
                }
                _ => answering.whole(200, "", r#"["b:1"]"#).await,
            }
        }
    })
    .await;
    let bed = http(&web);
    let said = error(&bed).await;
    let says = says.replace("URL", &format!("{}/list.json", web.url));
    assert!(said.starts_with(&says), "{said:?} instead of {says:?}");
    assert_eq!(known(&bed), "a:1", "{says}");
    seen.send_replace(true);
    becomes(&bed, "b:1").await;
    well(&bed).await;
}

fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn statuses_are_told_with_how_the_answer_begins() {
    for (status, body, says) in [
        (401, "who are you?", "URL: status 401: who are you?"),
        (403, "{\"error\": \"no\"}\n", "URL: status 403: {\"error\": \"no\"}"),
        (404, "", "URL: status 404"),
        (500, "a\u{1b}[31m\nb", "URL: status 500: a\\u{1b}[31m\\nb"),
        (302, "", "URL: status 302"),
        (304, "", "URL: status 304: not modified, but it was not asked with a tag"),
    ] {
        after_a_bad_one(|_| answer(status, body), says).await;
    }
}

#[tokio::test]
async fn a_long_error_is_cut() {
    let body = "x".repeat(100_000);
    let web = answering(&[(500, "", &body)]).await;
    assert!(error(&http(&web)).await.len() < 400);
}

#[tokio::test]
async fn bad_json_is_told_with_its_place() {
    let cases = [
        ("", "URL:1:1: EOF while parsing a value"),
        ("[\n  \"a:1\",\n  \"b\"\n]", "URL:3:5: "),
        ("{\"target\": \"a:1\"}", "URL:1:1: invalid type: map, expected a list of endpoints"),
        ("[{\"target\": \"a:1\", \"wait\": 1}]", "URL:1:25: unknown field `wait`"),
        ("[\"a:0\"]", "URL:1:6: "),
        ("<html>", "URL:1:1: expected value"),
    ];
    for (body, says) in cases {
        after_a_bad_one(|_| answer(200, body), says).await;
    }
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[\"x:1\"]";
    after_a_bad_one(|_| half.to_owned(), "URL: ").await;
    let half = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n[\"x:1\"]\r\n";
    after_a_bad_one(|_| half.to_owned(), "URL: ").await;
    after_a_bad_one(|_| "HTTP/1.1 200 OK\r\nConten".to_owned(), "URL: ").await;
    after_a_bad_one(|_| "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(), "URL: invalid HTTP").await;
    after_a_bad_one(|_| "reset".to_owned(), "URL: ").await;
}

#[tokio::test]
async fn more_than_256_mib_are_not_read() {
    let web = Web::start(|_, _, mut answering| async move {
        answering.write("HTTP/1.1 200 OK\r\n\r\n[").await?;
        let spaces = " ".repeat(1 << 20);
        loop {
            answering.write(&spaces).await?;
        }
    })
    .await;
    let source = HttpList::new(&web.url).unwrap();
    let bed = bed(source);
    assert_eq!(error(&bed).await, format!("{}/: larger than 268435456 bytes", web.url));
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let web = Web::start(|number, _, answering| async move {
        match number {
            0 => answering.hung_up().await,
            1 => {
                let mut answering = answering;
                answering.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[").await?;
                answering.hung_up().await
            }
            _ => answering.whole(200, "", r#"["a:1"]"#).await,
        }
    })
    .await;
    let bed = http(&web);
    assert_eq!(error(&bed).await, format!("{}/list.json: no answer in time", web.url));
    becomes(&bed, "a:1").await;
    assert_eq!(bed.discovery().borrow().failures, 2);
}

#[tokio::test]
async fn nobody_there_is_told_and_a_wish_is_tried_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let hour = Duration::from_secs(3_600);
    let config = evenkeel::LongPollConfig { backoff_base: hour, backoff_max: hour, ..quick() };
    let source = HttpList::new(&format!("http://{addr}")).unwrap().with_config(config).unwrap();
    let bed = bed(source);
    let said = error(&bed).await;
    assert!(
        said.starts_with(&format!("http://{addr}/: no connection: Connection refused")),
        "{said}"
    );
    let before = bed.discovery().borrow().failures;
    // Balancers ask for that when endpoints fail.
    bed.refresh();
    status(&bed, |status| status.failures > before).await;
}
