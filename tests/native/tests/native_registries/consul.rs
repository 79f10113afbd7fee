//! Consul, as far as its published protocol goes: no server is to be had.

use evenkeel::{Consul as Source, Discover, Empty, SourceHealth};
use evenkeel_tests::servers::consul::{Consul, Instance};

use crate::{Bed, becomes, bed, error, known, quick, status, well};

fn source(consul: &Consul) -> Source {
    Source::new(&consul.web.url, "web").unwrap().with_config(quick()).unwrap()
}

async fn three() -> (Consul, Bed) {
    let mut own = Instance::on("10.0.0.2", 80);
    own.address = "web.test";
    let v6 = Instance::on("2001:db8::1", 80);
    let consul = Consul::start(vec![Instance::on("10.0.0.1", 80), own, v6]).await;
    let bed = bed(source(&consul));
    becomes(&bed, "web.test:80 10.0.0.1:80 [2001:db8::1]:80").await;
    (consul, bed)
}

#[tokio::test]
async fn changes_are_there_at_once() {
    let (consul, bed) = three().await;
    for port in 81..90 {
        consul.change(|state| {
            state.index += 1;
            state.instances = vec![Instance::on("10.0.0.1", port)];
        });
        becomes(&bed, &format!("10.0.0.1:{port}")).await;
    }
    let asked = consul.web.asked_times(11).await;
    assert_eq!(asked[0].query.get("index"), None);
    assert_eq!((&*asked[1].query["index"], &*asked[1].query["wait"]), ("10", "50s"));
    assert_eq!((&*asked[0].query["passing"], &*asked[0].query["stale"]), ("1", "1"));
}

#[tokio::test]
async fn an_index_that_goes_backwards_or_is_zero_is_no_trap() {
    let (consul, bed) = three().await;
    consul.web.asked_times(2).await;
    consul.change(|state| {
        state.index = 3;
        state.instances = vec![Instance::on("10.0.0.9", 80)];
    });
    becomes(&bed, "10.0.0.9:80").await;
    let asked = consul.web.asked_times(4).await;
    let indexes: Vec<_> = asked.iter().map(|asked| asked.query.get("index").cloned()).collect();
    let some = |index: &str| Some(index.to_owned());
    assert_eq!(indexes[..4], [None, some("10"), None, some("3")]);
    // Index 0 is asked for as 1.
    consul.change(|state| state.index = 0);
    let asked = consul.web.asked_times(6).await;
    assert_eq!(asked[4].query.get("index"), None);
    assert_eq!(asked[5].query["index"], "1");
}

#[tokio::test]
async fn errors_change_nothing_and_are_told() {
    let (consul, bed) = three().await;
    let before = known(&bed);
    for (code, body) in [
        (500, "No cluster leader"),
        (
            403,
            "rpc error making call: Permission denied: token with AccessorID 'x' lacks permission",
        ),
        (429, "rate limit exceeded, try again later"),
    ] {
        consul.change(|state| state.fault = Some((code, body)));
        let said = format!("{}/v1/health/service/web: status {code}: {body}", consul.web.url);
        status(&bed, |status| status.error.as_ref().is_some_and(|error| error.to_string() == said))
            .await;
        assert_eq!(known(&bed), before);
        assert!(matches!(bed.discovery().borrow().health, SourceHealth::Stale { .. }));
        let asked = consul.web.asked().len();
        consul.change(|state| state.fault = None);
        well(&bed).await;
        // After an error it asks without an index.
        let after = consul.web.asked_times(asked + 1).await;
        assert!(after[asked..].iter().any(|asked| !asked.query.contains_key("index")));
    }
}

#[tokio::test]
async fn an_empty_answer_is_not_believed() {
    let (consul, bed) = three().await;
    let before = known(&bed);
    consul.change(|state| (state.index, state.instances) = (11, Vec::new()));
    status(&bed, |status| status.empty_held == 1).await;
    assert_eq!(known(&bed), before);
}

#[tokio::test]
async fn what_the_token_may_not_see_is_told_and_never_taken_for_nothing() {
    let (consul, _) = three().await;
    let believing = source(&consul).with_empty(Empty::Accept);
    let bed = bed(believing);
    becomes(&bed, "web.test:80 10.0.0.1:80 [2001:db8::1]:80").await;
    consul.change(|state| {
        (state.index, state.headers) = (11, "X-Consul-Results-Filtered-By-ACLs: true\r\n");
        state.instances.truncate(1);
    });
    let told = status(&bed, |status| status.skipped.count() == 1).await;
    assert_eq!(&*told.skipped.reasons()[0], "what the token may not see");
    becomes(&bed, "10.0.0.1:80").await;
    consul.change(|state| (state.index, state.instances) = (12, Vec::new()));
    assert_eq!(error(&bed).await, "`token`: it may see none of the instances");
    assert_eq!(known(&bed), "10.0.0.1:80");
    consul.change(|state| (state.index, state.headers) = (13, ""));
    becomes(&bed, "").await;
}

