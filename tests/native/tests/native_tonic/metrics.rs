//! What the recorder of the facade `metrics` gets of calls and connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn};
use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tonic::{GrpcMethod, Request, Status};

use crate::server::{Say, Server};
use crate::{at_once, call, ms, to, until};

/// Keeps the sum of each name with labels, and how often it was told.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<String, (f64, u32)>>>);

struct Cell(Kept, String);

impl Cell {
    fn add(&self, value: f64) {
        let mut kept = self.0.0.lock().unwrap();
        let (sum, times) = kept.entry(self.1.clone()).or_default();
        (*sum, *times) = (*sum + value, *times + 1);
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(f64::from(u32::try_from(value).unwrap()));
    }

    fn absolute(&self, _: u64) {
        unreachable!("they are counted one by one");
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {
        unreachable!("it goes up and down");
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Kept {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(Cell(self.clone(), format!("{}{}", key.name(), labels.collect::<String>())))
    }

    /// Returns the sum and how often it was told.
    fn of(&self, name: &str) -> (f64, u32) {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[tokio::test]
async fn calls_attempts_and_connections_have_grpc_s_names() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let mut server = Server::start(|call| match call {
        0 => Say::Status(Status::unavailable("not yet")),
        _ => Say::Echo,
    });
    let channel = to(&[&server]).metrics_target("dns:///echo").retry(at_once(3)).build().unwrap();
    channel.ready().await;
    let request = || {
        let mut request = Request::new(bytes::Bytes::from_static(b"hello"));
        request.extensions_mut().insert(GrpcMethod::new("test.Echo", "Call"));
        request
    };
    call(&channel, request()).await.unwrap();
    let of =
        |name: &str| kept.of(&format!("{name} grpc.method=test.Echo/Call grpc.target=dns:///echo"));
    let with = |name: &str, status: &str| {
        let labels =
            format!("grpc.method=test.Echo/Call grpc.target=dns:///echo grpc.status={status}");
        kept.of(&format!("{name} {labels}")).1
    };
    assert_eq!(of("grpc.client.attempt.started"), (2.0, 2));
    assert_eq!(with("grpc.client.attempt.duration", "UNAVAILABLE"), 1);
    assert_eq!(with("grpc.client.attempt.duration", "OK"), 1);
    assert_eq!(with("grpc.client.call.duration", "OK"), 1);
    assert_eq!(of("grpc.client.call.retries"), (1.0, 1));
    assert_eq!(of("grpc.client.call.retry_delay").1, 1);
    for none in ["hedges", "transparent_retries"] {
        assert_eq!(of(&format!("grpc.client.call.{none}")), (0.0, 0), "{none}");
    }
    // One that is given up before it is answered, of a method that nobody declared.
    let slow = Server::start(|_| Say::Nothing);
    let other = to(&[&slow]).build().unwrap();
    other.ready().await;
    let hello = call(&other, Request::new(bytes::Bytes::new()));
    assert!(tokio::time::timeout(ms(100), hello).await.is_err());
    let labels = "grpc.method=other grpc.target=other grpc.status=CANCELLED";
    assert_eq!(kept.of(&format!("grpc.client.attempt.duration {labels}")).1, 1);
    assert_eq!(kept.of(&format!("grpc.client.call.duration {labels}")).1, 1);

    let of = |name: &str| kept.of(&format!("grpc.subchannel.{name} grpc.target=dns:///echo")).0;
    assert_eq!((of("open_connections"), of("connection_attempts_succeeded")), (1.0, 1.0));
    assert_eq!((of("disconnections"), of("connection_attempts_failed")), (0.0, 0.0));
    server.kill();
    until("it is lost", || of("disconnections") > 0.5).await;
    assert!(of("open_connections").abs() < 0.5);
    until("it is tried again", || of("connection_attempts_failed") >= 1.0).await;
    // Those of a channel that is gone are open no more.
    let open = || kept.of("grpc.subchannel.open_connections grpc.target=other").0;
    assert!((open() - 1.0).abs() < 0.5);
    drop(other);
    until("it is closed", || open().abs() < 0.5).await;
}
