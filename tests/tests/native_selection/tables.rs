use core::time::Duration;

use evenkeel::{AnyPolicy, Balancer, BuildError, Config, ConfigError, Fixed, PickError};

use crate::{Bed, all, name};

#[tokio::test(start_paused = true)]
async fn a_table_too_small_at_first_is_named() {
    let policy: AnyPolicy = "maglev(size=2)".parse().unwrap();
    let balancer = Balancer::builder(Fixed::new(["a:80", "b:80", "c:80"]).unwrap()).policy(policy).build(name).unwrap();
    let error = balancer.ready_within(Duration::from_secs(3)).await.unwrap_err();
    let table = "the policy's table holds 2 entries and needs 3";
    assert_eq!(error.to_string(), format!("not ready after 3s: 3 endpoints found, none usable; {table}"));
    let error = balancer.pick().unwrap_err();
    assert!(matches!(error, PickError::Table(_)));
    assert_eq!(error.to_string(), table);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_becomes_too_small_serves_the_endpoints_from_before() {
    let bed = Bed::new("maglev(size=3)", Config::default(), all("abc")).await;
    bed.becomes(all("bcde")).await;
    assert_eq!((bed.names().join(" "), bed.shares(100).len()), ("b c".to_owned(), 2), "what left is out at once");
    bed.becomes(all("de")).await;
    assert_eq!(bed.shares(100).len(), 2);
}

#[tokio::test]
async fn settings_are_checked() {
    let config = Config { subset: Some(0), ..Config::default() };
    let error = Balancer::builder(Fixed::new(["a:80"]).unwrap()).config(config).build(name).unwrap_err();
    let expected = ConfigError::TooSmall { setting: "subset", value: 0, least: 1 };
    assert_eq!(error, BuildError::Config(expected));
}
