//! Endpoints that fail make discovery ask again.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::{Answer, Balancer, BoxError, Config, Discover};
use evenkeel_tests::source::{Says, source};

use crate::works::{How, Works};
use crate::{Bed, SECOND, all, at, numbered, pass, when_told};

#[tokio::test(start_paused = true)]
async fn all_refuse_and_discovery_is_asked_at_once_and_every_30_s() {
    let (mut source, script) = source(Says::Endpoints("a:80 b:80"));
    source.poller = when_told();
    let works = Works::new().all(How::Fails);
    let factory = works.clone();
    let balancer = Balancer::builder(source).build(move |target| factory.make(target)).unwrap();
    let mut lookups = Vec::new();
    for _ in 0..10 {
        lookups.push(script.lookups());
        pass(10 * SECOND).await;
    }
    assert_eq!(lookups, [0, 2, 2, 2, 3, 3, 3, 4, 4, 4]);

    // They have moved, and are found at the next question: not after 100,000 s.
    let _ = works.with("x", How::After(Duration::ZERO));
    script.say(Says::Endpoints("x:80"));
    balancer.ready_within(31 * SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_gap_between_questions_is_a_setting() {
    for (gap, asked) in [(5 * SECOND, 22), (100 * SECOND, 3), (Duration::MAX, 2)] {
        // So many that there is always one that failed again.
        let (mut source, script) = source(Says::These(numbered(0, 100)));
        source.poller = when_told();
        let works = Works::new().all(How::Fails);
        let balancer = Balancer::builder(source).seed(1).failure_refresh_gap(gap);
        let _balancer = balancer.build(move |target| works.make(target)).unwrap();
        pass(101 * SECOND).await;
        assert_eq!(script.lookups(), asked, "{gap:?}");
    }
}

/// A source that answers so, and is not to be asked again for a time. It counts its lookups.
struct Weary(Answer, Arc<AtomicUsize>);

impl Discover for Weary {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        self.1.fetch_add(1, SeqCst);
        Ok(self.0.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_never_asked_before_the_time_that_it_asked_for() {
    // An hour, where it is more.
    for (asked, wait) in [(400 * SECOND, 400 * SECOND), (86_400 * SECOND, 3_600 * SECOND)] {
        let answers =
            [Answer::new([at("a")]), Answer::default(), Answer::absent(), Answer::failed("busy")];
        for answer in answers {
            let lookups = Arc::new(AtomicUsize::new(0));
            let source = Weary(answer.clone().with_retry_after(asked), Arc::clone(&lookups));
            let works = Works::new().all(How::Fails);
            let balancer = Balancer::builder(source).build(move |to| works.make(to)).unwrap();
            let begun = tokio::time::Instant::now();
            pass(SECOND).await;
            // Nobody is served meanwhile, and there is a wish each 10 s.
            while lookups.load(SeqCst) == 1 {
                balancer.refresh();
                pass(10 * SECOND).await;
            }
            let asked_again = begun.elapsed();
            assert!(
                (wait..wait + 11 * SECOND).contains(&asked_again),
                "{asked_again:?}: {answer:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_ejection_asks_and_nothing_asks_without_trouble() {
    let bed = Bed::with(all("abcdefg"), Config::default(), Works::new());
    bed.balancer.ready().await;
    for _ in 0..1_000 {
        bed.next();
    }
    pass(1_000 * SECOND).await;
    assert_eq!(bed.script.lookups(), 1);
    bed.eject("b").await;
    pass(SECOND).await;
    assert_eq!(bed.script.lookups(), 2);
    bed.eject("c").await;
    pass(SECOND).await;
    assert_eq!(bed.script.lookups(), 2, "not so soon again");
    pass(30 * SECOND).await;
    assert_eq!(bed.script.lookups(), 3);
}

/// Whoever fails and is kept, for want of others, may have moved.
#[tokio::test(start_paused = true)]
async fn the_only_one_that_fails_asks_too() {
    for names in ["a", "ab"] {
        let bed = Bed::with(all(names), Config::default(), Works::new());
        bed.balancer.ready().await;
        for _ in 0..1_000 {
            bed.balancer.pick().unwrap().failure();
        }
        pass(SECOND).await;
        assert_eq!(bed.script.lookups(), 2, "{names}");

        // Every 30 s as long as it fails, which is told once; never where nothing is sent.
        let fail = async |seconds| {
            for _ in 0..seconds {
                bed.balancer.pick().unwrap().failure();
                pass(SECOND).await;
            }
        };
        fail(90).await;
        assert_eq!(bed.script.lookups(), 5, "{names}");
        pass(60 * SECOND).await;
        let asked = bed.script.lookups();
        pass(1_000 * SECOND).await;
        assert_eq!(bed.script.lookups(), asked, "{names}");
        fail(31).await;
        assert_eq!(bed.script.lookups(), asked + 1, "{names}");
    }
}
