//! Makes clients as the test says, and counts them.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use evenkeel::{BoxError, Target};

/// How the client of an endpoint comes to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    After(Duration),
    Never,
    Fails,
    /// In its future.
    Panics,
    /// Before there is a future.
    PanicsAtOnce,
    /// It is made, and panics when it is dropped.
    PanicsInTheEnd,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Works {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    hows: HashMap<String, How>,
    others: Option<How>,
    begun: BTreeMap<String, usize>,
    alive: Vec<String>,
    at_once: usize,
    most_at_once: usize,
}

impl Works {
    /// Clients are there at once.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The client of each is made like this from now on.
    pub(crate) fn all(self, how: How) -> Self {
        self.state.lock().unwrap().others = Some(how);
        self
    }

    /// The client of this one is made like this from now on.
    pub(crate) fn with(self, name: &str, how: How) -> Self {
        self.state.lock().unwrap().hows.insert(name.into(), how);
        self
    }

    /// How often it was begun to make a client for this one.
    pub(crate) fn begun(&self, name: &str) -> usize {
        self.state.lock().unwrap().begun.get(name).copied().unwrap_or(0)
    }

    /// For how many endpoints it was begun.
    pub(crate) fn begun_for(&self) -> usize {
        self.state.lock().unwrap().begun.len()
    }

    /// How many are being made.
    pub(crate) fn at_once(&self) -> usize {
        self.state.lock().unwrap().at_once
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.state.lock().unwrap().most_at_once
    }

    /// The names of the clients that are there, in their order.
    pub(crate) fn alive(&self) -> String {
        let mut alive = self.state.lock().unwrap().alive.clone();
        alive.sort();
        alive.concat()
    }

    pub(crate) fn make(
        &self,
        target: Target,
    ) -> impl Future<Output = Result<Client, BoxError>> + Send + use<> {
        let name = target.host().to_owned();
        let how = {
            let mut state = self.state.lock().unwrap();
            *state.begun.entry(name.clone()).or_default() += 1;
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
            let how = state.hows.get(&name).copied().or(state.others);
            how.unwrap_or(How::After(Duration::ZERO))
        };
        let under_way = UnderWay(self.clone());
        assert!(!matches!(how, How::PanicsAtOnce), "no future for {name}");
        let works = self.clone();
        async move {
            let _under_way = under_way;
            match how {
                How::After(Duration::ZERO) | How::PanicsInTheEnd => {}
                How::After(time) => tokio::time::sleep(time).await,
                How::Never => core::future::pending().await,
                How::Fails => return Err("refused".into()),
                How::Panics | How::PanicsAtOnce => panic!("no client for {name}"),
            }
            works.state.lock().unwrap().alive.push(name.clone());
            let fragile = matches!(how, How::PanicsInTheEnd);
            Ok(Client { name, works, fragile })
        }
    }
}

/// Counted until it ends or is dropped.
struct UnderWay(Works);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().at_once -= 1;
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    name: String,
    works: Works,
    fragile: bool,
}

impl Drop for Client {
    fn drop(&mut self) {
        {
            let mut state = self.works.state.lock().unwrap();
            let place = state.alive.iter().position(|name| *name == self.name).unwrap();
            state.alive.remove(place);
        }
        assert!(!self.fragile, "{} is dropped", self.name);
    }
}
