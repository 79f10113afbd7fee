//! What calls did, in numbers: each thread counts for itself, and whoever asks adds it all up.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use evenkeel_core::EventCounts;
use evenkeel_core::retry::End;
use thread_local::ThreadLocal;

use crate::balancer::Balancer;

/// What a balancer did since it began, for metrics; see [`Balancer::stats`]. Totals, which only
/// grow.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that ended, however that was.
    pub calls: u64,
    /// Calls that were answered well.
    pub succeeded: u64,
    /// Calls that were dropped before they ended.
    pub abandoned: u64,
    /// Calls that ended because their time was over.
    pub deadlines: u64,
    /// Calls that ended because there was no endpoint for them.
    pub unavailable: u64,
    /// Attempts, hedges included.
    pub attempts: u64,
    /// Attempts after the first of their call that are no hedges.
    pub retries: u64,
    /// Attempts beside others that had not answered yet.
    pub hedges: u64,
    /// Attempts that took too long and were given up.
    pub timed_out: u64,
    /// Attempts that were given up because another one decided their call.
    pub given_up: u64,
    /// Times that the [budget](crate::Retry::budget) refused a retry or a hedge.
    pub budget_refusals: u64,
    /// What happened to endpoints: ejections by reason, and those that were held back.
    pub events: EventCounts,
}

/// The columns of one thread, in the order of [`Stats`].
#[derive(Debug, Default)]
struct Columns([AtomicU64; CallCount::COLUMNS]);

/// What all threads counted. Those that ended are counted, too.
#[derive(Debug, Default)]
pub(crate) struct Columned(ThreadLocal<Columns>);

impl Columned {
    fn add(&self, count: &[u64; CallCount::COLUMNS]) {
        for (column, more) in self.0.get_or_default().0.iter().zip(count) {
            if *more > 0 {
                // This thread alone writes here.
                column.store(column.load(Relaxed).wrapping_add(*more), Relaxed);
            }
        }
    }

    fn sum(&self) -> [u64; CallCount::COLUMNS] {
        let mut sum = [0_u64; CallCount::COLUMNS];
        for columns in &self.0 {
            for (sum, column) in sum.iter_mut().zip(&columns.0) {
                *sum = sum.wrapping_add(column.load(Relaxed));
            }
        }
        sum
    }
}

/// Counts one call, and adds it to the others when it ends or is dropped.
#[derive(Debug)]
pub(crate) struct CallCount<'a> {
    all: &'a Columned,
    attempts: u64,
    hedges: u64,
    timed_out: u64,
    given_up: u64,
    /// How often the budget refused.
    refused: &'a AtomicU32,
    /// `None`: it has not ended.
    pub(crate) end: Option<End>,
}

impl<'a> CallCount<'a> {
    const COLUMNS: usize = 11;

    pub(crate) fn new(all: &'a Columned, refused: &'a AtomicU32) -> Self {
        let (attempts, hedges, timed_out, given_up) = (0, 0, 0, 0);
        Self { all, attempts, hedges, timed_out, given_up, refused, end: None }
    }

    pub(crate) fn sent(&mut self, is_hedge: bool) {
        self.attempts += 1;
        self.hedges += u64::from(is_hedge);
    }

    /// Counts an attempt that was given up: for it took too long, or another decided the call.
    pub(crate) fn canceled(&mut self, late: bool) {
        let column = if late { &mut self.timed_out } else { &mut self.given_up };
        *column += 1;
    }
}

impl Drop for CallCount<'_> {
    fn drop(&mut self) {
        let ended = |end| u64::from(self.end == Some(end));
        self.all.add(&[
            1,
            ended(End::Success),
            u64::from(self.end.is_none()),
            ended(End::Deadline),
            ended(End::NoEndpoints),
            self.attempts,
            // The first is neither; one call has no more than a few.
            (self.attempts - self.hedges).saturating_sub(1),
            self.hedges,
            self.timed_out,
            self.given_up,
            self.refused.load(Relaxed).into(),
        ]);
    }
}

