//! Watches that end, and history that is gone.

use core::time::Duration;

use evenkeel_tests::servers::web::Web;
use tokio::sync::watch;

use super::*;
use crate::{tasks, tasks_become};

#[tokio::test]
async fn history_that_is_gone_is_listed_anew() {
    let kubernetes = Kubernetes::start().await;
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.1")]));
    let bed = bed(source(&kubernetes));
    becomes(&bed, "10.0.0.1:80").await;
    kubernetes.web.asked_times(2).await;
    kubernetes.forget();
    let asked = kubernetes.web.asked_times(4).await;
    assert!(asked[2].query.contains_key("limit") && asked[3].query.contains_key("watch"));
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.2")]));
    becomes(&bed, "10.0.0.2:80").await;
    assert_eq!(bed.discovery().borrow().failures, 0, "it is no error");
}

#[tokio::test]
async fn a_bookmark_moves_where_the_next_watch_begins() {
    let (list, bookmark) = (
        r#"{"metadata":{"resourceVersion":"5"},"items":[]}"#,
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"opaque-9\"}}}\n",
    );
    let web = Web::start(move |number, _, mut answering| async move {
        match number {
            0 | 3 => answering.whole(200, "", list).await,
            1 => {
                answering.stream().await?;
                answering.chunk(bookmark).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
                answering.chunk("").await
            }
            2 => answering.whole(410, "", "").await,
            _ => answering.hung_up().await,
        }
    })
    .await;
    let source = Source::new(&web.url, "shop", "web").unwrap().with_config(quick()).unwrap();
    let bed = bed(source);
    let asked = web.asked_times(5).await;
    let from = |index: usize| asked[index].query.get("resourceVersion").cloned();
    assert_eq!(from(1).as_deref(), Some("5"));
    assert_eq!(from(2).as_deref(), Some("opaque-9"));
    assert_eq!(from(3), None, "410: it lists");
    assert_eq!(from(4).as_deref(), Some("5"), "versions have no order");
    drop(bed);
}

#[tokio::test]
async fn errors_change_nothing_and_are_told() {
    let kubernetes = Kubernetes::start().await;
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.1")]));
    let bed = bed(source(&kubernetes));
    becomes(&bed, "10.0.0.1:80").await;
    for (code, body) in [
        (403, r#"{"message":"endpointslices.discovery.k8s.io is forbidden"}"#),
        (404, "404 page not found"),
        (429, "too many requests"),
        (500, ""),
    ] {
        kubernetes.set(|state| state.fault = Some((code, body)));
        // It ends the watch.
        kubernetes.forget();
        let says = format!("status {code}");
        status(&bed, |status| {
            status.error.as_ref().is_some_and(|error| error.to_string().contains(&says))
        })
        .await;
        let said = error(&bed).await;
        assert!(said.ends_with(body), "{said}");
        assert_eq!(known(&bed), "10.0.0.1:80");
        kubernetes.set(|state| state.fault = None);
        well(&bed).await;
    }
}

#[tokio::test]
async fn lines_that_are_none_are_told_with_their_place() {
    for (line, says) in [
        ("garbage\n", ":1:1: expected value"),
        ("{\"type\":\"ADDED\"}\n", ":1:16: missing field `object`"),
        ("{\"type\":\"MOVED\",\"object\":{}}\n", ":1:15: unknown variant `MOVED`"),
        ("{\"type\":\"ADDED\",\"object\":{\"metadata\":7}}\n", ":1:13: invalid type: integer `7`"),
        (
            "{\"type\":\"ERROR\",\"object\":{\"code\":500,\"message\":\"etcd is away\"}}\n",
            ": the watch ended: code 500: etcd is away",
        ),
    ] {
        let web = Web::start(move |number, _, mut answering| async move {
            if number == 0 {
                let list = r#"{"metadata":{"resourceVersion":"5"},"items":null}"#;
                return answering.whole(200, "", list).await;
            }
            answering.stream().await?;
            answering.chunk(line).await?;
            answering.hung_up().await
        })
        .await;
        let config = ListWatchConfig {
            backoff_base: Duration::from_secs(3),
            backoff_max: Duration::from_secs(3),
            ..quick()
        };
        let source = Source::new(&web.url, "shop", "web").unwrap().with_config(config).unwrap();
        let said = error(&bed(source)).await;
        let says = format!("{}{PATH}{says}", web.url);
        assert!(said.starts_with(&says), "{said} instead of {says}");
    }
}

/// How far a source is when its balancer is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Lists,
    BeginsToWatch,
    Watches,
}

