//! `EndpointSlice`s, from a server of ours: no API server is to be had. `kubectl` checks the server.

mod rollout;
mod rules;
mod watches;

use evenkeel::{Kubernetes as Source, ListWatchConfig};
use evenkeel_tests::servers::kubernetes::{Kubernetes, PATH};
use serde_json::{Value, json};

use crate::etcd::quick;
use crate::{Bed, becomes, bed, error, known, status, well};

pub(crate) fn source(kubernetes: &Kubernetes) -> Source {
    Source::new(&kubernetes.web.url, "shop", "web").unwrap().with_config(quick()).unwrap()
}

pub(crate) fn http() -> Value {
    json!([{"name": "http", "port": 80, "protocol": "TCP"}])
}

/// An endpoint that is ready.
pub(crate) fn ready(address: &str) -> Value {
    json!({
        "addresses": [address], "nodeName": "n",
        "conditions": {"ready": true, "serving": true, "terminating": false},
    })
}

#[tokio::test]
async fn slices_are_one_set_and_followed() {
    let kubernetes = Kubernetes::start().await;
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.1"), ready("10.0.0.2")]));
    kubernetes.put("web-2", &http(), &json!([ready("10.0.0.2"), ready("10.0.0.3")]));
    let bed = bed(source(&kubernetes));
    becomes(&bed, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80").await;
    // It moves from one slice to the other, and is never away.
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.1")]));
    kubernetes.put("web-2", &http(), &json!([ready("10.0.0.2"), ready("10.0.0.4")]));
    becomes(&bed, "10.0.0.1:80 10.0.0.2:80 10.0.0.4:80").await;
    kubernetes.put("web-3", &http(), &json!([ready("10.0.0.5")]));
    becomes(&bed, "10.0.0.1:80 10.0.0.2:80 10.0.0.4:80 10.0.0.5:80").await;
    kubernetes.delete("web-2");
    becomes(&bed, "10.0.0.1:80 10.0.0.5:80").await;
    let asked = kubernetes.web.asked_times(2).await;
    assert!(asked.iter().all(|asked| asked.path == PATH));
    let query = |index: usize| {
        let query = asked[index].query.iter();
        query.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let label = "labelSelector=kubernetes.io/service-name=web";
    assert_eq!(query(0), format!("{label} limit=500"));
    let watch = "resourceVersion=102 timeoutSeconds=290 watch=1";
    assert_eq!(query(1), format!("allowWatchBookmarks=true {label} {watch}"));
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_list_comes_by_pages() {
    let kubernetes = Kubernetes::start().await;
    kubernetes.set(|state| state.page = 2);
    let mut targets = Vec::new();
    for number in 1..=5 {
        let address = format!("10.0.0.{number}");
        kubernetes.put(&format!("web-{number}"), &http(), &json!([ready(&address)]));
        targets.push(format!("{address}:80"));
    }
    becomes(&bed(source(&kubernetes)), &targets.join(" ")).await;
    let asked = kubernetes.web.asked_times(3).await;
    let more: Vec<_> =
        asked.iter().take(3).map(|asked| asked.query.get("continue").cloned()).collect();
    assert_eq!(more, [None, Some("2".to_owned()), Some("4".to_owned())]);
}

#[tokio::test]
async fn a_token_is_read_again_for_each_question() {
    let kubernetes = Kubernetes::start().await;
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.1")]));
    kubernetes.set(|state| state.token = Some("Bearer first-secret".to_owned()));
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "first-secret\n").unwrap();
    let bed = bed(source(&kubernetes).with_token_file(&file));
    becomes(&bed, "10.0.0.1:80").await;
    // The cluster gives another, and the watch ends.
    kubernetes.set(|state| state.token = Some("Bearer second-secret".to_owned()));
    kubernetes.forget();
    let said = error(&bed).await;
    assert!(
        said.ends_with(r#"status 401: {"kind":"Status","message":"Unauthorized","code":401}"#),
        "{said}"
    );
    std::fs::write(&file, "second-secret\n").unwrap();
    well(&bed).await;
    std::fs::remove_file(&file).unwrap();
    kubernetes.forget();
    let said = error(&bed).await;
    assert_eq!(
        said,
        format!("`token`: {}: No such file or directory (os error 2)", file.display())
    );
    assert_eq!(known(&bed), "10.0.0.1:80");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let said =
        |url, namespace, service| Source::new(url, namespace, service).unwrap_err().to_string();
    assert_eq!(said("http://a.test", "", "web"), "`namespace`: it is empty");
    assert_eq!(said("http://a.test", "shop", ""), "`service`: it is empty");
    assert!(said("a.test", "shop", "web").starts_with("'a.test': "));
    let token = Source::new("http://a.test", "a", "b").unwrap().with_token("a\nb");
    assert_eq!(
        token.unwrap_err().to_string(),
        "`token`: 3 bytes with some that no header may have"
    );
    let fixed = Source::new("http://a.test", "a", "b").unwrap().with_token("the-secret").unwrap();
    assert!(!format!("{fixed:?}").contains("the-secret"));
    // No test runs in a pod.
    let said = Source::in_cluster("web").unwrap_err().to_string();
    assert!(said.starts_with("`KUBERNETES_SERVICE_HOST`: "), "{said}");
}

#[tokio::test]
async fn kubectl_sees_the_same_in_the_server_of_ours() {
    let kubernetes = Kubernetes::start().await;
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.1")]));
    let dir = tempfile::TempDir::new().unwrap();
    let mut child = tokio::process::Command::new("kubectl")
        .args(["get", "endpointslices.v1.discovery.k8s.io", "--watch", "--namespace", "shop"])
        .args(["--output-watch-events", "--output"])
        .arg(
            "jsonpath={.type} {.object.metadata.name}={.object.endpoints[*].addresses[*]}{\"\\n\"}",
        )
        .args(["--server", &kubernetes.web.url, "--cache-dir"])
        .arg(dir.path())
        .env("KUBECONFIG", "/dev/null")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("kubectl: install kubernetes-client");
    let out = child.stdout.take().unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(out));
    let mut line = async || {
        let line = tokio::time::timeout(crate::PATIENCE, lines.next_line()).await;
        line.expect("kubectl says something").unwrap().unwrap_or_default()
    };
    assert_eq!(line().await, "ADDED web-1=10.0.0.1");
    kubernetes.put("web-2", &http(), &json!([ready("10.0.0.2"), ready("10.0.0.3")]));
    assert_eq!(line().await, "ADDED web-2=10.0.0.2 10.0.0.3");
    kubernetes.bookmark();
    kubernetes.put("web-1", &http(), &json!([ready("10.0.0.9")]));
    assert_eq!(line().await, "MODIFIED web-1=10.0.0.9");
    kubernetes.delete("web-2");
    assert_eq!(line().await, "DELETED web-2=10.0.0.2 10.0.0.3");
    child.kill().await.unwrap();
}
