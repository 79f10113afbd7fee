//! A list behind a URL: asked at intervals, by tags, and by long polls.

mod faults;
mod settings;

use core::time::Duration;
use std::sync::Arc;

use evenkeel::{HttpList, SourceHealth};
use evenkeel_tests::servers::web::Web;
use tokio::sync::watch;

use crate::{Bed, becomes, bed, error, known, quick, status, well};

/// A server that answers with one answer after the other, and with the last for ever.
pub(crate) async fn answering(answers: &[(u16, &str, &str)]) -> Web {
    let answers: Vec<_> = answers
        .iter()
        .map(|(status, headers, body)| (*status, (*headers).to_owned(), (*body).to_owned()))
        .collect();
    Web::start(move |number, _, answering| {
        let (status, headers, body) = answers[number.min(answers.len() - 1)].clone();
        async move { answering.whole(status, &headers, &body).await }
    })
    .await
}

pub(crate) fn http(web: &Web) -> Bed {
    let source = HttpList::new(&format!("{}/list.json?team=a", web.url)).unwrap();
    bed(source.with_config(quick()).unwrap())
}

#[tokio::test]
async fn a_list_is_asked_for_again_and_again() {
    let list = r#"["b.test:1", {"target": "10.0.0.1:80", "weight": 2, "zone": 3}]"#;
    let web = answering(&[(200, "", list)]).await;
    let bed = http(&web);
    becomes(&bed, "b.test:1 10.0.0.1:80").await;
    assert_eq!(bed.endpoints()[1].endpoint.weight, 2);
    let web = answering(&[(200, "", list), (200, "", r#"["a:1"]"#)]).await;
    let bed = http(&web);
    becomes(&bed, "a:1").await;
    let asked = web.asked_times(4).await;
    assert!(asked.iter().all(|asked| asked.method == "GET" && asked.path == "/list.json"));
    assert!(asked.iter().all(|asked| asked.query["team"] == "a" && asked.query.len() == 1));
    assert_eq!(asked[0].headers["host"], web.authority);
    assert_eq!(asked[0].headers["accept"], "application/json");
}

#[tokio::test]
async fn what_has_a_tag_is_not_sent_again() {
    let web = answering(&[
        (200, "ETag: \"v1\"\r\n", r#"["a:1"]"#),
        (304, "", ""),
        (503, "", ""),
        (304, "", ""),
        (200, "ETag: \"v2\"\r\n", r#"["b:1"]"#),
        (200, "", r#"["c:1"]"#),
    ])
    .await;
    let bed = http(&web);
    becomes(&bed, "c:1").await;
    let asked = web.asked_times(7).await;
    let tags: Vec<_> = asked
        .iter()
        .take(7)
        .map(|asked| asked.headers.get("if-none-match").map(|tag| &**tag))
        .collect();
    let (v1, v2) = (Some("\"v1\""), Some("\"v2\""));
    assert_eq!(tags, [None, v1, v1, v1, v1, v2, None]);
    // What was not modified is known, and all is well again.
    let web =
        answering(&[(200, "ETag: \"v1\"\r\n", r#"["a:1"]"#), (503, "", ""), (304, "", "")]).await;
    let bed = http(&web);
    status(&bed, |status| status.failures == 1).await;
    well(&bed).await;
    assert_eq!(
        (known(&bed), bed.discovery().borrow().health),
        ("a:1".to_owned(), SourceHealth::Fresh)
    );
}

/// A server with an index, which keeps a question until it has another.
async fn with_index(state: watch::Receiver<(u64, &'static str)>) -> Web {
    Web::start(move |_, asked, answering| {
        let mut state = state.clone();
        async move {
            if let Some(index) = asked.query.get("index") {
                let other = state.wait_for(|state| state.0.to_string() != *index);
                let wait = asked.query["wait"].trim_end_matches('s').parse().unwrap();
                drop(tokio::time::timeout(Duration::from_secs(wait), other).await);
            }
            let (index, list) = *state.borrow();
            answering.whole(200, &format!("X-Index: {index}\r\n"), list).await
        }
    })
    .await
}

#[tokio::test]
async fn a_server_that_keeps_the_question_is_followed_at_once() {
    let (state, receiver) = watch::channel((5, r#"["a:1"]"#));
    let web = with_index(receiver).await;
    let config = evenkeel::LongPollConfig { interval: Duration::from_secs(3_600), ..quick() };
    let bed = bed(HttpList::new(&web.url).unwrap().with_config(config).unwrap());
    becomes(&bed, "a:1").await;
    for (index, list, targets) in
        [(6, r#"["b:1"]"#, "b:1"), (9, r#"["b:1", "c:1"]"#, "b:1 c:1"), (2, r#"["d:1"]"#, "d:1")]
    {
        state.send_replace((index, list));
        becomes(&bed, targets).await;
    }
    // The last index went backwards: it was asked anew, without one.
    let asked = web.asked_times(6).await;
    let index = |asked: &evenkeel_tests::servers::web::Asked| asked.query.get("index").cloned();
    let indexes: Vec<_> = asked.iter().map(index).collect();
    let some = |index: &str| Some(index.to_owned());
    assert_eq!(indexes, [None, some("5"), some("6"), some("9"), None, some("2")]);
    assert_eq!(asked[1].query["wait"], "50s");
}

#[tokio::test]
async fn a_source_that_is_dropped_hangs_up() {
    let (hung_up, mut heard) = watch::channel(false);
    let hung_up = Arc::new(hung_up);
    let web = Web::start(move |number, _, answering| {
        let hung_up = Arc::clone(&hung_up);
        async move {
            if number == 0 {
                return answering.whole(200, "X-Index: 1\r\n", r#"["a:1"]"#).await;
            }
            answering.hung_up().await?;
            hung_up.send_replace(true);
            Ok(())
        }
    })
    .await;
    let bed = http(&web);
    web.asked_times(2).await;
    assert!(!*heard.borrow());
    drop(bed);
    tokio::time::timeout(crate::PATIENCE, heard.wait_for(|heard| *heard)).await.unwrap().unwrap();
    assert_eq!(web.asked().len(), 2, "and asks nothing more");
}

#[tokio::test]
async fn an_empty_list_is_not_believed() {
    let web = answering(&[(200, "", r#"["a:1"]"#), (200, "", "[]")]).await;
    let bed = http(&web);
    status(&bed, |status| status.empty_held >= 2).await;
    assert_eq!(known(&bed), "a:1");
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_kept() {
    for header in [
        "Retry-After: 3600\r\n",
        "Retry-After: Sun, 06 Nov 1994 08:59:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    ] {
        let web = answering(&[(429, header, "slow down"), (200, "", r#"["a:1"]"#)]).await;
        let bed = http(&web);
        assert_eq!(error(&bed).await, format!("{}/list.json: status 429: slow down", web.url));
        bed.refresh();
        // Nothing comes from outside: the clock may jump.
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(590)).await;
        tokio::time::resume();
        assert_eq!(web.asked().len(), 1);
    }
    let web = answering(&[(503, "Retry-After: 1\r\n", ""), (200, "", r#"["a:1"]"#)]).await;
    let begin = tokio::time::Instant::now();
    becomes(&http(&web), "a:1").await;
    assert!(begin.elapsed() >= Duration::from_secs(1));
}
