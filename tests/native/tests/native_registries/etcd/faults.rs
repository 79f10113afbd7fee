//! A gateway of ours that goes wrong in all ways a real one hardly does.

use evenkeel_tests::servers::web::{Answering, Web};

use super::*;

const LIST: &str = r#"{"header":{"cluster_id":"7","member_id":"1","revision":"10","raft_term":"2"},
    "kvs":[{"key":"L3dlYi9h","create_revision":"10","mod_revision":"10","version":"1","value":"YS50ZXN0OjE="}],"count":"1"}"#;
const CREATED: &str =
    "{\"result\":{\"header\":{\"cluster_id\":\"7\",\"revision\":\"10\"},\"created\":true}}\n";
/// Key `/web/b`, value `b.test:1`.
const EVENT: &str = "{\"result\":{\"header\":{\"cluster_id\":\"7\",\"revision\":\"11\"},\"events\":[{\"kv\":{\"key\":\"L3dlYi9i\",\"mod_revision\":\"11\",\"value\":\"Yi50ZXN0OjE=\"}}]}}\n";

/// Lists one endpoint; the first watch goes wrong as `bad` says, and later ones bring another.
async fn after<F>(bad: impl Fn(Answering) -> F + Send + Copy + 'static) -> (Web, Bed)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let watches = std::sync::Arc::new(core::sync::atomic::AtomicU32::new(0));
    let web = Web::start(move |_, asked, mut answering| {
        let watches = std::sync::Arc::clone(&watches);
        async move {
            if asked.path == "/v3/kv/range" {
                return answering.whole(200, "", LIST).await;
            }
            if watches.fetch_add(1, core::sync::atomic::Ordering::Relaxed) == 0 {
                return bad(answering).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            answering.stream().await?;
            answering.chunk(CREATED).await?;
            // In two pieces, and with an empty line.
            answering.chunk(&EVENT[..50]).await?;
            answering.chunk(&format!("{}\n", &EVENT[50..])).await?;
            answering.hung_up().await
        }
    })
    .await;
    let config = ListWatchConfig { timeout: Duration::from_secs(1), ..quick() };
    let source = Source::new([&*web.url], "/web/").unwrap().with_config(config).unwrap();
    let bed = bed(source);
    (web, bed)
}

async fn gets_well<F>(bad: impl Fn(Answering) -> F + Send + Copy + 'static, says: &str)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let (web, bed) = after(bad).await;
    let said = error(&bed).await;
    let says = says.replace("URL", &format!("{}/v3/watch", web.url));
    assert!(said.contains(&says), "{said:?} instead of {says:?}");
    assert_eq!(known(&bed), "a.test:1");
    becomes(&bed, "a.test:1 b.test:1").await;
    well(&bed).await;
}

#[tokio::test]
async fn a_watch_that_is_refused_or_breaks_is_told_and_begun_anew() {
    gets_well(
        |answering| answering.whole(500, "", "{\"error\":\"no leader\"}"),
        "URL: status 500: {\"error\":\"no leader\"}",
    )
    .await;
    gets_well(|answering| async move { answering.reset() }, "URL: ").await;
    gets_well(
        |mut answering| async move {
            answering.stream().await?;
            answering.chunk(CREATED).await?;
            answering.chunk(&EVENT[..50]).await?;
            answering.reset()
        },
        "URL: ",
    )
    .await;
    gets_well(
        |mut answering| async move {
            answering.stream().await?;
            answering.chunk(&EVENT[..50]).await?;
            answering.chunk("").await
        },
        "URL: it broke off in a line, after 50 bytes",
    )
    .await;
}

#[tokio::test]
async fn a_line_that_is_none_is_told_with_its_place() {
    for (line, says) in [
        ("<html>\n", "URL:1:1: expected value"),
        ("{}\n", "URL: the watch ended: neither a result nor an error"),
        (
            "{\"error\":{\"grpc_code\":14,\"message\":\"unavailable\"}}\n",
            "URL: the watch ended: unavailable",
        ),
        (
            "{\"result\":{\"canceled\":true,\"cancel_reason\":\"etcdserver: no leader\"}}\n",
            "URL: the watch ended: etcdserver: no leader",
        ),
        ("{\"result\":{\"header\":{\"revision\":\"x1\"}}}\n", "URL:1:36: 'x1': invalid digit"),
        ("{\"result\":{\"events\":[{\"kv\":{\"key\":\"%\"}}]}}\n", "'%': Invalid symbol"),
    ] {
        let line = line.to_owned().leak() as &str;
        gets_well(
            move |mut answering| async move {
                answering.stream().await?;
                answering.chunk(line).await?;
                answering.hung_up().await
            },
            says,
        )
        .await;
    }
}

#[tokio::test]
async fn a_watch_that_does_not_begin_is_given_up() {
    gets_well(
        |mut answering| async move {
            answering.stream().await?;
            answering.hung_up().await
        },
        "no answer in time",
    )
    .await;
}

#[tokio::test]
async fn a_canceled_watch_whose_stream_stays_open_is_left() {
    // As etcd 3.4 tells of a compaction: without a reason, and the stream goes on.
    let (web, bed) = after(|mut answering| async move {
        answering.stream().await?;
        answering.chunk(CREATED).await?;
        answering.chunk("{\"result\":{\"header\":{\"cluster_id\":\"7\"},\"canceled\":true,\"compact_revision\":\"11\"}}\n").await?;
        answering.hung_up().await
    })
    .await;
    becomes(&bed, "a.test:1 b.test:1").await;
    let asked = web.asked_times(4).await;
    let paths: Vec<_> = asked.iter().take(4).map(|asked| &*asked.path).collect();
    assert_eq!(paths, ["/v3/kv/range", "/v3/watch", "/v3/kv/range", "/v3/watch"]);
    assert_eq!(asked[1].headers["grpc-metadata-hasleader"], "true");
    assert!(asked[1].body.contains("\"start_revision\":\"11\""), "{}", asked[1].body);
    assert_eq!(bed.discovery().borrow().failures, 0);
}

#[tokio::test]
async fn a_revision_that_is_compacted_between_pages_is_listed_anew_at_once() {
    let more = LIST.replace("\"count\":\"1\"", "\"count\":\"2\",\"more\":true");
    let web = Web::start(move |number, asked, answering| {
        let more = more.clone();
        async move {
            let compacted =
                r#"{"error":"etcdserver: mvcc: required revision has been compacted","code":11}"#;
            match number {
                0 => answering.whole(200, "", &more).await,
                1 => answering.whole(400, "", compacted).await,
                _ if asked.path == "/v3/kv/range" => answering.whole(200, "", LIST).await,
                _ => answering.hung_up().await,
            }
        }
    })
    .await;
    let bed = bed(source(&web.url));
    becomes(&bed, "a.test:1").await;
    assert_eq!(bed.discovery().borrow().failures, 0, "it is no error");
}

#[tokio::test]
async fn a_token_that_is_older_than_the_rights_is_given_up_for_another() {
    let web = Web::start(|number, asked, answering| async move {
        let old = r#"{"error":"etcdserver: revision of auth store is old","code":3}"#;
        match (number, &*asked.path) {
            (_, "/v3/auth/authenticate") => {
                answering.whole(200, "", &format!(r#"{{"token":"t{number}"}}"#)).await
            }
            (1, _) => answering.whole(400, "", old).await,
            (_, "/v3/kv/range") => answering.whole(200, "", LIST).await,
            _ => answering.hung_up().await,
        }
    })
    .await;
    becomes(&bed(source(&web.url).with_login("reader", "secret")), "a.test:1").await;
    let asked = web.asked_times(4).await;
    let tokens: Vec<_> =
        asked.iter().filter_map(|asked| asked.headers.get("authorization")).collect();
    assert_eq!(tokens[..2], ["t0", "t2"]);
}
