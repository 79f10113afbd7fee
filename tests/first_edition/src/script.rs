//! What happens in a life, drawn from its seed before it begins: so that parts of it can be left
//! out.

mod settings;

use core::time::Duration;

use first::health::OutlierDetection;
use first::{Endpoint, Outcome, Zone};

use crate::chance::Chance;
use crate::edition::{Addr, Agreement, Agreements, CallSettings, Settings};

/// Whose rules decide in a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// Nobody's: no endpoint is ejected. Our rule is another in each edition.
    Off,
    /// Envoy's.
    Envoy,
    /// gRPC's.
    Grpc,
}

impl Book {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Envoy, Self::Grpc];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Envoy => "envoy",
            Self::Grpc => "grpc",
        }
    }

    /// The first edition's usual settings of it.
    const fn usual(self) -> Option<OutlierDetection> {
        match self {
            Self::Off => None,
            Self::Envoy => Some(OutlierDetection::ENVOY),
            Self::Grpc => Some(OutlierDetection::GRPC),
        }
    }
}

/// A life: what it begins with, and what happens then.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where its chance begins.
    pub seed: u64,
    /// Whose rules decide.
    pub book: Book,
    /// Of both editions.
    pub settings: Settings,
    /// What the editions have in common.
    pub agreement: Agreement,
    /// Does all that is due at once, after each step; otherwise the next pick does it.
    pub prompt: bool,
    /// What happens.
    pub ops: Vec<Op>,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Op {
    /// The whole set.
    Update(Vec<Endpoint<Addr>>),
    /// One endpoint comes or changes.
    Insert(Endpoint<Addr>),
    /// One leaves.
    Remove(Addr),
    /// An active check found this of one.
    SetDown(Addr, bool),
    /// Other settings of the same book, or none.
    Configure(Option<OutlierDetection>),
    /// From now on, so many of a thousand requests to an endpoint fail, and so many find it
    /// overloaded.
    Weather(Addr, u16, u16),
    /// A pick with this key that avoids some; it stays open.
    Pick(Option<u64>, Vec<Addr>),
    /// One of the open picks ends.
    Report(u64, Outcome),
    /// One of the open picks is never reported.
    Lose(u64),
    /// Requests one after the other; how they end is the weather's business.
    Serve(Serve),
    /// The time goes on.
    Ahead(Duration),
    /// The clock goes back.
    Back(Duration),
    /// What is due is done.
    HandleTimeout,
    /// What is due is done when it is, or so many nanoseconds before or after.
    Sleep(i64),
    /// A call begins.
    Call(CallSettings),
    /// The calls under way take steps; how their attempts end is the weather's business.
    Drive(Drive),
}

/// Steps of calls.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// So many calls begin before.
    pub calls: u8,
    /// Their bounds.
    pub settings: CallSettings,
    /// So many steps are taken, each by one of the calls under way.
    pub steps: u16,
}

/// Requests one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Serve {
    /// How many.
    pub requests: u16,
    /// Time between two.
    pub spacing: Duration,
    /// So many of a thousand stay open.
    pub open_per_mille: u16,
    /// How long each takes.
    pub takes: Duration,
}

/// The life of this number under a book.
pub fn script(book: Book, life: u64, agreements: Agreements) -> Script {
    let seed = life * Book::ALL.len() as u64 + book as u64;
    let mut chance = Chance::new(seed ^ 0x5eed_0000_0000_0000);
    let mut settings = settings::settings(book, &mut chance);
    let moves = chance.one_in(2);
    let agreement = if moves { agreements.moving } else { agreements.still };
    if !agreement.chance {
        settings::without_chance(&mut settings);
    }
    if !agreement.zones {
        settings.config.zone = None;
    }
    if !agreement.slots {
        settings::without_order(&mut settings, &mut chance);
    }
    let mut writer = Writer {
        addresses: chance.one_of(&[1, 2, 3, 4, 5, 8, 12, 20, 40]),
        spread: chance.below(4),
        zones: settings.config.zone.is_some(),
        rules: settings.config.outlier_detection,
        configures: agreement.weighing || settings.config.slow_start.is_none(),
        moves,
        agreement,
        chance,
    };
    let mut ops = vec![Op::Update(writer.endpoints())];
    ops.extend(
        (0..writer.chance.below(u64::from(writer.addresses) / 2 + 1))
            .map(|_| writer.weather())
            .collect::<Vec<_>>(),
    );
    let length = 20 + writer.chance.below(60);
    while (ops.len() as u64) < length {
        ops.push(writer.op());
    }
    // Where chance may differ, each moment has to be the same for both.
    let at_once = !agreement.weighing && settings.config.slow_start.is_some();
    let prompt = writer.chance.one_in(2) || at_once || !agreement.chance || !agreement.slots;
    Script { seed, book, settings, agreement, prompt, ops }
}

struct Writer {
    chance: Chance,
    addresses: Addr,
    /// How many priorities there may be.
    spread: u64,
    zones: bool,
    /// Endpoints leave; otherwise they only come, in the order of addresses.
    moves: bool,
    rules: Option<OutlierDetection>,
    configures: bool,
    agreement: Agreement,
}

