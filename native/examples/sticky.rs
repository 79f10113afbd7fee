//! Requests of one user go to the same endpoint, as long as it is well: sessions and caches stay
//! warm. `cargo run -p evenkeel --example sticky`

use core::convert::Infallible;
use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel::{Attempt, Balancer, Endpoint, Publisher, Rendezvous, Retry, Target, hash};

const USERS: [&str; 6] = ["ann", "ben", "cleo", "dan", "eve", "finn"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let (publisher, source) = Publisher::new();
    // Rendezvous hashing: when an endpoint leaves, only its own users move.
    let balancer = Balancer::builder(source)
        .policy(Rendezvous::default())
        .build_with(|target: Target| target.host().to_owned())?;
    let endpoint = |name: &str| Target::new(name, 80).map(Endpoint::new);
    publisher.replace([endpoint("a")?, endpoint("b")?, endpoint("c")?]);
    balancer.ready().await;

    let retry = Retry::attempts(2)?.timeout(Duration::from_secs(5))?;
    let before = homes(&balancer, &retry).await?;
    assert_eq!(before, homes(&balancer, &retry).await?, "everybody stays");

    publisher.replace([endpoint("a")?, endpoint("c")?]);
    let mut changes = balancer.events();
    while balancer.endpoints().iter().any(|status| status.target.host() == "b") {
        changes.recv().await?;
    }
    for (user, home) in homes(&balancer, &retry).await? {
        let old = &before[user];
        println!(
            "{user}: {old}{}",
            if *old == home { String::new() } else { format!(" → {home}") }
        );
        assert!(old == "b" || *old == home, "{user} had no reason to move");
    }
    Ok(())
}

/// Who answers each user.
async fn homes(
    balancer: &Balancer<String, Rendezvous>,
    retry: &Retry,
) -> Result<BTreeMap<&'static str, String>, Box<dyn core::error::Error>> {
    let mut homes = BTreeMap::new();
    for user in USERS {
        let ask = async |client: Attempt<String>| Ok::<_, Infallible>(client.to_string());
        homes.insert(user, balancer.call_for(hash::str(user), retry, ask).await?);
    }
    Ok(homes)
}
