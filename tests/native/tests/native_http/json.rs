//! Bodies as text, and as JSON both ways.

use std::collections::BTreeMap;

use evenkeel::http::BodyError;
use serde_json::{Value, json};

use super::{Act, Server, client, status};

#[tokio::test]
async fn json_goes_out_and_comes_in() {
    let server = Server::always(Act::Answer(200, "", r#"{"id":7}"#)).await;
    let client = client(&[&server]).await;
    let order = json!({ "of": ["apples", "pears"] });
    let answer = client.post("/").json(&order).send().await.expect("an answer");
    assert_eq!(answer.into_body().json::<Value>(8).await.expect("JSON"), json!({ "id": 7 }));
    let asked = server.asked().pop().expect("one");
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!(asked.body, order.to_string());

    let patch = client.patch("/").header("Content-Type", "application/json-patch+json");
    patch.json(&json!([])).send().await.expect("an answer");
    let asked = server.asked().pop().expect("one");
    assert_eq!(asked.headers["content-type"], "application/json-patch+json");

    let answer = client.get("/").send().await.expect("an answer");
    let error = answer.into_body().json::<Value>(7).await.expect_err("longer than that");
    assert!(matches!(error, BodyError::TooLarge { limit: 7 }), "{error}");
}

#[tokio::test]
async fn what_is_no_json_is_nothing_of_its_endpoint() {
    let server = Server::always(Act::OK).await;
    let client = client(&[&server]).await;
    let answer = client.get("/").send().await.expect("an answer");
    assert_eq!(answer.into_body().text(4).await.expect("text"), "fine");
    let answer = client.get("/").send().await.expect("an answer");
    let error = answer.into_body().json::<u8>(4).await.expect_err("no JSON");
    assert_eq!(error.to_string(), "the body cannot be read: expected ident at line 1 column 2");
    assert_eq!(status(&client, server.addr).failures, 0);

    let request = client.post("/").json(&BTreeMap::from([((1, 2), 3)]));
    let error = request.send().await.expect_err("a key is no text");
    assert_eq!(error.to_string(), "the body cannot be written: key must be a string");
    assert_eq!(server.times(), 2);
}
