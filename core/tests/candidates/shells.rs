//! What shells ask of a cluster whose threads pick from a copy: the groups that a balancer has.

use evenkeel_core::cluster::draw_group;
use evenkeel_core::set::{Set, SortedList};
use evenkeel_core::{Book, Cluster, Config, Endpoint, Heap, Instant, Outcome, Zone};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::fixture::{Fixture, Group};

type Shell = Cluster<u16, (), Config, Heap>;

fn groups(cluster: &Shell) -> Vec<Group<u16>> {
    let known: Vec<_> = cluster.members().collect();
    let group = |group: evenkeel_core::cluster::CandidateGroup<'_, SortedList>| {
        let members = || known.iter().filter(|member| group.members.has(member.slot.index()));
        Group {
            share: group.share,
            panic: group.panic,
            members: members().map(|member| member.endpoint.addr).collect(),
            weights: members().map(|member| member.weight).collect(),
        }
    };
    cluster.candidate_groups().map(group).collect()
}

fn endpoints() -> Vec<Endpoint<u16>> {
    let endpoint = |number: u16| {
        Endpoint::new(number)
            .with_weight(u32::from(number % 3) + 1)
            .with_priority(number / 10)
            .with_zone(Zone::new(number % 2 + 1))
            .with_draining(number % 10 >= 6)
    };
    (0..30).map(endpoint).collect()
}

#[test]
fn its_groups_are_those_of_a_balancer() {
    let shared = Config { overprovisioning_percent: 140, ..Config::DEFAULT };
    let zones = Config { zone: Zone::new(1), ..Config::DEFAULT };
    let configs = [Config::DEFAULT, shared, zones, Config { subset: 4, seed: 7, ..shared }];
    for config in configs {
        let mut cluster = Shell::new(config);
        let _ = cluster.update(Instant::ZERO, endpoints());
        let expected = Fixture::<_, Heap>::with(config, endpoints()).groups();
        assert!(expected.iter().all(|group| group.share > 0));
        assert_eq!(groups(&cluster), expected, "{config:?}");
    }
    let nobody = Shell::new(shared);
    assert_eq!(groups(&nobody).iter().map(|group| group.members.len()).collect::<Vec<_>>(), [0]);
}

#[test]
fn groups_are_drawn_by_their_shares() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut count = |key: fn(u64) -> Option<u64>, draws| {
        let mut counts = [0_u32; 3];
        for draw in 0..draws {
            counts[draw_group([70, 20, 5], key(draw), &mut rng)] += 1;
        }
        counts
    };
    assert_eq!(count(Some, 100), [75, 20, 5], "what the shares lack is the first's");
    let counts = count(|_| None, 10_000);
    // Three standard deviations.
    let even =
        counts.iter().zip([7_500_u32, 2_000, 500]).all(|(n, share)| share.abs_diff(*n) < 130);
    assert!(even, "{counts:?}");
}

#[test]
fn it_says_if_failures_matter() {
    assert!(Shell::new(Config::DEFAULT).ejects() && Shell::new(Config::ENVOY).ejects());
    let off = Config { book: Book::Off, ..Config::DEFAULT };
    let none = Config { consecutive_failures: 0, failure_percentage: 0, ..Config::DEFAULT };
    for config in [off, none] {
        let mut cluster = Shell::new(config);
        let _ = cluster.update(Instant::ZERO, endpoints());
        let slot = cluster.find(&0).unwrap();
        let changed =
            (0..100).any(|_| cluster.observe(Instant::ZERO, slot, Outcome::Failure, None));
        assert!(!cluster.ejects() && !changed, "{config:?}");
    }
}
