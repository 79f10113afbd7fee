//! Lists that never change, or that the caller changes: what they say of an endpoint counts.

use core::convert::Infallible;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::{Balancer, Fixed, Target, WeightedRoundRobin, Zone};

use crate::{PATIENCE, at, bed};

#[tokio::test]
async fn what_is_said_of_an_endpoint_is_told_beside_its_health() {
    let fixed = Fixed::from(vec![
        at("a:80").with_weight(3),
        at("b:80").with_priority(1).with_zone(Zone::new(7)),
        at("c:80").with_draining(true),
    ]);
    let bed = bed(fixed);
    bed.ready_all().await;
    let said: Vec<_> = bed
        .endpoints()
        .into_iter()
        .map(|status| {
            let said = status.endpoint;
            assert_eq!(said.addr, status.target);
            let host = said.addr.host().to_owned();
            (host, said.weight, said.priority, said.zone, said.draining, status.candidate)
        })
        .collect();
    let none = Zone::default();
    assert_eq!(
        said,
        [
            ("a".to_owned(), 3, 0, none, false, true),
            ("b".to_owned(), 1, 1, Zone::new(7), false, false),
            ("c".to_owned(), 1, 0, none, true, false),
        ]
    );
    // What discovery itself told is the same.
    let told = bed.discovered().borrow().endpoints.clone();
    assert!(told.iter().zip(bed.endpoints()).all(|(told, status)| *told == status.endpoint));
}

#[tokio::test]
async fn weights_are_shares_and_a_new_list_takes_over_where_the_old_one_was() {
    let fixed = Fixed::from(vec![at("a:80").with_weight(1), at("b:80").with_weight(3)]);
    let (publisher, source) = fixed.replaceable();
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let factory = move |target: Target| {
        counter.fetch_add(1, SeqCst);
        async move { Ok::<_, Infallible>(target) }
    };
    let balancer =
        Balancer::builder(source).policy(WeightedRoundRobin::new()).build(factory).unwrap();
    balancer.ready_all().await;
    let shares = || {
        let mut shares = BTreeMap::new();
        for _ in 0..80 {
            let pick = balancer.pick().unwrap();
            *shares.entry(pick.target().host().to_owned()).or_insert(0) += 1;
            pick.success();
        }
        shares.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(shares(), [("a".to_owned(), 20), ("b".to_owned(), 60)]);

    publisher.replace([at("a:80").with_weight(3), at("b:80").with_weight(1)]);
    comes(&balancer, "a:80*3 b:80*1").await;
    assert_eq!(shares(), [("a".to_owned(), 60), ("b".to_owned(), 20)]);
    assert_eq!(made.load(SeqCst), 2, "the clients stay");

    publisher.replace([at("b:80"), at("c:80")]);
    comes(&balancer, "b:80*1 c:80*1").await;
    assert_eq!(made.load(SeqCst), 3, "and one comes");
    assert_eq!(shares(), [("b".to_owned(), 40), ("c".to_owned(), 40)]);
}

/// Waits until these are the candidates, with these weights.
async fn comes(balancer: &Balancer<Target, WeightedRoundRobin>, wanted: &str) {
    let candidates = || {
        let known = balancer.endpoints().into_iter().filter(|status| status.candidate);
        let texts = known.map(|status| format!("{}*{}", status.target, status.weight));
        texts.collect::<Vec<_>>().join(" ")
    };
    let come = async {
        while candidates() != wanted {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, come).await;
    assert!(in_time.is_ok(), "{} and not {wanted}", candidates());
}
