//! A call around a future that is ready.

use core::convert::Infallible;
use core::future::ready;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use evenkeel::{Attempt, Balancer, Policy, Retry};

use crate::measure::Subject;
use crate::threads::{run, timed};

/// The future alone.
pub(crate) fn bare(threads: usize) -> Subject {
    timed(threads, |gate| run(gate, || now(ready(Ok::<_, Infallible>(1_u32)))))
}

/// The same as the attempt of a call with a time-out, which is three attempts at most.
pub(crate) fn call<P: Policy + Send + Sync + 'static>(
    balancer: Balancer<u32, P>,
    threads: usize,
) -> Subject {
    let retry = Retry::attempts(3).and_then(|retry| retry.timeout(Duration::from_secs(1)));
    let retry = retry.expect("three, a second");
    timed(threads, move |gate| {
        run(gate, || {
            let answer = |client: Attempt<u32>| ready(Ok::<_, Infallible>(*client));
            now(balancer.call(&retry, answer)).expect("an answer")
        })
    })
}

/// Returns what a future that does not wait becomes.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing to wait for"),
    }
}
