//! Which endpoints count.

use evenkeel::Zone;

use super::*;

fn conditions(address: &str, conditions: &Value) -> Value {
    json!({"addresses": [address], "conditions": conditions})
}

/// The targets that may be picked, and those that drain.
pub(crate) fn sides(bed: &Bed) -> (Vec<String>, Vec<String>) {
    let side = |drains: bool| {
        let endpoints = bed.endpoints().into_iter();
        let endpoints = endpoints.filter(|status| status.candidate != drains && !status.leaving);
        endpoints.map(|status| status.target.to_string()).collect()
    };
    (side(false), side(true))
}

async fn with(endpoints: Value) -> (Kubernetes, Bed) {
    let kubernetes = Kubernetes::start().await;
    kubernetes.put("web-1", &http(), &endpoints);
    let bed = bed(source(&kubernetes));
    bed.ready().await;
    (kubernetes, bed)
}

#[tokio::test]
async fn who_is_ready_serves_and_who_terminates_drains() {
    let (kubernetes, bed) = with(json!([
        conditions("10.0.0.1", &json!({"ready": true, "serving": true, "terminating": false})),
        conditions("10.0.0.2", &json!({"ready": false, "serving": true, "terminating": true})),
        conditions("10.0.0.3", &json!({"ready": false, "serving": false, "terminating": true})),
        conditions("10.0.0.4", &json!({"ready": false, "serving": false, "terminating": false})),
        // What is not said is good.
        conditions("10.0.0.5", &json!({})),
        conditions("10.0.0.6", &json!({"ready": null, "serving": null, "terminating": null})),
        json!({"addresses": ["10.0.0.7"]}),
        conditions("10.0.0.8", &json!({"ready": false})),
    ]))
    .await;
    becomes(&bed, "10.0.0.1:80 10.0.0.2:80 10.0.0.5:80 10.0.0.6:80 10.0.0.7:80").await;
    let (picked, drains) = sides(&bed);
    assert_eq!(picked, ["10.0.0.1:80", "10.0.0.5:80", "10.0.0.6:80", "10.0.0.7:80"]);
    assert_eq!(drains, ["10.0.0.2:80"]);
    // When none is ready, those that terminate serve, as long as they can.
    kubernetes.put(
        "web-1",
        &http(),
        &json!([
            conditions("10.0.0.2", &json!({"ready": false, "serving": true, "terminating": true})),
            conditions("10.0.0.3", &json!({"ready": false, "serving": false, "terminating": true})),
        ]),
    );
    becomes(&bed, "10.0.0.2:80").await;
    assert_eq!(sides(&bed), (vec!["10.0.0.2:80".to_owned()], Vec::new()));
    // An endpoint is as good as in the best of its slices.
    kubernetes.put("web-2", &http(), &json!([ready("10.0.0.2")]));
    kubernetes.put("web-3", &http(), &json!([ready("10.0.0.9")]));
    becomes(&bed, "10.0.0.2:80 10.0.0.9:80").await;
    assert_eq!(sides(&bed).1, Vec::<String>::new());
}

#[tokio::test]
async fn none_at_all_is_not_believed() {
    let (kubernetes, bed) = with(json!([ready("10.0.0.1")])).await;
    kubernetes.put("web-1", &http(), &json!(null));
    status(&bed, |status| status.empty_held == 1).await;
    assert_eq!(known(&bed), "10.0.0.1:80");
}

#[tokio::test]
async fn the_port_is_chosen_by_name_or_number() {
    let kubernetes = Kubernetes::start().await;
    let ports = json!([{"name": "http", "port": 80}, {"name": "admin", "port": 9000}, {"port": 7}]);
    kubernetes.put("web-1", &ports, &json!([ready("10.0.0.1")]));
    for (port, targets) in [("http", "10.0.0.1:80"), ("9000", "10.0.0.1:9000"), ("", "10.0.0.1:7")]
    {
        becomes(&bed(source(&kubernetes).with_port(port)), targets).await;
    }
    let reason = |source: Source| async {
        let bed = bed(source);
        let told = status(&bed, |status| status.skipped.count() == 1).await;
        told.skipped.reasons()[0].to_string()
    };
    assert_eq!(
        reason(source(&kubernetes)).await,
        "slice 'web-1': it has 3 ports ('http', 'admin', ''): name one"
    );
    assert_eq!(
        reason(source(&kubernetes).with_port("grpc")).await,
        "slice 'web-1': it has no port 'grpc', but 'http', 'admin', ''"
    );
    assert_eq!(
        reason(source(&kubernetes).with_port("81")).await,
        "slice 'web-1': it has no port 81, but 'http', 'admin', ''"
    );
}

#[tokio::test]
async fn zones_and_hints_are_obeyed() {
    let hinted = |address: &str, zone: &str, hint: &str| {
        let mut endpoint = ready(address);
        endpoint["zone"] = zone.into();
        endpoint["hints"] = json!({"forZones": [{"name": hint}]});
        endpoint
    };
    let kubernetes = Kubernetes::start().await;
    let both = json!([
        hinted("10.0.0.1", "a", "a"),
        hinted("10.0.0.2", "b", "b"),
        hinted("10.0.0.3", "b", "a")
    ]);
    kubernetes.put("web-1", &http(), &both);
    let zones = source(&kubernetes).with_zone("a", Zone::new(1)).with_zone("b", Zone::new(2));
    let all = bed(zones);
    becomes(&all, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80").await;
    let ours = bed(source(&kubernetes).with_hints_for("a"));
    becomes(&ours, "10.0.0.1:80 10.0.0.3:80").await;
    // No hint for the zone, or an endpoint without: all count.
    becomes(&bed(source(&kubernetes).with_hints_for("c")), "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80")
        .await;
    kubernetes.put("web-2", &http(), &json!([ready("10.0.0.4")]));
    becomes(&ours, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 10.0.0.4:80").await;
}
