//! Sources whose waiting for news goes wrong: nobody else is harmed.

use core::time::Duration;

use evenkeel::{Answer, BoxError, Discover, Empty, Ended, PollerConfig};
use evenkeel_tests::logged::Logged;

use crate::{at, becomes, bed, status};

/// What waiting for news does.
#[derive(Clone, Copy)]
enum Waiting {
    Panics,
    Hangs,
    AlwaysHasNews,
    AlwaysFails,
}

/// One endpoint more with each lookup.
struct Broken(Waiting, u16);

impl Discover for Broken {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        self.1 = (self.1 + 1).min(9);
        if matches!(self.0, Waiting::AlwaysFails) && self.1 > 3 {
            return Err("no more".into());
        }
        let endpoints = (1..=self.1).map(|port| at(&format!("a:{port}")));
        Ok(Answer::new(endpoints).with_ttl(Duration::from_secs(5)))
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        match self.0 {
            Waiting::Panics => panic!("no news"),
            Waiting::Hangs => core::future::pending().await,
            Waiting::AlwaysHasNews | Waiting::AlwaysFails => Ok(()),
        }
    }

    fn poller(&self) -> PollerConfig {
        PollerConfig { jitter_percent: 0, ..PollerConfig::default() }
    }
}

#[tokio::test(start_paused = true)]
async fn panics_are_counted_and_logged_and_lookups_go_on() {
    let (logged, _guard) = Logged::begin();
    let bed = bed(Broken(Waiting::Panics, 0));
    becomes(&bed, "a:1").await;
    let failed = status(&bed, |status| status.failures == 2).await;
    assert_eq!(failed.error.unwrap().to_string(), "discovery panicked: no news");
    becomes(&bed, "a:1 a:2 a:3").await;
    let status = bed.task().borrow().clone();
    assert!(status.panics >= 2 && !status.ended, "{status:?}");
    let logged = logged.take();
    let line = logged.lines().find(|line| line.contains("discovery panicked: no news"));
    assert!(line.is_some_and(|line| line.contains("ERROR")), "{logged}");
}

#[tokio::test(start_paused = true)]
async fn hanging_holds_nothing_up() {
    let bed = bed(Broken(Waiting::Hangs, 0));
    becomes(&bed, "a:1 a:2").await;
    bed.refresh();
    becomes(&bed, "a:1 a:2 a:3").await;
}

#[tokio::test]
async fn news_without_end_let_everything_else_run() {
    for waiting in [Waiting::AlwaysHasNews, Waiting::AlwaysFails] {
        let bed = bed(Broken(waiting, 0));
        tokio::time::timeout(crate::PATIENCE, bed.ready()).await.expect("clients are made");
        let busy = status(&bed, |status| status.queries > 1_000).await;
        assert!(busy.ended.is_none());
        assert!(bed.pick().is_ok());
    }
}

/// Panics where it says what an answer without endpoints means.
struct Ruleless;

impl Discover for Ruleless {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        Ok(Answer::new([at("a:1")]))
    }

    fn empty(&self) -> Option<Empty> {
        panic!("no rule")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_lookup_is_told_and_the_task_lives() {
    let bed = bed(Ruleless);
    let failed = status(&bed, |status| status.failures == 2).await;
    assert_eq!(failed.error.unwrap().to_string(), "discovery panicked: no rule");
    assert!(!bed.task().borrow().ended);
}
