//! Policies by name.
#![cfg(feature = "alloc")]

use evenkeel_core::policy::{AnyPolicy, Cx, InvalidParameter, ParsePolicyError, Policy, Turn, Unknown, View};
use evenkeel_core::{Balancer, Cluster, Config, Endpoint, Heap, Instant, Outcome};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn parse(text: &str) -> Result<AnyPolicy, ParsePolicyError> {
    text.parse()
}

#[test]
fn every_name_parses_to_a_policy_that_writes_itself_so() {
    for name in AnyPolicy::<Heap>::NAMES {
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
    }
    assert_eq!(parse(" maglev( size = 251 , ) ").unwrap().to_string(), "maglev(size=251)");
    assert_eq!(parse("ring_hash(maximum=2048)").unwrap().to_string(), "ring_hash(minimum=1024, maximum=2048)");
    assert_eq!(parse("maglev(size=65537)").unwrap().to_string(), "maglev");
}

#[test]
fn faults_are_named_with_what_would_be_right() {
    let error = |text| parse(text).unwrap_err().to_string();
    let known = "round_robin, random, weighted_round_robin, weighted_random, least_request, peak_ewma, rendezvous, maglev, \
                 ring_hash, ketama, pick_first";
    assert_eq!(error("Random"), format!("unknown policy \"Random\"; known are: {known}"));
    assert_eq!(error(""), format!("unknown policy \"\"; known are: {known}"));
    assert_eq!(error("maglev(size=251"), "\"maglev(size=251\" has no closing bracket at its end");
    assert_eq!(error("random(seed=1)"), "random has no parameters, and so no \"seed=1\"");
    assert_eq!(error("maglev(sise=251)"), "maglev has no parameter \"sise=251\"; known are: size");
    assert_eq!(error("ring_hash(x)"), "ring_hash has no parameter \"x\"; known are: minimum, maximum");
    assert_eq!(error("least_request(choices=3)"), "least_request has no parameter \"choices=3\"; known are: full_scan");
    assert_eq!(error("maglev(size=ten)"), "size is \"ten\", which is not a whole number");
    assert_eq!(error("maglev(size=-7)"), "size is \"-7\", which is not a whole number");
    assert_eq!(error("maglev(size=7,size=7)"), "size stands there twice");
    assert_eq!(error("maglev(size=250)"), "table_size is 250, which is not a prime number");
    assert_eq!(error("maglev(size=4294967296)"), "size is 4294967296, not in 1..=4294967295");
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
fn a_policy_that_hashes_nothing_picks_the_same_without_ids() {
    let mut without_ids = 0;
    for name in AnyPolicy::<Heap>::NAMES {
        let endpoints = (0..9_u8).map(|host| Endpoint::new([10, 0, 0, host]).with_weight(1 + u32::from(host) % 3));
        // With settings of one's own, ids are made in any case.
        let mut plain: Balancer<[u8; 4], AnyPolicy> = Balancer::new(parse(name).unwrap());
        let mut with_ids = Balancer::with_config(parse(name).unwrap(), Config::default()).unwrap();
        without_ids += usize::from(!parse(name).unwrap().hashes());
        let picks = [&mut plain, &mut with_ids].map(|balancer| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let _ = balancer.update(Instant::ZERO, endpoints.clone()).unwrap();
            [(); 100].map(|()| {
                let pick = balancer.pick(Instant::ZERO, &mut rng).unwrap();
                let address = balancer.endpoint(&pick).unwrap().addr;
                balancer.report(Instant::ZERO, pick, Outcome::Success);
                address
            })
        });
        assert_eq!(picks[0], picks[1], "{name}");
    }
    assert_eq!(without_ids, 8);
}

#[test]
fn a_policy_that_does_not_rotate_takes_no_turns() {
    let mut cluster: Cluster<u8> = Cluster::new();
    let _ = cluster.update(Instant::ZERO, (0..9).map(|addr| Endpoint::new(addr).with_weight(1 + u32::from(addr) % 3)));
    let view = View::new(cluster.candidates().group(0), &Unknown, cluster.set(), &[]);
    for name in AnyPolicy::<Heap>::NAMES {
        let (mut policy, mut turn, mut rng) = (parse(name).unwrap(), Turn::UNSET, ChaCha8Rng::seed_from_u64(1));
        policy.rebuild(&view).unwrap();
        let place = policy.pick(&view, &mut Cx::new(Instant::ZERO, None, &mut turn, &mut rng));
        assert!(place.is_some());
        assert_eq!(turn != Turn::UNSET, policy.rotates(), "{name}");
    }
}
