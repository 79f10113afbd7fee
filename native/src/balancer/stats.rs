use super::Balancer;
use crate::stats::{EndpointStats, Stats};

impl<C, P> Balancer<C, P> {
    /// Tells what [calls](Self::call) did since the balancer began. A call that is
    /// under way is counted when it ends. [`picks`](Stats::picks) are those by hand, too; to add them up
    /// takes O(threads · endpoints).
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
        ] = self.shared.tallies.calls();
        let events = self.event_counts();
        Stats {
            calls,
            succeeded,
            abandoned,
            deadlines,
            unavailable,
            picks: self.shared.tallies.picks(),
            attempts,
            retries,
            hedges,
            timed_out,
            given_up,
            budget_refusals,
            events,
        }
    }

    /// Tells what was done with each endpoint that has a client, in the order of addresses.
    /// O(threads · endpoints); nothing of it is counted where threads meet.
    pub fn endpoint_stats(&self) -> Vec<EndpointStats> {
        let listing = self.shared.listing.load();
        listing.clients().map(|client| EndpointStats::of(client)).collect()
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