#[tokio::test]
async fn checks_and_weights_count_as_consul_says() {
    let mut warns = Instance::on("10.0.0.1", 80);
    (warns.status, warns.weights) = ("warning", (10, 2));
    let mut passes = Instance::on("10.0.0.2", 80);
    passes.weights = (5, 1);
    let mut fails = Instance::on("10.0.0.3", 80);
    fails.status = "critical";
    let mut bad = Instance::on("10.0.0.4", 0);
    bad.id = "web-4";
    let consul = Consul::start(vec![warns, passes, fails, bad]).await;
    let only_passing = bed(source(&consul));
    becomes(&only_passing, "10.0.0.2:80").await;
    assert_eq!(only_passing.endpoints()[0].endpoint.weight, 5);
    let with_warnings = bed(source(&consul).with_warnings());
    becomes(&with_warnings, "10.0.0.1:80 10.0.0.2:80").await;
    let weights: Vec<_> =
        with_warnings.endpoints().iter().map(|status| status.endpoint.weight).collect();
    assert_eq!(weights, [2, 5]);
    let skipped = with_warnings.discovery().borrow().skipped.clone();
    assert_eq!(skipped.count(), 1);
    assert!(skipped.reasons()[0].starts_with("service 'web-4': "), "{skipped:?}");
}

#[tokio::test]
async fn what_is_asked_for_is_as_the_protocol_has_it() {
    let tagged = Instance { tags: &["v2", "a\"b"], ..Instance::on("10.0.0.1", 80) };
    let consul = Consul::start(vec![tagged]).await;
    let source = source(&consul)
        .with_token("the-secret-token")
        .unwrap()
        .with_datacenter("dc 2")
        .with_namespace("ns")
        .with_tag("v2")
        .with_tag("a\"b")
        .with_filter("Service.Meta.x == \"1\"")
        .with_leader();
    assert!(!format!("{source:?}").contains("the-secret-token"));
    let bed = bed(source);
    becomes(&bed, "10.0.0.1:80").await;
    let asked = &consul.web.asked()[0];
    assert_eq!(asked.headers["x-consul-token"], "the-secret-token");
    let filter = "Service.Tags contains \"v2\" and Service.Tags contains \"a\\\"b\" \
                  and (Service.Meta.x == \"1\")";
    let query: Vec<_> = asked.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(query, [("dc", "dc 2"), ("filter", filter), ("ns", "ns"), ("passing", "1")]);
    // The secret is in no error, even if the server says it.
    consul.change(|state| state.fault = Some((403, "ACL not found: the-secret-token")));
    assert!(error(&bed).await.ends_with("status 403: ACL not found: ***"));
    assert_eq!(Source::new("http://a.test", "").unwrap_err().to_string(), "`service`: it is empty");
}

#[tokio::test]
async fn n7_an_instance_needs_all_tags_and_the_address_of_the_service_counts() {
    let on = |id, tags| Instance { id, tags, ..Instance::on("10.0.0.1", 80) };
    let consul = Consul::start(vec![
        Instance { port: 81, ..on("1", &["api"]) },
        Instance { port: 82, ..on("2", &["v2", "api"]) },
        Instance { port: 9000, address: "10.0.0.10", ..on("3", &["db"]) },
    ])
    .await;
    for (tags, targets) in [
        (["api"].as_slice(), "10.0.0.1:81 10.0.0.1:82"),
        (&["api", "v2"], "10.0.0.1:82"),
        (&["db"], "10.0.0.10:9000"),
    ] {
        let source = tags.iter().fold(source(&consul), |source, tag| source.with_tag(tag));
        becomes(&bed(source), targets).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_too_old_is_asked_for_again_from_the_leader() {
    let web = evenkeel_tests::servers::web::Web::start(|_, asked, answering| async move {
        let stale = asked.query.contains_key("stale");
        let (contact, port) = if stale { (60_000, 1) } else { (0, 2) };
        let body = format!(
            r#"[{{"Node":{{"Address":"10.0.0.1"}},"Service":{{"ID":"w","Port":{port}}},"Checks":[]}}]"#
        );
        let headers = format!("X-Consul-Index: 7\r\nX-Consul-Lastcontact: {contact}\r\n");
        answering.whole(200, &headers, &body).await
    })
    .await;
    let source = Source::new(&web.url, "web").unwrap().with_config(quick()).unwrap();
    becomes(&bed(source), "10.0.0.1:2").await;
    let asked = web.asked_times(2).await;
    assert!(asked[0].query.contains_key("stale") && !asked[1].query.contains_key("stale"));
}

#[tokio::test]
async fn an_answer_that_is_too_old_is_taken_where_there_is_no_leader() {
    let web = evenkeel_tests::servers::web::Web::start(|_, asked, answering| async move {
        if !asked.query.contains_key("stale") {
            return answering.whole(500, "", "No cluster leader").await;
        }
        let body = r#"[{"Node":{"Address":"10.0.0.1"},"Service":{"ID":"w","Port":1}}]"#;
        let headers = "X-Consul-Index: 7\r\nX-Consul-Lastcontact: 60000\r\n";
        answering.whole(200, headers, body).await
    })
    .await;
    let source = Source::new(&web.url, "web").unwrap().with_config(quick()).unwrap();
    let bed = bed(source);
    becomes(&bed, "10.0.0.1:1").await;
    let told = status(&bed, |status| status.skipped.count() == 1).await;
    let why = &told.skipped.reasons()[0];
    assert!(why.contains("60000 ms old") && why.contains("No cluster leader"), "{why}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_with_its_place() {
    for (body, says) in [
        ("[{\"Node\":\n{}}]", ":2:3: missing field `Service`"),
        ("[", ":1:1: EOF while parsing a list"),
        ("{\"error\": 1}", ":1:1: invalid type: map, expected a sequence"),
    ] {
        let consul = Consul::start(Vec::new()).await;
        consul.change(|state| state.fault = Some((200, body)));
        let said = error(&bed(source(&consul))).await;
        let says = format!("{}/v1/health/service/web{says}", consul.web.url);
        assert_eq!(said, says);
    }
}
