//! A rollout as an API server streams it: objects with all that it says of them, most of which does
//! not matter here.

use evenkeel_tests::servers::web::Web;
use tokio::sync::watch;

use super::*;

/// A pod: its address, and whether it is ready, serves, and terminates.
type Pod = (&'static str, bool, bool, bool);

/// The endpoint slice of a service with two ports, as kube-controller-manager writes it.
fn slice(version: u64, pods: &[Pod]) -> Value {
    let endpoints = pods.iter().map(|(address, ready, serving, terminating)| {
        json!({
            "addresses": [address],
            "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
            "targetRef": {
                "kind": "Pod", "namespace": "shop", "name": format!("web-{address}"), "uid": "0e1b",
            },
            "nodeName": "node-1", "zone": "zone-a",
        })
    });
    json!({
        "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": "web-x7k2p", "generateName": "web-", "namespace": "shop", "uid": "5d7a",
            "resourceVersion": version.to_string(), "generation": version % 10,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": "web",
            },
            "annotations": {
                "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:01Z",
            },
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Service", "name": "web", "uid": "7c5f",
                "controller": true, "blockOwnerDeletion": true,
            }],
            "managedFields": [{
                "manager": "kube-controller-manager", "operation": "Update",
                "apiVersion": "discovery.k8s.io/v1", "time": "2026-01-01T00:00:01Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": {
                    "f:addressType": {}, "f:endpoints": {}, "f:ports": {},
                    "f:metadata": {"f:ownerReferences": {".": {}, "k:{\"uid\":\"7c5f\"}": {}}},
                },
            }],
        },
        "addressType": "IPv4",
        "endpoints": endpoints.collect::<Value>(),
        "ports": [
            {"name": "http", "protocol": "TCP", "port": 8080},
            {"name": "metrics", "protocol": "TCP", "port": 9090},
        ],
    })
}

fn list(version: u64, pods: &[Pod]) -> String {
    let list = json!({
        "kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1",
        "metadata": {"resourceVersion": version.to_string()},
        "items": [slice(version, pods)],
    });
    list.to_string()
}

fn event(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string() + "\n"
}

const OLD: Pod = ("10.2.0.1", true, true, false);
const NEW: Pod = ("10.2.0.2", true, true, false);
const STARTS: Pod = ("10.2.0.2", false, false, false);
const DRAINS: Pod = ("10.2.0.1", false, true, true);
const ENDS: Pod = ("10.2.0.1", false, false, true);

/// What the watch says, and what is known then.
struct Step {
    line: String,
    /// The endpoints, and those of them that drain in brackets.
    set: &'static str,
    /// So many sets there were.
    version: u64,
    /// So often the source had something to say.
    said: u64,
}

fn steps() -> Vec<Step> {
    let bookmark = json!({
        "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": "",
        "metadata": {"resourceVersion": "5493506160", "creationTimestamp": null},
        "endpoints": null, "ports": null,
    });
    let modified = |version, pods: &[Pod]| event("MODIFIED", &slice(version, pods));
    let step = |line, set, version, said| Step { line, set, version, said };
    let (both, new) = ("10.2.0.1:8080 10.2.0.2:8080", "10.2.0.2:8080");
    vec![
        step(modified(5_493_506_154, &[OLD, STARTS]), "10.2.0.1:8080", 1, 2),
        step(modified(5_493_506_155, &[OLD, NEW]), both, 2, 3),
        step(modified(5_493_506_156, &[DRAINS, NEW]), "(10.2.0.1:8080) 10.2.0.2:8080", 3, 4),
        step(event("BOOKMARK", &bookmark), "(10.2.0.1:8080) 10.2.0.2:8080", 3, 4),
        step(modified(5_493_506_161, &[ENDS, NEW]), new, 4, 5),
        step(modified(5_493_506_162, &[NEW]), new, 4, 6),
    ]
}

/// Returns the set that is known, and its version.
fn set(bed: &Bed) -> (String, u64) {
    let set = bed.discovered().borrow().clone();
    let shown = set.endpoints.iter().map(|endpoint| {
        let target = &endpoint.addr;
        if endpoint.draining { format!("({target})") } else { target.to_string() }
    });
    (shown.collect::<Vec<_>>().join(" "), set.version)
}

/// Waits until the source has said so much, and what it said is taken over.
async fn has_said(bed: &Bed, said: u64) {
    status(bed, |status| status.queries == said).await;
    // Nobody waits for anything else any more: all tasks have their turn, several times.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_rollout_is_followed_step_by_step_and_after_its_history_is_gone() {
    let (step, steps_told) = watch::channel(0);
    let web = Web::start(move |number, _, mut answering| {
        let mut told = steps_told.clone();
        async move {
            match number {
                0 => return answering.whole(200, "", &list(5_493_506_153, &[OLD])).await,
                // In another cluster, or after a restore: versions have no order.
                2 => return answering.whole(200, "", &list(17, &[NEW, OLD])).await,
                1 => answering.stream().await?,
                _ => {
                    answering.stream().await?;
                    return answering.hung_up().await;
                }
            }
            for (number, Step { line, .. }) in steps().into_iter().enumerate() {
                let _ = told.wait_for(|step| *step > number).await;
                answering.chunk(&line).await?;
            }
            let _ = told.wait_for(|step| *step > steps().len()).await;
            let gone = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "The resourceVersion for the provided watch is too old.",
                "reason": "Expired", "code": 410,
            });
            answering.chunk(&event("ERROR", &gone)).await?;
            answering.hung_up().await
        }
    })
    .await;
    let source = Source::new(&web.url, "shop", "web").unwrap().with_port("http");
    let bed = bed(source.with_config(quick()).unwrap());
    becomes(&bed, "10.2.0.1:8080").await;
    for (number, Step { line, set: wanted, version, said }) in steps().into_iter().enumerate() {
        step.send_replace(number + 1);
        has_said(&bed, said).await;
        assert_eq!(set(&bed), (wanted.to_owned(), version), "after {line}");
    }
    step.send_replace(steps().len() + 1);
    has_said(&bed, 7).await;
    assert_eq!(set(&bed), ("10.2.0.1:8080 10.2.0.2:8080".to_owned(), 5));
    assert_eq!(bed.discovery().borrow().failures, 0, "none of that is an error");
    let asked = web.asked_times(4).await;
    let from = |index: usize| asked[index].query.get("resourceVersion").map(String::as_str);
    let versions = [from(0), from(1), from(2), from(3)];
    assert_eq!(versions, [None, Some("5493506153"), None, Some("17")]);
}
