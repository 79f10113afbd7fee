//! Endpoints from where only you know: by poll, where somebody is to be asked, and by push, where
//! somebody tells. `cargo run -p evenkeel --example custom_discovery`

use core::time::Duration;
use std::sync::{Arc, Mutex};

use evenkeel::{Answer, Balancer, Changes, Discover, Endpoint, PollerConfig, Publisher, Target};

/// A registry of yours: here, a list that others write.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<Vec<String>>>);

impl Discover for Registry {
    type Error = Box<dyn core::error::Error + Send + Sync>;

    /// Asks once. What cannot be understood is an error, and what was known stays.
    async fn lookup(&mut self) -> Result<Answer, Self::Error> {
        let names = self.0.lock().expect("nobody panics over it").clone();
        let endpoints = names.iter().map(|name| Ok(Endpoint::new(name.parse()?)));
        Ok(Answer::new(endpoints.collect::<Result<Vec<_>, Self::Error>>()?))
    }

    /// Asks every 20 ms.
    fn poller(&self) -> PollerConfig {
        let often = Duration::from_millis(20);
        PollerConfig { min: often, max: often, default: often, min_gap: often, ..<_>::default() }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let registry = Registry::default();
    let list = Arc::clone(&registry.0);
    list.lock().expect("nobody panics over it").push("10.0.0.1:80".into());
    let polled = Balancer::builder(registry).build_with(|target: Target| target)?;
    let mut changes = polled.changes();
    tell("poll", &mut changes).await;
    list.lock().expect("nobody panics over it").push("10.0.0.2:80".into());
    tell("poll", &mut changes).await;

    let (publisher, source) = Publisher::new();
    let pushed = Balancer::builder(source).build_with(|target: Target| target)?;
    let mut changes = pushed.changes();
    publisher.replace(["10.0.0.3:80".parse().map(Endpoint::new)?]);
    tell("push", &mut changes).await;
    publisher.upsert(Endpoint::new("10.0.0.4:80".parse()?).with_weight(2));
    tell("push", &mut changes).await;
    Ok(())
}

async fn tell(how: &str, changes: &mut Changes) {
    if let Some(change) = changes.recv().await {
        println!("{how}: {change:?}");
    }
}
