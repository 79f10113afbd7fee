//! For operators: the status of endpoints, and events, as JSON.

use evenkeel_core::balancer::Stats;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::load::Estimate;
use evenkeel_core::policy::PeakEwma;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Candidacy, Endpoint, EventKind, Instant, Outcome, Zone};
use rand_chacha::ChaCha8Rng;
use serde_json::{from_value, json, to_value};

#[test]
fn the_status_and_the_events_can_be_read() {
    let mut balancer: Balancer<&str, PeakEwma> = Balancer::new(PeakEwma::new());
    let (sent, now) = (Instant::from_millis(1), Instant::from_millis(3));
    let _ = balancer.update(sent, [Endpoint::new("10.0.0.1:80").with_weight(3)]).unwrap();
    let pick = balancer.pick(sent, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    balancer.report(now, pick, Outcome::Success);
    let status = balancer.endpoints().next().unwrap();
    let slot = json!({"index": 0, "generation": 0});
    let expected = json!({
        "slot": slot,
        "endpoint": {
            "addr": "10.0.0.1:80", "weight": 3, "priority": 0, "zone": 0, "draining": false
        },
        "candidate": true,
        "candidacy": "candidate",
        "health": "healthy",
        "held": null,
        "weight": 3,
        "stats": {"in_flight": 0, "successes": 1, "failures": 0, "canceled": 0},
        "estimate": {"nanos": 2_000_000, "stamp": 3_000_000},
    });
    assert_eq!(to_value(status).unwrap(), expected);
    assert_eq!(from_value::<Stats>(expected["stats"].clone()).unwrap(), status.stats);
    assert_eq!(from_value::<Estimate>(expected["estimate"].clone()).unwrap(), status.estimate);

    let event = balancer.events().next().unwrap();
    let expected = json!({"at": 1_000_000, "slot": slot, "addr": "10.0.0.1:80", "kind": "added"});
    assert_eq!(to_value(event).unwrap(), expected);
}

#[test]
fn health_and_events_have_readable_names() {
    let (reason, until) = (Reason::ConsecutiveFailures, Instant::from_nanos(7));
    let healths = [
        (Health::Healthy, json!("healthy")),
        (
            Health::Ejected { reason, until },
            json!({"ejected": {"reason": "consecutive_failures", "until": 7}}),
        ),
        (Health::HalfOpen, json!("half_open")),
        (Health::Probing { until }, json!({"probing": {"until": 7}})),
        (Health::Overloaded { until }, json!({"overloaded": {"until": 7}})),
        (Health::Down, json!("down")),
    ];
    for (health, value) in healths {
        assert_eq!(to_value(health).unwrap(), value);
        assert_eq!(from_value::<Health>(value).unwrap(), health);
    }
    let kinds = [
        (
            EventKind::Ejected { reason, until },
            json!({"ejected": {"reason": "consecutive_failures", "until": 7}}),
        ),
        (EventKind::PanicOn, json!("panic_on")),
        (EventKind::Lost(3), json!({"lost": 3})),
    ];
    for (kind, value) in kinds {
        assert_eq!(to_value(kind).unwrap(), value);
        assert_eq!(from_value::<EventKind>(value).unwrap(), kind);
    }
    assert_eq!(to_value(Candidacy::NoWeight).unwrap(), json!("no_weight"));
    assert_eq!(from_value::<Candidacy>(json!("subset")).unwrap(), Candidacy::Subset);
}

#[test]
fn an_endpoint_needs_only_an_address() {
    let read = |value| from_value::<Endpoint<String>>(value).unwrap();
    assert_eq!(read(json!({"addr": "a"})), Endpoint::new("a".to_string()));
    let full =
        json!({"addr": "a", "weight": 0, "priority": 65535, "zone": 65535, "draining": true});
    let endpoint = Endpoint::new("a".to_string())
        .with_weight(0)
        .with_priority(u16::MAX)
        .with_zone(Zone::new(u16::MAX));
    assert_eq!(read(full.clone()), endpoint.clone().with_draining(true));
    assert_eq!(to_value(endpoint.with_draining(true)).unwrap(), full);
    assert!(from_value::<Endpoint<String>>(json!({"weight": 1})).is_err());
}