#[tokio::test]
async fn a_dropped_balancer_hangs_up_and_leaves_no_task() {
    for stage in [Stage::Lists, Stage::BeginsToWatch, Stage::Watches] {
        let (hung_up, mut heard) = watch::channel(false);
        let web = Web::start(move |number, _, mut answering| {
            let hung_up = hung_up.clone();
            async move {
                if number == 0 && stage != Stage::Lists {
                    let list = r#"{"metadata":{"resourceVersion":"5"},"items":null}"#;
                    return answering.whole(200, "", list).await;
                }
                if stage == Stage::Watches {
                    answering.stream().await?;
                }
                answering.hung_up().await?;
                hung_up.send_replace(true);
                Ok(())
            }
        })
        .await;
        let (before, asked) = (tasks(), if stage == Stage::Lists { 1 } else { 2 });
        let bed = bed(Source::new(&web.url, "shop", "web").unwrap());
        web.asked_times(asked).await;
        if stage == Stage::Watches {
            status(&bed, |status| status.empty_held == 1).await;
        }
        assert!(!*heard.borrow() && tasks() > before, "{stage:?}");
        drop(bed);
        let heard = tokio::time::timeout(crate::PATIENCE, heard.wait_for(|heard| *heard)).await;
        drop(heard.expect("it hangs up").unwrap());
        tasks_become(before).await;
        assert_eq!(web.asked().len(), asked, "{stage:?}: it asks nothing more");
        drop(web);
        tasks_become(0).await;
    }
}

/// A watch as an API server would send it, with slices that overlap while they move.
#[tokio::test]
async fn a_stream_in_pieces_ends_where_it_should() {
    let slice = |name: &str, version: u32, addresses: &[&str]| {
        let endpoints: Vec<_> = addresses.iter().map(|address| ready(address)).collect();
        json!({
            "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
            "metadata": {"name": name, "resourceVersion": version.to_string(), "managedFields": []},
            "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        })
    };
    let events = [
        ("ADDED", slice("web-a", 11, &["10.1.0.1", "10.1.0.2"])),
        ("ADDED", slice("web-b", 12, &["10.1.0.2", "10.1.0.3"])),
        ("MODIFIED", slice("web-a", 13, &["10.1.0.1"])),
        ("MODIFIED", slice("web-b", 14, &["10.1.0.2", "10.1.0.3", "10.1.0.4"])),
        (
            "BOOKMARK",
            json!({"metadata": {"resourceVersion": "15"}, "endpoints": null, "ports": null}),
        ),
        ("DELETED", slice("web-a", 16, &["10.1.0.1"])),
    ];
    let lines = events.map(|(kind, object)| json!({"type": kind, "object": object}).to_string());
    let lines = lines.join("\n") + "\n";
    let web = Web::start(move |number, _, mut answering| {
        let lines = lines.clone();
        async move {
            if number == 0 {
                let list = r#"{"kind":"EndpointSliceList","metadata":{"resourceVersion":"10"},"items":[]}"#;
                return answering.whole(200, "", list).await;
            }
            answering.stream().await?;
            // In pieces that do not care for lines.
            for piece in lines.as_bytes().chunks(100) {
                answering.chunk(core::str::from_utf8(piece).unwrap()).await?;
            }
            answering.hung_up().await
        }
    })
    .await;
    let source = Source::new(&web.url, "shop", "web").unwrap().with_config(quick()).unwrap();
    becomes(&bed(source), "10.1.0.2:8080 10.1.0.3:8080 10.1.0.4:8080").await;
}
