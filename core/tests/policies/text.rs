//! Policies by name.

use evenkeel_core::load::Needs;
use evenkeel_core::policy::{AnyPolicy, InvalidParameter, ParsePolicyError, Rendezvous};
use evenkeel_core::slot::Turn;
use evenkeel_core::{Cx, Instant, Policy};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::fixture::{Fixture, NOTHING};

fn parse(text: &str) -> Result<AnyPolicy, ParsePolicyError> {
    text.parse()
}

#[test]
fn every_name_parses_to_a_policy_that_writes_itself_so() {
    assert_eq!(AnyPolicy::NAMES.len(), 11);
    for &name in AnyPolicy::NAMES {
        let policy = parse(name).unwrap();
        assert_eq!((policy.name(), policy.to_string().as_str()), (name, name));
        assert_eq!(parse(&format!("  {name} ( ) ")).unwrap().to_string(), name);
    }
}

#[test]
fn parameters_make_the_round_trip() {
    for text in [
        "least_request(full_scan)",
        "peak_ewma(full_scan)",
        "rendezvous(bound=125)",
        "maglev(size=251)",
        "ring_hash(minimum=64, maximum=4096)",
        "pick_first(seed=18446744073709551615)",
    ] {
        assert_eq!(parse(text).unwrap().to_string(), text);
        assert_eq!(parse(text).unwrap().clone().to_string(), text);
    }
    assert_eq!(parse(" maglev( size = 251 , ) ").unwrap().to_string(), "maglev(size=251)");
    let ring_hash = parse("ring_hash(maximum=2048)").unwrap();
    assert_eq!(ring_hash.to_string(), "ring_hash(minimum=1024, maximum=2048)");
    assert_eq!(parse("maglev(size=65537)").unwrap().to_string(), "maglev");
}

#[test]
fn faults_are_named_with_what_would_be_right() {
    let error = |text: &str| parse(text).unwrap_err().to_string();
    let known = "round_robin, random, weighted_round_robin, weighted_random, least_request, \
                 peak_ewma, rendezvous, maglev, ring_hash, ketama, pick_first";
    assert_eq!(error("Random"), format!("unknown policy \"Random\"; known are: {known}"));
    assert_eq!(error(""), format!("unknown policy \"\"; known are: {known}"));
    let known = "known are: full_scan";
    for (text, fault) in [
        ("maglev(size=251", "\"maglev(size=251\" has no closing bracket at its end"),
        ("random(seed=1)", "random has no parameters, and so no \"seed=1\""),
        ("maglev(sise=251)", "maglev has no parameter \"sise=251\"; known are: size"),
        ("ring_hash(x)", "ring_hash has no parameter \"x\"; known are: minimum, maximum"),
        ("maglev(size=ten)", "size is \"ten\", which is not a whole number"),
        ("maglev(size=-7)", "size is \"-7\", which is not a whole number"),
        ("maglev(size)", "size is \"\", which is not a whole number"),
        ("maglev(size=7,size=7)", "size stands there twice"),
        ("maglev(size=250)", "table_size is 250, which is not a prime number"),
        ("maglev(size=4294967296)", "size is 4294967296, not in 1..=4294967295"),
    ] {
        assert_eq!(error(text), fault);
    }
    for given in ["choices=3", "full_scan=1", "full_scan="] {
        let fault = format!("least_request has no parameter {given:?}; {known}");
        assert_eq!(error(&format!("least_request({given})")), fault);
    }
    assert_eq!(
        parse("rendezvous(bound=99)").unwrap_err(),
        ParsePolicyError::Invalid(InvalidParameter::OutOfRange {
            name: "factor_percent",
            value: 99,
            least: 100,
            most: u32::MAX.into()
        })
    );
    let long = "x".repeat(1_000);
    assert!(error(&long).starts_with(&format!("unknown policy {:?};", "x".repeat(32))));
}

#[test]
fn a_policy_tells_what_it_looks_at() {
    let in_flight = Needs { in_flight: true, ..NOTHING };
    for &name in AnyPolicy::NAMES {
        let needs = match name {
            "least_request" => in_flight,
            "peak_ewma" => Needs { time: true, ..in_flight },
            _ => NOTHING,
        };
        assert_eq!(parse(name).unwrap().needs(), needs, "{name}");
    }
    assert_eq!(parse("rendezvous(bound=150)").unwrap().needs(), in_flight);
    assert_eq!(parse("least_request(full_scan)").unwrap().needs(), in_flight);
}

fn fixture() -> Fixture<u8> {
    Fixture::new((0..9).map(|addr| (addr, 1 + u32::from(addr) % 3)))
}

#[test]
fn a_policy_that_does_not_rotate_takes_no_turns() {
    let fixture = fixture();
    for &name in AnyPolicy::NAMES {
        let policy = fixture.built(parse(name).unwrap());
        let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(1));
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        assert!(fixture.pick_with(&policy, &[], &mut cx).is_some());
        let rotates = ["round_robin", "weighted_round_robin"].contains(&name);
        assert_eq!(turn != Turn::START, rotates, "{name}");
    }
}

/// Round robin by name honours weights where they differ: it is weighted round robin's other name.
#[test]
fn round_robin_by_name_is_weighted() {
    for n in [1, 2, 3, 5, 10, 1_000_u32] {
        for (unit, spread) in [(1, 1), (1, 3), (100_003, 3)] {
            let fixture = Fixture::in_order((0..n).map(|place| (place, unit + place % spread)));
            let picks = |name| {
                let policy = fixture.built(parse(name).expect("a policy"));
                let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(1));
                let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
                let pick = |_| fixture.pick_with(&policy, &[], &mut cx).expect("a pick");
                (0..1_000).map(pick).collect::<Vec<_>>()
            };
            assert!(picks("round_robin") == picks("weighted_round_robin"), "{n} {unit} {spread}");
        }
    }
}

#[test]
fn it_picks_as_the_policy_of_its_name() {
    let fixture = fixture();
    let (by_name, itself) = (parse("rendezvous").unwrap(), Rendezvous::new());
    assert!((0..500).all(|key| fixture.pick(&by_name, key) == fixture.pick(&itself, key)));
    let mut seeded = parse("pick_first").unwrap();
    seeded.seed(7);
    let own = fixture.built(parse("pick_first(seed=7)").unwrap());
    assert_eq!(fixture.pick(&fixture.built(seeded), 0), fixture.pick(&own, 0));
}

#[cfg(feature = "serde")]
mod configuration {
    use evenkeel_core::policy::AnyPolicy;

    #[test]
    fn every_policy_goes_into_configuration_and_comes_back() {
        let with_parameters =
            ["maglev(size=251)", "ring_hash(minimum=64, maximum=4096)", "peak_ewma(full_scan)"];
        for text in AnyPolicy::NAMES.iter().chain(&with_parameters) {
            let json = format!("\"{text}\"");
            let policy: AnyPolicy = serde_json::from_str(&json).unwrap();
            assert_eq!(policy.to_string(), *text);
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = |json| serde_json::from_str::<AnyPolicy>(json).unwrap_err().to_string();
        let unknown = error("\"roundrobin\"");
        assert!(unknown.starts_with("unknown policy \"roundrobin\"; known are: "), "{unknown}");
        for name in AnyPolicy::NAMES {
            assert!(unknown.contains(name), "{unknown}");
        }
        let number = error("7");
        let expected = "invalid type: integer `7`, expected the name of a policy";
        assert!(number.starts_with(expected), "{number}");
    }
}
