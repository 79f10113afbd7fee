//! Outages that nobody chose.

use core::fmt::{self, Write};

use super::figures::in_parallel;
use super::{
    FIRST_EDITION, Outage, Play, dead, failing, flapping, hung, refusing, restarting, slow,
};
use crate::simulation::{Scenario, Table, decimal, draw as chance};

/// The seeds of the committed outages that the rule was found with.
pub const SEEDS: core::ops::Range<u64> = 1..321;

/// The seeds of as many that nobody looked at before the rule was as it is.
pub const FRESH: core::ops::Range<u64> = 2001..2321;

/// The kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Requests fail at once.
    Dead,
    /// Nobody listens.
    Refusing,
    /// No request is answered.
    Hung,
    /// None is for 5 s.
    Hiccup,
    /// Half of the requests fail.
    Failing,
    /// Requests are ten times the work.
    Slow,
    /// Dead for 3 s, well for 3 s.
    Flapping,
    /// One after the other is not there.
    Restarting,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Dead,
        Self::Refusing,
        Self::Hung,
        Self::Hiccup,
        Self::Failing,
        Self::Slow,
        Self::Flapping,
        Self::Restarting,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dead => "dead",
            Self::Refusing => "refusing",
            Self::Hung => "hung",
            Self::Hiccup => "hung for 5 s",
            Self::Failing => "half of the requests fail",
            Self::Slow => "ten times slower",
            Self::Flapping => "flapping",
            Self::Restarting => "restarting one by one",
        })
    }
}

/// Draws an outage: 2 to 50 hosts of 1 or 8 workers, of which one, some or all are in trouble for 20
/// of 60 seconds; one of three policies; 30 to 85 % of what the hosts can do; one attempt or four.
pub fn draw(seed: u64) -> (Kind, Outage) {
    let mut number = 0;
    let mut roll = |bound| {
        number += 1;
        chance(seed, number, bound)
    };
    let hosts = 2 + roll(49);
    let bad = 1 + roll(hosts);
    let workers = [1, 8][roll(2) as usize];
    let policy = ["round_robin", "least_request", "peak_ewma"][roll(3) as usize];
    let load = 30 + roll(56);
    let attempts = [1, 4][roll(2) as usize];
    let kind = Kind::ALL[roll(8) as usize];
    let (trouble, seconds) = match kind {
        Kind::Dead => (dead(bad), 10..30),
        Kind::Refusing => (refusing(bad), 10..30),
        Kind::Hung => (hung(bad), 10..30),
        Kind::Hiccup => (hung(bad), 10..15),
        Kind::Failing => (failing(bad, 500), 10..30),
        Kind::Slow => (slow(bad, 10), 10..30),
        Kind::Flapping => (flapping(bad, 3), 10..30),
        Kind::Restarting => (restarting(bad, 2), 10..30),
    };
    let title = format!(
        "{bad} of {hosts} hosts of {workers} {kind}, {policy}, {load} % load, {attempts} attempts"
    );
    let outage = Outage::new(title)
        .hosts(hosts as usize)
        .workers(workers)
        .load(load)
        .policy(policy)
        .attempts(attempts, 250)
        .fault(trouble, seconds)
        .seconds(60)
        .once();
    (kind, outage)
}

/// The same with backups: half as many and one more, of which half as many are in trouble, the same
/// and at the same time.
pub fn draw_with_backups(seed: u64) -> (Kind, Outage) {
    let (kind, outage) = draw(seed);
    let hosts = outage.scenario.hosts.len();
    let bad = outage.scenario.hosts.iter().filter(|host| !host.faults.is_empty()).count();
    let mut outage = outage.backups(hosts / 2 + 1);
    let (first, backups) = outage.scenario.hosts.split_at_mut(hosts);
    for (host, backup) in first.iter().zip(backups).take((bad / 2).max(1)) {
        backup.faults.clone_from(&host.faults);
    }
    (kind, outage)
}

/// What each of several rules lost of the calls of one outage, in hundredths of a percent.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The seed.
    pub seed: u64,
    /// What it was drawn as.
    pub kind: Kind,
    /// In words.
    pub title: String,
    /// By rules.
    pub lost: Vec<u64>,
}

