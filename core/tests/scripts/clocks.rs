//! Times of 64 bits in nanoseconds and of 32 bits in milliseconds: the same, wherever they begin.
//!
//! A feature decides which it is, so each build compares what it sees with one committed file:
//! `cargo test -p evenkeel-core --test scripts`, then the same with `--features millis32`.
//! `EVENKEEL_BLESS=1` rewrites the file; read the difference before you commit it.
//!
//! Scripts keep to whole milliseconds, and what ends in between is rounded up, as the clock of 32
//! bits does. Left out: `peak_ewma`, whose answer times have a coarser grain with 32 bits, and
//! `max_ejection_jitter`, whose fractions of a millisecond add up in another way.

use core::fmt::{self, Write};
use core::time::Duration;
use std::{env, fs};

use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Heap, Instant, PickError};
use rand_chacha::ChaCha8Rng;

use super::script::{Script, Step};
use super::settings::{POLICIES, settings};
use super::stores::with_room;
use super::world::{Answer, Seen, World};

const STEPS: u32 = 800;

/// Scripts of each policy.
const SCRIPTS: u64 = 4;

/// 11.6 days.
const START: u64 = 1_000_000_000;

/// A time as the text of its distance from an origin, in whole milliseconds.
struct Since(u64);

impl Since {
    fn text(&self, at: Instant) -> i64 {
        let millis = at.as_nanos().div_ceil(1_000_000);
        let since = millis.wrapping_sub(self.0).cast_signed();
        // A clock of 32 bits begins anew.
        if cfg!(feature = "millis32") { i64::from(since as i32) } else { since }
    }

    /// Writes all that was seen but answer times.
    fn write(&self, seen: &Seen, text: &mut String) -> fmt::Result {
        use evenkeel_core::health::Health;
        let due = seen.due.map(|due| self.text(due));
        match &seen.answer {
            Answer::Picked(Err(PickError::Busy { until })) => {
                writeln!(
                    text,
                    "busy until {:?}, due {due:?}",
                    until.map(|until| self.text(until))
                )?;
            }
            answer => writeln!(text, "{answer:?}, due {due:?}")?,
        }
        for standing in &seen.standings {
            let until = match standing.health {
                Health::Ejected { until, .. }
                | Health::Overloaded { until }
                | Health::Probing { until } => Some(self.text(until)),
                Health::Healthy | Health::HalfOpen | Health::Down => None,
            };
            let reason = match standing.health {
                Health::Ejected { reason, .. } => Some(reason),
                _ => None,
            };
            writeln!(
                text,
                "{:?} {:?} {} {} {reason:?} {until:?} {} {:?}",
                standing.slot,
                standing.endpoint,
                standing.candidacy.name(),
                standing.health.name(),
                standing.weight,
                standing.stats
            )?;
        }
        for (at, endpoint, kind) in &seen.events {
            let until = kind.until().map(|until| self.text(until));
            writeln!(text, "{} {endpoint:?} {} {until:?}", self.text(*at), kind.name())?;
        }
        Ok(())
    }
}

/// Runs a script from a time on, in milliseconds; returns the text of all that was seen.
fn run(policy: &str, seed: u64, start: u64) -> String {
    let config = settings(&mut ChaCha8Rng::seed_from_u64(seed ^ 0xc10c));
    let mut script = Script::new(seed, true);
    let mut world = World::<_, Heap>::new(policy, config, seed);
    let since = Since(Instant::from_millis(start).as_millis());
    let (mut now, mut text) = (start, String::new());
    // A clock of 32 bits that is beyond its half when it is told first looks as if it went back.
    world.apply(Instant::from_millis(now), &Step::Timeout);
    for _ in 0..STEPS {
        now = now.saturating_add_signed(script.pause());
        let step = script.step(world.open(), |back| world.addr_of(back));
        let answer = world.apply(Instant::from_millis(now), &step);
        let seen = world.see(answer);
        since.write(&seen, &mut text).unwrap();
    }
    text
}

/// FNV-1a.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn policies() -> impl Iterator<Item = &'static str> {
    POLICIES.into_iter().filter(|policy| !policy.starts_with("peak_ewma"))
}

#[test]
fn both_see_the_same() {
    with_room(|| {
        let mut found = String::new();
        for policy in policies() {
            for seed in 0..SCRIPTS {
                let text = run(policy, seed, START);
                writeln!(found, "{policy} {seed} {:016x}", digest(&text)).unwrap();
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/digests.txt");
        if env::var_os("EVENKEEL_BLESS").is_some() {
            fs::write(path, &found).unwrap();
        }
        let expected = fs::read_to_string(path).unwrap();
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected);
        }
        assert_eq!(found, expected);
    });
}

/// Where the clock begins does not matter; one of 32 bits begins anew in some of these.
#[test]
fn any_beginning_is_as_good() {
    const HALF: u64 = 1 << 31;
    const WHOLE: u64 = 1 << 32;
    let soon = Duration::from_secs(300).as_millis() as u64;
    with_room(move || {
        for policy in policies() {
            let expected = run(policy, 7, START);
            for start in [HALF - soon, HALF + 1, WHOLE - soon, WHOLE - 2_000, 5 * HALF + 1_234] {
                let found = run(policy, 7, start);
                let differs = |(found, expected): (&str, &str)| found != expected;
                let first = found.lines().zip(expected.lines()).find(|pair| differs(*pair));
                assert_eq!(first, None, "{policy} from {start} ms on");
                assert_eq!(found, expected);
            }
        }
    });
}