impl Writer {
    fn op(&mut self) -> Op {
        match self.chance.below(32) {
            0 if self.moves => Op::Update(self.endpoints()),
            1 if self.moves => Op::Remove(self.addr()),
            0..=2 => {
                let addr = self.addr();
                if self.moves {
                    Op::Insert(self.endpoint(addr))
                } else {
                    Op::Update(self.endpoints())
                }
            }
            3 => Op::SetDown(self.addr(), self.chance.one_in(2)),
            4 if self.configures && self.chance.one_in(4) => Op::Configure(self.rules()),
            4..=8 => self.weather(),
            9 => {
                let key = (!self.chance.one_in(8)).then(|| self.chance.bits());
                let avoided = if self.chance.one_in(2) { 0 } else { self.chance.below(4) };
                Op::Pick(key, (0..avoided).map(|_| self.addr()).collect())
            }
            10 => Op::Report(self.chance.bits(), self.outcome()),
            11 => Op::Lose(self.chance.bits()),
            12..=19 => Op::Serve(self.serve()),
            20 | 21 => Op::Ahead(self.duration()),
            22 if self.chance.one_in(3) => Op::Back(self.back()),
            22 => Op::HandleTimeout,
            23..=26 => Op::Sleep([0, 0, 0, -1, 1][self.chance.below(5) as usize]),
            27 => Op::Call(settings::call(&mut self.chance)),
            _ => Op::Drive(Drive {
                calls: self.chance.within(0, 10) as u8,
                settings: settings::call(&mut self.chance),
                steps: self.chance.one_of(&[1, 10, 100, 300]),
            }),
        }
    }

    fn endpoints(&mut self) -> Vec<Endpoint<Addr>> {
        let left_out = if self.moves { self.chance.one_of(&[0, 0, 100, 500]) } else { 0 };
        let addresses: Vec<Addr> =
            (0..self.addresses).filter(|_| !self.chance.per_mille(left_out)).collect();
        addresses.into_iter().map(|addr| self.endpoint(addr)).collect()
    }

    fn endpoint(&mut self, addr: Addr) -> Endpoint<Addr> {
        let weight = self.chance.one_of(&[1, 1, 1, 1, 2, 3, 10, 0]);
        let priority = self.chance.below(1 + self.spread) as u16;
        let zone = if self.zones { Zone::new(self.chance.below(4) as u32) } else { Zone::NONE };
        Endpoint::new(addr)
            .with_weight(weight)
            .with_priority(priority)
            .with_zone(zone)
            .with_draining(self.chance.one_in(16))
    }

    fn addr(&mut self) -> Addr {
        // Sometimes of none.
        self.chance.below(u64::from(self.addresses) + 1) as Addr
    }

    fn weather(&mut self) -> Op {
        let failing = self.chance.one_of(&[0, 0, 100, 300, 500, 800, 1000, 1000]);
        let overloaded = self.chance.one_of(&[0, 0, 0, 0, 20, 300]);
        Op::Weather(self.addr(), failing, overloaded)
    }

    fn serve(&mut self) -> Serve {
        Serve {
            requests: self.chance.one_of(&[1, 3, 10, 30, 100, 300]),
            spacing: Duration::from_micros(
                self.chance.one_of(&[0, 1, 1_000, 1_000, 10_000, 100_000]),
            ),
            open_per_mille: self.chance.one_of(&[0, 0, 20, 200]),
            takes: Duration::from_micros(self.chance.one_of(&[0, 0, 500, 20_000])),
        }
    }

    fn outcome(&mut self) -> Outcome {
        outcome(&mut self.chance)
    }

    fn rules(&mut self) -> Option<OutlierDetection> {
        let rules = self.rules?;
        if self.chance.one_in(4) {
            return None;
        }
        let mut other = rules;
        other.consecutive_failures =
            rules.consecutive_failures.saturating_add(self.chance.below(3) as u16);
        other.interval = rules.interval * self.chance.one_of(&[1, 1, 2]);
        if self.agreement.slots {
            other.max_ejection_percent = self.chance.one_of(&[10, 30, 50, 100]);
        }
        Some(other)
    }

    fn back(&mut self) -> Duration {
        let back = self.duration();
        if self.agreement.disorder { back } else { back.max(Duration::from_secs(1)) }
    }

    fn duration(&mut self) -> Duration {
        let unit = self.chance.one_of(&[
            1,
            1_000,
            1_000_000,
            1_000_000,
            1_000_000_000,
            1_000_000_000,
            30_000_000_000,
        ]);
        Duration::from_nanos(unit * self.chance.within(1, 20))
    }
}

/// Any outcome.
pub(crate) fn outcome(chance: &mut Chance) -> Outcome {
    match chance.below(8) {
        0 | 1 => Outcome::Success,
        2..=4 => Outcome::Failure,
        5 => Outcome::Overloaded { retry_after: None },
        6 => Outcome::Overloaded { retry_after: Some(wait(chance)) },
        _ => Outcome::Canceled,
    }
}

/// What a server asks for.
pub(crate) fn wait(chance: &mut Chance) -> Duration {
    Duration::from_millis(chance.one_of(&[0, 1, 20, 100, 1_000, 5_000, 60_000, 1_000_000]))
}