/// Plays the outages that are drawn of these seeds with each of the settings; `tell` hears when one
/// is done.
pub fn lose(
    draw: fn(u64) -> (Kind, Outage),
    seeds: core::ops::Range<u64>,
    configs: &[evenkeel_core::Config],
    play: Play<'_>,
    tell: &(dyn Fn(u64) + Sync),
) -> Vec<Lost> {
    in_parallel((seeds.end - seeds.start) as usize, &|index| {
        let seed = seeds.start + index as u64;
        let (kind, outage) = draw(seed);
        let lost = configs.iter().map(|config| {
            let scenario = Scenario { config: *config, ..outage.scenario.clone() };
            let log = play(&scenario, seed, &mut outage.budget.clone());
            (log.errors() as u64 * 10_000).checked_div(log.calls.len() as u64).unwrap_or(0)
        });
        let lost = lost.collect();
        tell(seed);
        Lost { seed, kind, title: outage.title, lost }
    })
}

/// Tells that `ours` is more than another's by a fifth and by one point.
pub fn loses(ours: u64, other: u64) -> bool {
    ours * 5 > other * 6 && ours > other + 100
}

/// The mean of each rule, in hundredths of a percent, over all of one kind, or over all.
pub fn means(all: &[Lost], kind: Option<Kind>) -> Vec<u64> {
    let part: Vec<_> =
        all.iter().filter(|lost| kind.is_none_or(|kind| lost.kind == kind)).collect();
    let rules = part.first().map_or(0, |lost| lost.lost.len());
    let sum = |rule: usize| part.iter().map(|lost| lost.lost[rule]).sum::<u64>();
    (0..rules).map(|rule| sum(rule) / part.len() as u64).collect()
}

/// What all came to, by kinds, and where the last of `names` loses to the others.
pub fn summary(names: &[&str], all: &[Lost]) -> String {
    let mut heads = vec!["lost % of", "outages"];
    heads.extend(names);
    let mut table = Table::new(1, &heads);
    let mut add = |title: String, of: &dyn Fn(&&Lost) -> bool| {
        let part: Vec<_> = all.iter().filter(of).collect();
        let mean = |rule: usize| {
            let sum: u64 = part.iter().map(|lost| lost.lost[rule]).sum();
            decimal(sum, part.len() as u64 * 100, 2)
        };
        let mut row = vec![title, part.len().to_string()];
        row.extend((0..names.len()).map(mean));
        table.row(row);
    };
    for kind in Kind::ALL {
        add(kind.to_string(), &|lost| lost.kind == kind);
    }
    add("all".to_owned(), &|_| true);
    let mut text = format!("{table}\n");
    let ours = names.len() - 1;
    let mut versus = Table::new(1, &["ours against", "clearly better", "clearly worse"]);
    for (rule, name) in names.iter().enumerate().take(ours) {
        let count = |worse: &dyn Fn(&Lost) -> bool| all.iter().filter(|lost| worse(lost)).count();
        let worse = count(&|lost| loses(lost.lost[ours], lost.lost[rule]));
        let better = count(&|lost| loses(lost.lost[rule], lost.lost[ours]));
        versus.row([(*name).to_owned(), better.to_string(), worse.to_string()]);
    }
    let but = if names.contains(&FIRST_EDITION) { " but the first edition" } else { "" };
    write!(text, "{versus}\nWhere ours is clearly worse than any{but}:\n\n").expect("room");
    let mut worst = Table::new(2, &{
        let mut heads = vec!["seed", "outage"];
        heads.extend(names);
        heads
    });
    for lost in all {
        let mut others = names[..ours].iter().zip(&lost.lost);
        if others.any(|(name, other)| *name != FIRST_EDITION && loses(lost.lost[ours], *other)) {
            let mut row = vec![lost.seed.to_string(), lost.title.clone()];
            row.extend(lost.lost.iter().map(|lost| decimal(*lost, 100, 2)));
            worst.row(row);
        }
    }
    write!(text, "{worst}").expect("room");
    text
}
