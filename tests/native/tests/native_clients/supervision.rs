//! Code of the user's panics: the balancer goes on, and says so.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::{Arc, mpsc};

use evenkeel::core::load::InFlight;
use evenkeel::core::{TableFull, View};
use evenkeel::{
    Answer, Balancer, BoxError, Cx, Discover, Ended, EventKind, Fixed, PickError, Policy,
    PollerConfig, Publisher, Retry, RoundRobin, SourceHealth, Verdict,
};

use crate::works::{How, Works};
use crate::{Bed, MS, SECOND, all, at, pass};

#[tokio::test(start_paused = true)]
async fn factories() {
    for how in [How::Panics, How::PanicsAtOnce] {
        let bed = Bed::new("abc", Works::new().with("b", how));
        bed.balancer.ready().await;
        assert_eq!(bed.picked(), "ac");
        let status = bed.balancer.task().borrow().clone();
        assert!(status.panics == 1 && !status.ended, "{status:?}");
        let said = status.last_panic.unwrap();
        assert!(said.starts_with("the factory panicked: no"), "{said}");
        bed.works.clone().with("b", How::After(MS));
        pass(SECOND).await;
        assert_eq!(bed.picked(), "abc", "{how:?}: tried again");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_are_dropped() {
    let bed = Bed::new("ab", Works::new().with("a", How::PanicsInTheEnd));
    bed.balancer.ready().await;
    bed.becomes(all("bc")).await;
    pass(3 * SECOND).await;
    assert_eq!(bed.balancer.task().borrow().panics, 1);
    assert_eq!(bed.picked(), "bc");
    bed.becomes(all("cd")).await;
    assert_eq!((bed.picked().as_str(), bed.works.alive().as_str()), ("cd", "cd"));
}

/// A source that panics the first times it is asked, at different places.
struct Fragile(usize);

impl Discover for Fragile {
    type Error = BoxError;

    fn lookup(&mut self) -> impl Future<Output = Result<Answer, Self::Error>> + Send {
        self.0 += 1;
        let time = self.0;
        assert_ne!(time, 1, "before there is a future");
        async move {
            tokio::time::sleep(MS).await;
            assert_ne!(time, 2, "in the future");
            Ok(Answer::new([at("a")]))
        }
    }

    fn poller(&self) -> PollerConfig {
        PollerConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn sources() {
    let works = Works::new();
    let balancer = Balancer::builder(Fragile(0)).build(move |target| works.make(target)).unwrap();
    let mut discovery = balancer.discovery();
    for (failures, place) in [(1, "before there is a future"), (2, "in the future")] {
        let status = discovery.wait_for(|status| status.failures == failures).await.unwrap();
        let error = status.error.as_ref().unwrap().to_string();
        assert!(error.contains("discovery panicked") && error.contains(place), "{error}");
    }
    balancer.ready().await;
    assert_eq!(balancer.task().borrow().panics, 2);
    assert!(balancer.discovery().borrow().error.is_none());
}

/// Answers once, and then keeps its thread until it is told to go on.
struct Blocking(u32, mpsc::Receiver<()>);

impl Discover for Blocking {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        self.0 += 1;
        if self.0 == 2 {
            self.1.recv()?;
        }
        Ok(Answer::new([at("a"), at("b")]))
    }

    fn poller(&self) -> PollerConfig {
        let soon = Duration::from_millis(20);
        PollerConfig { timeout: soon, min_gap: soon, ..PollerConfig::default() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_blocks_its_thread_stops_nobody_else_and_is_told_of() {
    let (go_on, told) = mpsc::channel();
    let works = Works::new();
    let balancer =
        Balancer::builder(Blocking(0, told)).build(move |target| works.make(target)).unwrap();
    balancer.ready().await;
    balancer.refresh();
    let mut discovery = balancer.discovery();
    let status = discovery.wait_for(|status| status.error.is_some()).await.unwrap().clone();
    assert!(status.error.unwrap().to_string().contains("blocks its thread"));
    let mut events = balancer.events();
    balancer.set_down(&at("a").addr, true);
    assert_eq!(events.recv().await.unwrap().kind, EventKind::Down);
    go_on.send(()).unwrap();
    balancer.refresh();
    discovery.wait_for(|status| status.error.is_none()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_blocks_its_thread_is_told_of_too() {
    let (go_on, told) = mpsc::channel();
    let works = Works::new();
    let source = Blocking(0, told).merge(Fixed::new(["c:1"]).unwrap());
    let balancer = Balancer::builder(source).build(move |target| works.make(target)).unwrap();
    balancer.ready().await;
    let mut parts = balancer.discovery();
    let mut first = parts.wait_for(|all| all.parts.len() == 2).await.unwrap().parts[0].clone();
    first.wait_for(|status| status.health == SourceHealth::Fresh).await.unwrap();
    balancer.refresh();
    let status = first.wait_for(|status| status.error.is_some()).await.unwrap().clone();
    assert!(status.error.unwrap().to_string().contains("blocks its thread"));
    assert!(balancer.pick().is_ok());
    go_on.send(()).unwrap();
    first.wait_for(|status| status.error.is_none()).await.unwrap();
}

/// Blocks its thread while it waits for news, after it has waited for a while.
struct Listening(mpsc::Receiver<()>);

impl Discover for Listening {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        Ok(Answer::new([at("a"), at("b")]))
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.recv().map_err(|_| Ended::because("nobody tells"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_blocks_while_it_waits_for_news_stops_nobody_else_and_is_told_of() {
    let (go_on, told) = mpsc::channel();
    let works = Works::new();
    let balancer =
        Balancer::builder(Listening(told)).build(move |target| works.make(target)).unwrap();
    balancer.ready().await;
    let mut discovery = balancer.discovery();
    let status = discovery.wait_for(|status| status.error.is_some()).await.unwrap().clone();
    assert!(status.error.unwrap().to_string().contains("blocks its thread, while it waits"));
    assert_eq!(status.failures, 1);
    let mut events = balancer.events();
    balancer.set_down(&at("a").addr, true);
    assert_eq!(events.recv().await.unwrap().kind, EventKind::Down);
    go_on.send(()).unwrap();
    discovery.wait_for(|status| status.error.is_none()).await.unwrap();
    drop(go_on);
    discovery.wait_for(|status| status.ended.is_some()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_waits_for_news_for_long_does_not_block() {
    let (publisher, source) = Publisher::new();
    publisher.replace([at("a")]);
    let works = Works::new();
    let balancer = Balancer::builder(source).build(move |target| works.make(target)).unwrap();
    balancer.ready().await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    publisher.upsert(at("b"));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let status = balancer.discovery().borrow().clone();
    assert!(status.error.is_none() && status.failures == 0, "{status:?}");
    assert_eq!(balancer.endpoints().len(), 2);
}

/// Round robin that cannot stand three endpoints.
#[derive(Clone)]
struct NoThree(RoundRobin);

impl Policy for NoThree {
    type Load = InFlight;

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.0.pick(view, cx)
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        assert_ne!(view.len(), 3, "three");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn policies() {
    let bed =
        Bed::tuned(all("ab"), Works::new(), |builder| builder.policy(NoThree(RoundRobin::new())));
    bed.balancer.ready().await;
    bed.becomes(all("abc")).await;
    assert_eq!(bed.picked(), "ab", "the last set that the policy took");
    let said = bed.balancer.task().borrow().last_panic.clone().unwrap();
    assert!(said.starts_with("the policy panicked"), "{said}");
    let candidates = bed.balancer.endpoints().iter().filter(|status| status.candidate).count();
    assert_eq!(candidates, 2);
    assert_eq!(bed.balancer.endpoint_stats().len(), 3, "all that have a client are told of");
    bed.becomes(all("abcd")).await;
    assert_eq!(bed.picked(), "abcd");
}

/// Round robin that panics once, at three endpoints.
#[derive(Clone)]
struct Once(RoundRobin, Arc<AtomicUsize>);

impl Policy for Once {
    type Load = InFlight;

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.0.pick(view, cx)
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        assert!(view.len() != 3 || self.1.fetch_add(1, SeqCst) > 0, "not now");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_panicked_is_asked_again_though_nothing_changes() {
    let asked = Arc::new(AtomicUsize::new(0));
    let policy = Once(RoundRobin::new(), Arc::clone(&asked));
    let bed = Bed::tuned(all("ab"), Works::new(), |builder| builder.policy(policy));
    bed.balancer.ready().await;
    bed.becomes(all("abc")).await;
    assert_eq!(bed.picked(), "ab");
    pass(2 * SECOND).await;
    assert_eq!(bed.picked(), "abc");
    pass(60 * SECOND).await;
    assert_eq!(asked.load(SeqCst), 2, "once more is enough");
}

#[tokio::test(start_paused = true)]
async fn what_runs_in_the_callers_tasks_is_theirs() {
    let bed = Bed::tuned(all("ab"), Works::new(), |builder| {
        builder.policy("least_request".parse::<evenkeel::AnyPolicy>().unwrap())
    });
    bed.balancer.ready().await;
    let balancer = bed.balancer.clone();
    let classifies = tokio::spawn(async move {
        let retry = Retry::attempts(3).unwrap();
        let retry = retry.classify(|_: &&str| -> Verdict { panic!("undecided") });
        balancer.call(&retry, async |_| Err::<(), _>("no")).await.is_ok()
    });
    assert!(classifies.await.unwrap_err().is_panic());
    let mut events = bed.balancer.events();
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    let listens = tokio::spawn(async move {
        let event = events.recv().await.unwrap();
        counted.fetch_add(1, SeqCst);
        panic!("{event}");
    });
    bed.becomes(all("abc")).await;
    assert!(listens.await.unwrap_err().is_panic() && heard.load(SeqCst) == 1);
    let in_flight: u32 = bed.balancer.endpoints().iter().map(|status| status.in_flight).sum();
    assert_eq!((bed.picked().as_str(), in_flight), ("abc", 0));
    assert_eq!(*bed.balancer.task().borrow(), evenkeel::TaskStatus::default());
}

#[test]
fn a_runtime_that_ends_takes_the_task_along_and_picks_go_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bed = runtime.block_on(async {
        let bed = Bed::new("ab", Works::new());
        bed.balancer.ready().await;
        bed
    });
    let task = bed.balancer.task();
    assert!(!task.borrow().ended);
    drop(runtime);
    assert!(task.borrow().ended && task.has_changed().unwrap());
    assert_eq!(bed.picked(), "ab");
}

#[test]
fn a_balancer_whose_runtime_is_gone_can_be_closed_and_says_what_it_is() {
    for left in [false, true] {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let bed = runtime.block_on(async {
            let bed = Bed::new("ab", Works::new());
            bed.balancer.ready().await;
            bed
        });
        runtime.shutdown_background();
        let mut task = bed.balancer.task();
        on_this_thread(task.wait_for(|status| status.ended)).unwrap();
        // What was known goes on.
        let lease = bed.balancer.pick().unwrap().lease();
        if left {
            let mut closes = core::pin::pin!(bed.balancer.close());
            let first = futures_util::FutureExt::now_or_never(closes.as_mut());
            assert!(first.is_none(), "a lease is left");
            lease.success();
            on_this_thread(closes);
        } else {
            lease.success();
            on_this_thread(bed.balancer.close());
        }
        let says = "the balancer has ended: it was closed, or its runtime was shut down";
        let error = bed.balancer.pick().expect_err("closed").to_string();
        assert_eq!(error, format!("no endpoints available: {says}"));
    }
}

/// Waits on this thread, without a runtime.
fn on_this_thread<T>(future: impl Future<Output = T>) -> T {
    struct Thread(std::thread::Thread);
    impl std::task::Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Thread(std::thread::current())).into();
    let mut cx = core::task::Context::from_waker(&waker);
    let mut future = core::pin::pin!(future);
    loop {
        if let core::task::Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        std::thread::park();
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_before_it_has_run_says_so() {
    let bed = Bed::new("ab", Works::new());
    bed.balancer.close().await;
    bed.balancer.ready().await;
    assert!(bed.balancer.task().borrow().ended);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_an_endpoint_end_with_the_task() {
    let (_publisher, source) = Publisher::new();
    let works = Works::new();
    let balancer = Balancer::builder(source).build(move |target| works.make(target)).unwrap();
    let waits = tokio::spawn({
        let balancer = balancer.clone();
        async move {
            let patient = Retry::attempts(3).unwrap().wait_for_ready();
            balancer.call(&patient, async |_| Ok::<_, BoxError>(())).await
        }
    });
    pass(3_600 * SECOND).await;
    assert!(!waits.is_finished());
    balancer.close().await;
    let error = waits.await.unwrap().unwrap_err();
    assert!(matches!(error.unavailable, Some(PickError::NoEndpoints { .. })), "{error}");
    let patient = Retry::attempts(3).unwrap().wait_for_ready();
    let error = balancer.call(&patient, async |_| Ok::<_, BoxError>(())).await.unwrap_err();
    let says = "no endpoints available: the balancer has ended: it was closed, or its runtime was shut down";
    assert_eq!(error.to_string(), says);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_task_which_says_so() {
    let bed = Bed::new("a", Works::new());
    let mut task = bed.balancer.task();
    bed.balancer.ready().await;
    drop(bed);
    assert!(task.wait_for(|status| status.ended).await.is_ok());
}
