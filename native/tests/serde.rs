//! Endpoints and settings as serde reads and writes them.
#![cfg(feature = "serde")]

use evenkeel::{AnyPolicy, Book, Config, Endpoint, Target};

#[test]
fn a_target_is_the_text_that_it_is_read_from() {
    let at = Target::at("a.example.com", "10.0.0.1:80".parse().unwrap());
    for (target, text) in [
        ("a.example.com:80".parse().unwrap(), "\"a.example.com:80\""),
        ("[::1]:80".parse().unwrap(), "\"[::1]:80\""),
        (at, "\"a.example.com@10.0.0.1:80\""),
    ] {
        assert_eq!(serde_json::to_string::<Target>(&target).unwrap(), text);
        assert_eq!(serde_json::from_str::<Target>(text).unwrap(), target);
        assert_eq!(serde_json::from_slice::<Target>(text.as_bytes()).unwrap(), target);
    }
    for (text, says) in [
        ("\"a.example.com\"", "has no port"),
        ("\"a:65536\"", "65535"),
        ("\"a@b:80\"", "a@b:80"),
        ("\"a b@10.0.0.1:80\"", "no host name"),
        ("\"a@10.0.0.1:0\"", "port 0"),
        ("7", "string"),
    ] {
        let error = serde_json::from_str::<Target>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn an_endpoint_needs_no_more_than_its_address() {
    let endpoint: Endpoint<Target> = serde_json::from_str("{\"addr\": \"a:80\"}").unwrap();
    assert_eq!(endpoint, Endpoint::new("a:80".parse().unwrap()));
    let heavy = endpoint.with_weight(3).with_priority(2).with_draining(true);
    let text = serde_json::to_string(&heavy).unwrap();
    assert_eq!(serde_json::from_str::<Endpoint<Target>>(&text).unwrap(), heavy);
    let policy: AnyPolicy = serde_json::from_str("\"maglev(size=251)\"").unwrap();
    assert_eq!(serde_json::to_string(&policy).unwrap(), "\"maglev(size=251)\"");
}

#[test]
fn settings_may_be_left_out_and_are_read_as_they_were_written() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::DEFAULT);
    let text = "{\"max_in_flight\": 9, \"book\": \"envoy\", \"success_rate\": true, \
                 \"interval\": \"3s\", \"slow_start\": \"1500us\"}";
    let config: Config = serde_json::from_str(text).unwrap();
    assert_eq!((config.max_in_flight, config.book, config.success_rate), (9, Book::Envoy, true));
    assert_eq!(config.interval, core::time::Duration::from_secs(3));
    assert_eq!(config.slow_start, core::time::Duration::from_micros(1500));
    let text = serde_json::to_string(&config).unwrap();
    assert!(
        text.contains("\"interval\":\"3s\"") && text.contains("\"slow_start\":\"1500us\""),
        "{text}"
    );
    for config in [config, Config::DEFAULT] {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config, "{text}");
        for setting in Config::SETTINGS {
            assert!(text.contains(&format!("\"{}\":", setting.name)), "{text}");
        }
    }
}

#[test]
fn wrong_settings_are_refused_by_their_names() {
    for (text, says) in [
        ("{\"max_ejection_percent\": 101}", "max_ejection_percent is 101; the most is 100"),
        (
            "{\"max_in_fligth\": 1}",
            "\"max_in_fligth\", expected one of seed, book, consecutive_failures, ",
        ),
        ("{\"slow_start\": 30}", "integer `30`, expected a time with its unit, such as \"30s\""),
        ("{\"slow_start\": \"30\"}", "string \"30\", expected a time with its unit"),
        ("{\"slow_start\": \"30 s\"}", "string \"30 s\", expected a time with its unit"),
        ("{\"slow_start\": \"99999999999999h\"}", "expected a time with its unit"),
        ("{\"slow_start\": \"\"}", "expected a time with its unit"),
        ("{\"book\": \"eureka\"}", "eureka"),
        ("{\"success_rate\": 1}", "boolean"),
        ("{\"consecutive_failures\": 99999999999}", "consecutive_failures is 99999999999"),
        ("[]", "settings of a balancer"),
    ] {
        let error = serde_json::from_str::<Config>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}
