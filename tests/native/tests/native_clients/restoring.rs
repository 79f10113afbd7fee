//! What one balancer learned, and the next goes on with.

use core::time::Duration;

use evenkeel::core::state::ImportError;
use evenkeel::health::Health;
use evenkeel::{Balancer, Fixed, PeakEwma, RestoreError, RoundRobin, Target};

use crate::works::{How, Works};
use crate::{Bed, MS, SECOND, all, pass};

fn builder() -> evenkeel::Builder<Fixed, RoundRobin> {
    Balancer::builder(Fixed::new(["a:80", "b:80", "c:80"]).unwrap()).policy(RoundRobin::new())
}

async fn state_with_b_ejected() -> Vec<u8> {
    let bed = Bed::new("abc", Works::new());
    bed.balancer.ready_all().await;
    bed.eject("b").await;
    assert_eq!(bed.picked(), "ac");
    bed.balancer.state().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_was_ejected_still_is_for_the_rest_of_its_time() {
    let state = state_with_b_ejected().await;
    let balancer = builder().restore(&state).unwrap().build_with(|target: Target| target).unwrap();
    balancer.ready_all().await;
    pass(MS).await;
    let health = |place: usize| balancer.endpoints()[place].health;
    assert!(matches!(health(1), Health::Ejected { .. }), "{:?}", balancer.endpoints());
    assert_eq!((health(0), health(2)), (Health::Healthy, Health::Healthy));
    pass(60 * SECOND).await;
    assert!(!matches!(health(1), Health::Ejected { .. }), "its time is over");
}

#[tokio::test(start_paused = true)]
async fn answer_times_are_known_from_the_first_request_on() {
    let build = |builder: evenkeel::Builder<Fixed, _>| {
        builder.policy(PeakEwma::new()).build_with(|target: Target| target).unwrap()
    };
    let before = build(builder());
    before.ready_all().await;
    for _ in 0..30 {
        let lease = before.pick().unwrap().lease();
        pass(if lease.target().host() == "a" { 100 * MS } else { 10 * MS }).await;
        lease.success();
    }
    let latencies = |balancer: &Balancer<_, _>| {
        balancer.endpoints().iter().map(|status| status.latency).collect::<Vec<_>>()
    };
    let known = latencies(&before);
    assert!(known.iter().all(Option::is_some), "{known:?}");
    let after = build(builder().restore(&before.state().await.unwrap()).unwrap());
    after.ready_all().await;
    pass(MS).await;
    for (known, now) in known.into_iter().zip(latencies(&after)) {
        // A clock that begins at zero decays them at once.
        let (known, now) = (known.unwrap(), now.unwrap());
        assert!(now <= known && now > known / 2, "{known:?}, {now:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn endpoints_whose_clients_come_later_go_on_too() {
    let state = state_with_b_ejected().await;
    let works = Works::new().with("b", How::After(100 * MS));
    let bed = Bed::tuned(all("abc"), works, |builder| {
        builder
            .policy("round_robin".parse::<evenkeel::AnyPolicy>().unwrap())
            .restore(&state)
            .unwrap()
    });
    bed.balancer.ready().await;
    pass(200 * MS).await;
    assert_eq!((bed.works.begun("b"), bed.picked().as_str()), (1, "ac"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_state_is_refused_and_says_why() {
    let state = state_with_b_ejected().await;
    for cut in [&[][..], &[1, 2, 3], &state[..state.len() - 1]] {
        let error = builder().restore(cut).unwrap_err();
        assert_eq!(error, RestoreError::Unreadable { bytes: cut.len() });
        assert!(error.to_string().contains(&cut.len().to_string()), "{error}");
    }
    // The first eight bytes say when it was made.
    let errors = (8..state.len()).map(|place| {
        let mut damaged = state.clone();
        damaged[place] ^= 1;
        builder().restore(&damaged).unwrap_err()
    });
    let checked =
        |error: &RestoreError| matches!(error, RestoreError::Refused(ImportError::Checksum { .. }));
    assert_ne!(errors.filter(checked).count(), 0);
    // Two hours old.
    let mut stale = state;
    let date = u64::from_le_bytes(stale[..8].try_into().unwrap()) - 7_200;
    stale[..8].copy_from_slice(&date.to_le_bytes());
    let error = builder().restore(&stale).unwrap_err().to_string();
    let limit = Duration::from_secs(3_600).as_nanos().to_string();
    assert!(error.contains(&limit), "{error}");
    // About others: it begins anew.
    let works = Works::new();
    let state = state_with_b_ejected().await;
    let bed = Bed::tuned(all("xy"), works, |builder| builder.restore(&state).unwrap());
    bed.balancer.ready_all().await;
    assert_eq!(bed.picked(), "xy");
}

#[tokio::test(start_paused = true)]
async fn a_balancer_that_has_ended_knows_nothing() {
    let bed = Bed::new("a", Works::new());
    bed.balancer.ready_all().await;
    bed.balancer.close().await;
    assert_eq!(bed.balancer.state().await, None);
}
