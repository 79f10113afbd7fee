//! The life of a client: eight servers, of which one fails and comes back, and then all fail.

use core::convert::Infallible;
use core::hint::black_box;
use core::time::Duration;

use cortex_m_rt::entry;
use cortex_m_semihosting::debug;
use evenkeel_core::rand_core::TryRng;
use evenkeel_core::retry::End;
use evenkeel_core::{Call, Why};

use crate::host::{check, exit, say, say_number, stack_peak};
use crate::path::{Budget, Client, Pool};

#[entry]
fn main() -> ! {
    let mut checks = 0;
    run(&mut |name, holds| {
        check(name, holds);
        checks += 1;
    });
    let sizes = [
        ("balancer ", size_of::<Pool>()),
        (", call ", size_of::<Call<1>>()),
        (", budget ", size_of::<Budget>()),
        ("; at most in use, all included, ", stack_peak()),
    ];
    say(&["size: "]);
    for (what, size) in sizes {
        say(&[what]);
        say_number(size);
    }
    say(&["\ntest result: ok. "]);
    say_number(checks);
    say(&[" passed; 0 failed\n"]);
    exit(debug::EXIT_SUCCESS)
}

/// The servers, by address: some do not answer.
pub(crate) struct Radio {
    /// One bit for each.
    down: u32,
    heard: [u16; 32],
    probes: u16,
}

impl Radio {
    #[inline(never)]
    pub(crate) fn send(&mut self, address: u32, why: Why) -> bool {
        self.heard[address as usize % 32] += 1;
        self.probes += u16::from(why == Why::Probe);
        self.down >> (address % 32) & 1 == 0
    }
}

/// The caller's generator.
pub(crate) struct Xorshift(u32);

impl TryRng for Xorshift {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        Ok(self.0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.try_next_u32()?) << 32 | u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.try_next_u32()? as u8;
        }
        Ok(())
    }
}

#[inline(never)]
fn run(check: &mut dyn FnMut(&str, bool)) {
    // What a program learns at run time the compiler must not know.
    let mut rng = Xorshift(black_box(1));
    let mut client = Client::new(black_box(3));
    let mut radio = Radio { down: 0, heard: [0; 32], probes: 0 };

    let (end, _) = client.call(&mut radio, &mut rng);
    check("without endpoints a call ends at once", end == End::NoEndpoints);

    let changes = client.update(&black_box([7, 3, 5, 1, 8, 2, 3, 6, 4]));
    check("an update brings eight", changes.is_some_and(|changes| (changes.added, changes.left_out) == (8, 0)));

    let good = (0..80).all(|_| client.call(&mut radio, &mut rng) == (End::Success, 1));
    check("every call succeeds at once", good && (1..=8).all(|address| radio.heard[address] > 0));

    radio.down = black_box(1 << 5);
    let good = (0..80).all(|_| client.call(&mut radio, &mut rng).0 == End::Success);
    check("calls go elsewhere when a server is down", good);
    let heard = radio.heard[5];
    let good = (0..20).all(|_| client.call(&mut radio, &mut rng) == (End::Success, 1));
    check("by then it is ejected", good && radio.heard[5] == heard && radio.probes == 0);

    client.now = client.now + black_box(Duration::from_secs(6));
    let good = (0..20).all(|_| client.call(&mut radio, &mut rng).0 == End::Success);
    check("later one request probes it, in vain", good && radio.heard[5] == heard + 1 && radio.probes == 1);

    radio.down = black_box(0);
    client.now = client.now + black_box(Duration::from_secs(11));
    let good = (0..80).all(|_| client.call(&mut radio, &mut rng) == (End::Success, 1));
    check("the next probe brings it back", good && radio.heard[5] > heard + 2 && radio.probes == 2);

    let changes = client.update(&black_box([12, 2, 11, 4, 9, 6, 10, 8, 13]));
    let counts = changes.map(|changes| (changes.added, changes.removed, changes.left_out));
    check("an update replaces half of them", counts == Some((4, 4, 1)));
    radio.heard = [0; 32];
    let good = (0..80).all(|_| client.call(&mut radio, &mut rng) == (End::Success, 1));
    let to_new: u16 = radio.heard[9..=12].iter().sum();
    check("calls go to the new ones", good && to_new > 20 && radio.heard[1] + radio.heard[13] == 0);

    radio.down = black_box(u32::MAX);
    let (end, attempts) = client.call(&mut radio, &mut rng);
    check("with all down a call gives up", (end, attempts) == (End::Attempts, 3));
    let ended = (0..40).all(|_| client.call(&mut radio, &mut rng).0 != End::Success);
    let last = client.call(&mut radio, &mut rng);
    check("the budget stops retries", ended && last == (End::Budget, 1));
    radio.down = black_box(0);
    client.now = client.now + black_box(Duration::from_secs(600));
    let good = (0..80).filter(|_| client.call(&mut radio, &mut rng).0 == End::Success).count();
    check("and after the outage they succeed again", good == 80);
}
