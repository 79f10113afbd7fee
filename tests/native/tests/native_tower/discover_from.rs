//! tower's discovery as a source of endpoints and clients.

use core::convert::Infallible;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use evenkeel::tower::{BalanceService, FromDiscover, SharedService};
use evenkeel::{Balancer, Endpoint, PickError, Removal, Target};
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use tower::ServiceExt;
use tower::discover::Change;

use crate::{Broken, Log, Named, ms};

type Told = Result<Change<u16, Named>, Broken>;

/// A discovery that is told what to say.
fn told() -> (mpsc::UnboundedSender<Told>, impl Stream<Item = Told> + Send + 'static) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let next = |mut receiver: mpsc::UnboundedReceiver<Told>| async {
        let next = receiver.recv().await?;
        Some((next, receiver))
    };
    (sender, stream::unfold(receiver, next))
}

fn named(name: &str) -> Named {
    Named { name: name.to_owned(), log: Log::default() }
}

fn insert(key: u16, name: &str) -> Change<u16, Named> {
    Change::Insert(key, named(name))
}

/// Key 7 is none.
fn endpoint(key: u16) -> Result<Endpoint<Target>, Broken> {
    if key == 7 { Err(Broken) } else { Ok(Endpoint::new(Target::new("key", key).unwrap())) }
}

type Clients = Balancer<SharedService<Named>>;

fn balancer() -> (mpsc::UnboundedSender<Told>, Clients) {
    let (sender, discover) = told();
    let (source, clients) = FromDiscover::new(discover, |key| endpoint(*key));
    (sender, Balancer::builder(source).build(clients).unwrap())
}

fn keys(balancer: &Clients) -> Vec<u16> {
    balancer.endpoints().iter().map(|status| status.target.port()).collect()
}

/// Waits until the endpoints are these.
async fn until(balancer: &Clients, wanted: &[u16]) {
    let all = async {
        while keys(balancer) != wanted {
            tokio::time::sleep(ms(1)).await;
        }
    };
    let ended = tokio::time::timeout(ms(60_000), all).await;
    assert!(ended.is_ok(), "{:?} is not {wanted:?}", keys(balancer));
}

async fn ask(balancer: &Clients) -> String {
    BalanceService::new(balancer.clone()).oneshot(1).await.unwrap()
}

/// Waits until something is so.
async fn eventually(is_so: impl Fn() -> bool) {
    let all = async {
        while !is_so() {
            tokio::time::sleep(ms(1)).await;
        }
    };
    tokio::time::timeout(ms(60_000), all).await.unwrap();
}

/// Asks until this one answers.
async fn until_asked(balancer: &Clients, wanted: &str) {
    let all = async {
        balancer.ready().await;
        while ask(balancer).await != wanted {
            tokio::time::sleep(ms(1)).await;
        }
    };
    let ended = tokio::time::timeout(ms(60_000), all).await;
    assert!(ended.is_ok(), "{wanted} is not asked");
}

#[tokio::test(start_paused = true)]
async fn what_is_inserted_is_asked_until_it_is_removed() {
    let (discover, balancer) = balancer();
    discover.send(Ok(insert(1, "one"))).unwrap();
    discover.send(Ok(insert(2, "two"))).unwrap();
    balancer.ready().await;
    until(&balancer, &[1, 2]).await;
    discover.send(Ok(Change::Remove(1))).unwrap();
    until(&balancer, &[2]).await;
    for _ in 0..5 {
        assert_eq!(ask(&balancer).await, "two");
    }
    // The last one, too; one that is not there changes nothing.
    discover.send(Ok(Change::Remove(9))).unwrap();
    discover.send(Ok(Change::Remove(2))).unwrap();
    until(&balancer, &[]).await;
    assert!(matches!(balancer.pick(), Err(PickError::NoEndpoints { .. })));
    discover.send(Ok(insert(2, "new"))).unwrap();
    until(&balancer, &[2]).await;
    balancer.ready_any().await;
    assert_eq!(ask(&balancer).await, "new");
}

#[tokio::test(start_paused = true)]
async fn a_service_inserted_anew_takes_the_place_of_the_old_one() {
    let (discover, balancer) = balancer();
    discover.send(Ok(insert(1, "old"))).unwrap();
    balancer.ready().await;
    assert_eq!(ask(&balancer).await, "old");
    discover.send(Ok(insert(1, "new"))).unwrap();
    discover.send(Ok(insert(2, "two"))).unwrap();
    until(&balancer, &[1, 2]).await;
    discover.send(Ok(Change::Remove(2))).unwrap();
    until(&balancer, &[1]).await;
    assert_eq!(ask(&balancer).await, "new");
}

