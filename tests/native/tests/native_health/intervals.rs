//! Envoy's and gRPC's rules, which count everything and judge at the ends of common intervals.

use evenkeel::health::{Health, Reason};
use evenkeel::{Config, Outcome};

use crate::{Bed, MS, SECOND, pass, settle};

const ENVOY: Config = Config { max_ejection_percent: 50, ..Config::ENVOY };

/// So many requests to each of these endpoints, of which one has some failures.
async fn traffic(bed: &Bed, names: &str, each: usize, failing: &str, failures: usize) {
    for name in names.chars().map(String::from) {
        let bad = if name == failing { failures } else { 0 };
        for request in 0..each {
            // Never two failures in a row, as long as there are successes left.
            let fails = request % 2 == 1 && request / 2 < bad;
            bed.pick_of(&name).lease().report(if fails {
                Outcome::Failure
            } else {
                Outcome::Success
            });
        }
    }
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn envoy_ejects_for_failures_in_a_row_at_once_and_brings_back_at_the_end_of_an_interval() {
    let mut bed = Bed::new("abcde", ENVOY).await;
    pass(SECOND * 3).await;
    bed.report("b", Outcome::Failure, 5).await;
    assert_eq!(bed.picked(), "acde");
    // 30 s later it is the 33rd second, and the interval ends with the 40th.
    pass(SECOND * 36).await;
    assert_eq!(bed.picked(), "acde");
    pass(SECOND * 2).await;
    assert_eq!(bed.picked(), "abcde");
    assert_eq!(bed.told_briefly(), ["b ejected", "b back"]);
}

#[tokio::test(start_paused = true)]
async fn envoy_judges_success_rates_when_an_interval_ends() {
    let bed = Bed::new("abcdef", ENVOY).await;
    traffic(&bed, "abcdef", 100, "e", 20).await;
    assert_eq!(bed.picked(), "abcdef");
    pass(SECOND * 9).await;
    assert_eq!(bed.picked(), "abcdef");
    pass(SECOND * 2).await;
    assert_eq!(bed.picked(), "abcdf");
    let Health::Ejected { reason: Reason::SuccessRate, .. } = bed.health("e") else { panic!() };
    assert_eq!(bed.status("e").failures, 20);

    // The next interval begins at 0: 99 requests are too few to judge.
    let bed = Bed::new("abcdef", ENVOY).await;
    traffic(&bed, "abcdef", 99, "e", 40).await;
    pass(SECOND * 10 + MS).await;
    traffic(&bed, "abcdef", 99, "e", 40).await;
    pass(SECOND * 10 + MS).await;
    assert_eq!(bed.picked(), "abcdef");
}

#[tokio::test(start_paused = true)]
async fn all_outcomes_are_counted() {
    let bed = Bed::new("ab", ENVOY).await;
    traffic(&bed, "ab", 50, "b", 10).await;
    let counts = |name| (bed.status(name).successes.unwrap(), bed.status(name).failures);
    assert_eq!((counts("a"), counts("b")), ((50, 0), (40, 10)));
    pass(SECOND * 100).await;
    traffic(&bed, "ab", 50, "b", 0).await;
    assert_eq!(
        (counts("a"), counts("b")),
        ((100, 0), (90, 10)),
        "since it came, not in an interval"
    );
}

#[tokio::test(start_paused = true)]
async fn grpc_judges_shares_when_an_interval_ends() {
    let settings = Config { success_rate: false, max_ejection_percent: 50, ..Config::GRPC };
    let bed = Bed::new("abcde", settings).await;
    traffic(&bed, "abcde", 50, "", 0).await;
    // 283 of 333 are less than 85 %.
    bed.report("c", Outcome::Failure, 283).await;
    pass(SECOND * 10 + MS).await;
    assert_eq!(bed.picked(), "abcde");
    traffic(&bed, "abcde", 50, "", 0).await;
    bed.report("c", Outcome::Failure, 284).await;
    assert_eq!(bed.picked(), "abcde", "failures in a row are nothing to gRPC");
    pass(SECOND * 10 + MS).await;
    assert_eq!(bed.picked(), "abde");
}

#[tokio::test(start_paused = true)]
async fn our_rules_judge_success_rates_at_failures() {
    let rates = Config {
        consecutive_failures: 0,
        failure_percentage: 0,
        success_rate: true,
        ..Config::DEFAULT
    };
    let bed = Bed::new("abcdef", rates).await;
    traffic(&bed, "abcdef", 100, "", 0).await;
    // 11 of 111 are less than 10 %. It is looked at for every fifth failure only; several may come
    // at once.
    bed.report("e", Outcome::Failure, 11).await;
    assert_eq!(bed.picked(), "abcdef");
    bed.report("e", Outcome::Failure, 2).await;
    assert_eq!(bed.picked(), "abcdef");
    bed.report("e", Outcome::Failure, 3).await;
    assert_eq!(bed.picked(), "abcdf");
    let Health::Ejected { reason: Reason::SuccessRate, .. } = bed.health("e") else { panic!() };
}