impl<C, P> Balancer<C, P> {
    /// Tells what [calls](Self::call) did since the balancer began. O(threads); a call that is
    /// under way is counted when it ends. Picks that are reported by hand count in
    /// [`endpoints`](Self::endpoints) alone.
    ///
    /// ```
    /// use evenkeel::{Balancer, Fixed, Retry};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let balancer = Balancer::builder(Fixed::new(["a:80", "b:80"])?).build_with(|target| target)?;
    /// balancer.ready().await;
    /// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
    /// balancer.call(&retry, async |_| Ok::<_, std::io::Error>(())).await?;
    /// let stats = balancer.stats();
    /// assert_eq!((stats.calls, stats.attempts, stats.retries), (1, 1, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        let [
            calls,
            succeeded,
            abandoned,
            deadlines,
            unavailable,
            attempts,
            retries,
            hedges,
            timed_out,
            given_up,
            budget_refusals,
        ] = self.shared.calls.sum();
        let events = self.event_counts();
        Stats {
            calls,
            succeeded,
            abandoned,
            deadlines,
            unavailable,
            attempts,
            retries,
            hedges,
            timed_out,
            given_up,
            budget_refusals,
            events,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;
    use core::time::Duration;

    use evenkeel_core::retry::{Backoff, Hedging, RetryBudget, RetryPolicy};

    use super::*;
    use crate::{Attempt, Fixed, Retry, RetryBudgetSettings};

    async fn balancer(names: &[&str]) -> Balancer<crate::Target> {
        let source = Fixed::new(names.iter().copied()).unwrap();
        let balancer = Balancer::builder(source).build_with(|target| target).unwrap();
        balancer.ready().await;
        balancer
    }

    fn at_once(attempts: u32) -> RetryPolicy {
        RetryPolicy::new(attempts).unwrap().with_backoff(Backoff::None).unwrap()
    }

    #[tokio::test]
    async fn calls_of_all_threads_are_counted_and_so_are_those_that_ended() {
        let balancer = balancer(&["a:80", "b:80"]).await;
        let runtime = tokio::runtime::Handle::current();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (balancer, runtime) = (balancer.clone(), runtime.clone());
                std::thread::spawn(move || {
                    let _entered = runtime.enter();
                    let fails = async |client: Attempt<crate::Target>| match client.number() {
                        1 => Err("first"),
                        _ => Ok(()),
                    };
                    let retry = Retry::new(at_once(2));
                    for _ in 0..100 {
                        futures_util::FutureExt::now_or_never(balancer.call(&retry, fails))
                            .expect("it waits for nothing")
                            .unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let stats = balancer.stats();
        assert_eq!((stats.calls, stats.succeeded, stats.abandoned), (400, 400, 0));
        assert_eq!((stats.attempts, stats.retries, stats.hedges), (800, 400, 0));
    }

    #[tokio::test]
    async fn each_end_has_its_column() {
        let balancer = balancer(&["a:80", "b:80"]).await;
        let ms = Duration::from_millis;
        // The hedge wins, and the first is given up.
        let hedged = Retry::new(at_once(2).with_hedging(Hedging::new(ms(1), 1).unwrap()));
        let slow = async |client: Attempt<crate::Target>| {
            if client.number() == 1 {
                core::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(())
        };
        balancer.call(&hedged, slow).await.unwrap();
        let stats = balancer.stats();
        assert_eq!((stats.hedges, stats.given_up, stats.retries), (1, 1, 0));

        // Its time is over.
        let short = Retry::attempts(1).unwrap().timeout(ms(1)).unwrap();
        balancer.call(&short, slow).await.unwrap_err();
        // Dropped.
        let call = balancer.call(&hedged, slow);
        assert!(futures_util::FutureExt::now_or_never(call).is_none());
        let stats = balancer.stats();
        assert_eq!((stats.deadlines, stats.timed_out, stats.abandoned), (1, 1, 1));

        // An empty purse.
        let nothing =
            RetryBudgetSettings { min_per_second: 0, can_retry_per_mille: 0, ..<_>::default() };
        let poor = Retry::new(at_once(2)).budget(RetryBudget::new(nothing).unwrap());
        balancer.call(&poor, async |_| Err::<(), _>("no")).await.unwrap_err();
        let stats = balancer.stats();
        assert_eq!((stats.budget_refusals, stats.calls, stats.succeeded), (1, 4, 1));
    }

    #[tokio::test]
    async fn a_call_without_an_endpoint_has_no_attempt() {
        let source = Fixed::new(core::iter::empty::<&str>()).unwrap();
        let balancer = Balancer::builder(source).build_with(|target| target).unwrap();
        let retry = Retry::attempts(3).unwrap();
        balancer.call(&retry, async |_| Ok::<_, Infallible>(())).await.unwrap_err();
        let stats = balancer.stats();
        assert_eq!((stats.unavailable, stats.attempts, stats.retries), (1, 0, 0));
    }
}
