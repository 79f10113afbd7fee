use std::collections::BTreeSet;

use evenkeel::Config;

use crate::{Bed, all, at};

const POLICIES: [&str; 4] = ["rendezvous", "maglev", "ring_hash", "ketama"];
/// With the ring's minimum at 1, each endpoint has the same points however many there are.
const STICKY: [&str; 4] = ["rendezvous", "maglev", "ring_hash(minimum=1)", "ketama"];
const USERS: u64 = 2_000;

fn owners(bed: &Bed) -> Vec<String> {
    (0..USERS).map(|user| bed.next_for(user)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_stays_with_its_endpoint_whoever_asks() {
    for policy in STICKY {
        let bed = Bed::new(policy, Config::default(), all("abcdefghij")).await;
        let first = owners(&bed);
        assert_eq!(owners(&bed), first, "{policy}");
        let on_another_thread =
            std::thread::scope(|scope| scope.spawn(|| owners(&bed)).join().unwrap());
        assert_eq!(on_another_thread, first, "{policy}");
        let other = Bed::seeded(2, policy, Config::default(), all("jihgfedcba")).await;
        assert_eq!(owners(&other), first, "{policy}: neither seed nor order matters");
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 10, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_keys_of_an_endpoint_that_leaves_move() {
    for policy in STICKY {
        let bed = Bed::new(policy, Config::default(), all("abcdefghij")).await;
        let before = owners(&bed);
        bed.becomes(all("abcefghij")).await;
        let after = owners(&bed);
        let moved = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| *before != "d" && before != after)
            .count();
        // Maglev gives a little of that up for its evenness.
        let most = if policy == "maglev" { USERS as usize / 50 } else { 0 };
        assert!(moved <= most, "{policy}: {moved}");
        assert!(
            before.iter().any(|owner| owner == "d") && !after.iter().any(|owner| owner == "d"),
            "{policy}"
        );
        bed.becomes(all("abcdefghij")).await;
        assert_eq!(owners(&bed), before, "{policy}: they come back");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_key_spread() {
    for policy in POLICIES {
        let bed = Bed::new(policy, Config::default(), all("abcd")).await;
        assert_eq!(bed.shares(200).len(), 4, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn weights_are_shares_of_the_keys() {
    for policy in POLICIES {
        let bed = Bed::new(policy, Config::default(), [at("a"), at("b").with_weight(3)]).await;
        let heavy = owners(&bed).iter().filter(|owner| *owner == "b").count();
        // 1,500 expected. Rings of few endpoints are uneven by themselves.
        let off = if policy == "ketama" || policy == "ring_hash" { 200 } else { 60 };
        assert!(heavy.abs_diff(1_500) < off, "{policy}: {heavy}");
    }
}

#[tokio::test(start_paused = true)]
async fn pick_first_differs_between_seeds_and_stays() {
    let mut firsts = BTreeSet::new();
    for seed in 0..40 {
        let bed = Bed::seeded(seed, "pick_first", Config::default(), all("abcd")).await;
        let first = bed.next();
        assert!((0..20).all(|_| bed.next() == first));
        bed.becomes(all("abcd").into_iter().filter(|endpoint| endpoint.addr.host() != first)).await;
        assert_ne!(bed.next(), first);
        bed.becomes(all("abcde")).await;
        let again = Bed::seeded(seed, "pick_first", Config::default(), all("abcde")).await;
        assert_eq!(bed.next(), again.next(), "follows from seed and endpoints alone");
        firsts.insert(first);
    }
    assert_eq!(firsts.len(), 4, "{firsts:?}");
    let own = |seed| async move {
        Bed::seeded(seed, "pick_first(seed=7)", Config::default(), all("abcd")).await.next()
    };
    assert_eq!(own(1).await, own(2).await, "a seed of its own comes first");
}
