//! A board of the tests': the servers, a clock that goes as told, and a generator.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

/// The servers that do not answer: one bit for each, by address.
static DOWN: AtomicU32 = AtomicU32::new(0);
/// How many requests each server has heard since it was last asked, by address.
static HEARD: [AtomicU32; 32] = [const { AtomicU32::new(0) }; 32];
static PROBES: AtomicU32 = AtomicU32::new(0);
/// What the clock is at first, in milliseconds: those of the core, which have 32 bits, wrap while a
/// server is ejected.
const START: u64 = (1 << 32) - 3_000;
/// Milliseconds since then.
static MILLIS: AtomicU32 = AtomicU32::new(0);
static RANDOM: AtomicU32 = AtomicU32::new(1);
/// One byte for each place of what was discovered, from the lowest; two words and a half.
static DISCOVERED: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];

/// There is one thread, and a Cortex-M0 adds to no word at once.
fn add(word: &AtomicU32, number: u32) {
    word.store(word.load(Relaxed).wrapping_add(number), Relaxed);
}

pub(crate) fn take_down(servers: u32) {
    DOWN.store(servers, Relaxed);
}

pub(crate) fn discover(addresses: [u8; 9]) {
    for (word, bytes) in DISCOVERED.iter().zip(addresses.chunks(4)) {
        word.store(bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)), Relaxed);
    }
}

pub(crate) fn pass(millis: u32) {
    add(&MILLIS, millis);
}

/// Tells how many requests a server has heard since this was last asked.
pub(crate) fn heard(address: u32) -> u32 {
    let count = &HEARD[address as usize % HEARD.len()];
    let heard = count.load(Relaxed);
    count.store(0, Relaxed);
    heard
}

/// Tells how many of all requests were probes.
pub(crate) fn probes() -> u32 {
    PROBES.load(Relaxed)
}

/// A request takes a millisecond.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn radio_send(address: u32, probe: bool) -> bool {
    add(&HEARD[address as usize % HEARD.len()], 1);
    add(&PROBES, u32::from(probe));
    pass(1);
    DOWN.load(Relaxed) >> (address % 32) & 1 == 0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn clock_ns() -> u64 {
    (START + u64::from(MILLIS.load(Relaxed))) * 1_000_000
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn sleep_until_ns(until: u64) {
    while clock_ns() < until {
        pass(1);
    }
}

/// Xorshift (Marsaglia 2003).
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn random32() -> u32 {
    let word = RANDOM.load(Relaxed);
    let word = word ^ word << 13;
    let word = word ^ word >> 17;
    let word = word ^ word << 5;
    RANDOM.store(word, Relaxed);
    word
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn discovered(place: usize) -> u32 {
    DISCOVERED[place / 4 % DISCOVERED.len()].load(Relaxed) >> (place % 4 * 8) & 0xff
}