#[tokio::test(start_paused = true)]
async fn one_removed_and_inserted_at_once_is_new() {
    let (discover, balancer) = balancer();
    discover.send(Ok(insert(1, "old"))).unwrap();
    balancer.ready().await;
    assert_eq!(ask(&balancer).await, "old");
    // Before it is looked at, so that the endpoints are what they were.
    discover.send(Ok(Change::Remove(1))).unwrap();
    discover.send(Ok(insert(1, "new"))).unwrap();
    until_asked(&balancer, "new").await;
    // An error in between is an answer, but says nothing of endpoints.
    discover.send(Ok(Change::Remove(1))).unwrap();
    discover.send(Err(Broken)).unwrap();
    discover.send(Ok(insert(1, "newest"))).unwrap();
    until_asked(&balancer, "newest").await;
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_in_its_grace_is_new() {
    let (discover, told) = told();
    let (source, clients) = FromDiscover::new(told, |key| endpoint(*key));
    let removal = Removal { grace: ms(600_000), ..Removal::default() };
    let balancer = Balancer::builder(source).removal(removal).build(clients).unwrap();
    discover.send(Ok(insert(1, "old"))).unwrap();
    discover.send(Ok(insert(2, "two"))).unwrap();
    until(&balancer, &[1, 2]).await;
    until_asked(&balancer, "old").await;
    let leaving = || balancer.endpoints().iter().any(|status| status.leaving);
    discover.send(Ok(Change::Remove(1))).unwrap();
    eventually(leaving).await;
    discover.send(Ok(insert(1, "new"))).unwrap();
    eventually(|| !leaving()).await;
    until_asked(&balancer, "new").await;
    // Those that are gone are made anew.
    discover.send(Ok(Change::Remove(1))).unwrap();
    eventually(leaving).await;
    tokio::time::sleep(ms(600_000)).await;
    until(&balancer, &[2]).await;
    discover.send(Ok(insert(1, "newest"))).unwrap();
    until_asked(&balancer, "newest").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_gets_another_target_leaves_the_old_one() {
    let (discover, told) = told();
    let ports = Arc::new(Mutex::new(BTreeMap::from([(1, 10), (2, 10)])));
    let known = Arc::clone(&ports);
    let (source, clients) =
        FromDiscover::new(told, move |key: &u16| endpoint(known.lock().unwrap()[key]));
    let balancer = Balancer::builder(source).build(clients).unwrap();
    discover.send(Ok(insert(1, "one"))).unwrap();
    discover.send(Ok(insert(2, "two"))).unwrap();
    until(&balancer, &[10]).await;
    // The other key still has the old one.
    ports.lock().unwrap().insert(1, 11);
    discover.send(Ok(insert(1, "moved"))).unwrap();
    until(&balancer, &[10, 11]).await;
    ports.lock().unwrap().insert(2, 12);
    discover.send(Ok(insert(2, "moved"))).unwrap();
    until(&balancer, &[11, 12]).await;
    // Twice under one key and one target is once.
    discover.send(Ok(insert(2, "again"))).unwrap();
    discover.send(Ok(Change::Remove(2))).unwrap();
    until(&balancer, &[11]).await;
    discover.send(Ok(Change::Remove(1))).unwrap();
    until(&balancer, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn two_keys_of_one_target_are_served_by_the_last_that_stays() {
    let (discover, told) = told();
    let (source, clients) =
        FromDiscover::new(told, |key: &u16| endpoint(10).map(|it| it.with_weight((*key).into())));
    let balancer = Balancer::builder(source).build(clients).unwrap();
    for (key, name) in [(1, "one"), (2, "two"), (3, "three")] {
        discover.send(Ok(insert(key, name))).unwrap();
        until_asked(&balancer, name).await;
    }
    // One that is not in place changes nothing, and those in place make room.
    discover.send(Ok(Change::Remove(2))).unwrap();
    discover.send(Ok(insert(3, "three anew"))).unwrap();
    until_asked(&balancer, "three anew").await;
    discover.send(Ok(Change::Remove(3))).unwrap();
    until_asked(&balancer, "one").await;
    assert_eq!(balancer.endpoints()[0].endpoint.weight, 1);
    discover.send(Ok(Change::Remove(1))).unwrap();
    until(&balancer, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn errors_are_told_and_remove_nobody() {
    let (discover, balancer) = balancer();
    discover.send(Ok(insert(1, "one"))).unwrap();
    balancer.ready().await;
    for told in [Err(Broken), Ok(insert(7, "no endpoint"))] {
        discover.send(told).unwrap();
        let mut status = balancer.discovery();
        let failed = status.wait_for(|status| status.error.is_some()).await.unwrap();
        assert_eq!(failed.error.as_ref().unwrap().to_string(), "broken");
        drop(failed);
        assert_eq!((keys(&balancer), ask(&balancer).await), (vec![1], "one".to_owned()));
        discover.send(Ok(insert(2, "two"))).unwrap();
        let mut status = balancer.discovery();
        status.wait_for(|status| status.error.is_none()).await.unwrap();
        discover.send(Ok(Change::Remove(2))).unwrap();
        until(&balancer, &[1]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn its_end_is_told_and_the_endpoints_stay() {
    let (discover, balancer) = balancer();
    discover.send(Ok(insert(1, "one"))).unwrap();
    balancer.ready().await;
    drop(discover);
    let mut status = balancer.discovery();
    let ended = status.wait_for(|status| status.ended.is_some()).await.unwrap();
    assert_eq!(ended.ended.as_ref().unwrap().reason(), "tower's discovery has ended");
    drop(ended);
    assert_eq!(ask(&balancer).await, "one");
    // One that ends before it has said anything has failed.
    let nothing = stream::empty::<Result<Change<u16, Named>, Infallible>>();
    let (source, clients) = FromDiscover::new(nothing, |key| endpoint(*key));
    let balancer = Balancer::builder(source).build(clients).unwrap();
    let error = balancer.ready_within(ms(5_000)).await.unwrap_err();
    assert!(error.to_string().contains("ended without any endpoint"), "{error}");
}
