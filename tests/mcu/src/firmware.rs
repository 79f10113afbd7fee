//! The checks, one after the other; the first that fails ends the run.

// A library's module: not all of it is wanted here.
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/golden.rs"]
mod golden;

use core::panic::PanicInfo;
use core::time::Duration;

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Backoff, End, Step, Unlimited, Verdict};
use evenkeel_core::{
    Balancer, Call, Config, Endpoint, Inline, InsertError, Instant, Outcome, PickError, Request,
    RetryPolicy,
};
use rand_chacha::ChaCha8Rng;
use semihosting::{println, process};

type Address = [u8; 4];
type Pool = Balancer<Address, RoundRobin, Config, Inline<8>>;

const SENSOR_HUBS: [Address; 3] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 3]];
const CHECKS: [(&str, fn()); 6] = [
    ("picks go round and reports come home", picks_go_round),
    ("a call retries elsewhere", call_retries_elsewhere),
    ("a call ends at its deadline", call_ends_at_its_deadline),
    ("a full pool refuses and keeps what it has", full_pool_keeps_what_it_has),
    ("the golden files replay", golden_files_replay),
    ("the README's quick start works", readme::check),
];

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    for (name, check) in CHECKS {
        check();
        println!("ok: {name}");
    }
    println!(
        "size: a balancer of 8 takes {} bytes, a call {}",
        size_of::<Pool>(),
        size_of::<Call<&RetryPolicy>>()
    );
    println!("test result: ok. {} passed; 0 failed", CHECKS.len());
    process::exit(0)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    process::exit(1)
}

fn pool_of(addresses: &[Address]) -> Pool {
    let mut pool = Pool::with_settings(RoundRobin::new(), Config::DEFAULT);
    let changes = pool.update(Instant::ZERO, addresses.iter().copied().map(Endpoint::new)).unwrap();
    assert_eq!((changes.added, changes.left_out), (addresses.len(), 0));
    pool
}

fn picks_go_round() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut pool = pool_of(&SENSOR_HUBS);
    let mut seen = [0; SENSOR_HUBS.len()];
    for turn in 0..3 * SENSOR_HUBS.len() as u64 {
        let pick = pool.pick(Instant::from_millis(turn), &mut rng).unwrap();
        let address = pool.endpoint(&pick).unwrap().addr;
        seen[SENSOR_HUBS.iter().position(|&hub| hub == address).unwrap()] += 1;
        pool.report(Instant::from_millis(turn + 1), pick, Outcome::Success);
    }
    assert_eq!(seen, [3; SENSOR_HUBS.len()]);
    assert!(pool.endpoints().all(|status| status.stats.successes == 3));
}

/// One hub is dead: the second attempt goes to another one, after a wait.
fn call_retries_elsewhere() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut pool = pool_of(&SENSOR_HUBS);
    let policy = RetryPolicy::new(3)
        .unwrap()
        .with_backoff(Backoff::Constant(Duration::from_millis(10)))
        .unwrap();
    let mut now = Instant::ZERO;
    let mut call = Call::new(&policy, now);
    let mut tried = [None; 2];
    let end = loop {
        match call.poll(now, &mut Unlimited, &mut rng) {
            Step::Send(attempt) => {
                let pick =
                    pool.pick_with(Request::at(now).avoiding(call.tried()), &mut rng).unwrap();
                assert!(call.started(attempt, pick.slot(), &mut Unlimited));
                tried[attempt.number() as usize - 1] = Some(pool.endpoint(&pick).unwrap().addr);
                now = now + Duration::from_millis(1);
                let (outcome, verdict) = match attempt.number() {
                    1 => (Outcome::Failure, Verdict::RetryableFailure),
                    _ => (Outcome::Success, Verdict::Success),
                };
                pool.report(now, pick, outcome);
                call.on_outcome(now, attempt, verdict);
            }
            Step::Wait(until) => now = until.expect("a time"),
            Step::Cancel { .. } => unreachable!("no attempt is in flight while the call is polled"),
            Step::Done(end) => break end,
        }
    };
    assert_eq!(end, End::Success);
    assert!(tried[0].is_some() && tried[1].is_some() && tried[0] != tried[1]);
    assert!(now > Instant::from_millis(2), "it waited");
}

fn call_ends_at_its_deadline() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let policy = RetryPolicy::new(9).unwrap().with_timeout(Duration::from_millis(50)).unwrap();
    let mut now = Instant::from_secs(7);
    let mut call = Call::new(&policy, now);
    let Step::Send(_) = call.poll(now, &mut Unlimited, &mut rng) else {
        panic!("the first attempt goes at once")
    };
    let end = loop {
        match call.poll(now, &mut Unlimited, &mut rng) {
            Step::Wait(until) => now = until.expect("a time"),
            Step::Done(end) => break end,
            Step::Send(_) | Step::Cancel { .. } => {}
        }
    };
    assert_eq!((end, now), (End::Deadline, Instant::from_secs(7) + Duration::from_millis(50)));
}

fn full_pool_keeps_what_it_has() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut pool = Pool::with_settings(RoundRobin::new(), Config::DEFAULT);
    assert_eq!(pool.pick(Instant::ZERO, &mut rng).err(), Some(PickError::NoEndpoints));
    let changes =
        pool.update(Instant::ZERO, (10..18).map(|host| Endpoint::new([10, 0, 0, host]))).unwrap();
    assert_eq!((changes.added, changes.left_out), (8, 0));
    let changes =
        pool.update(Instant::ZERO, (9..18).map(|host| Endpoint::new([10, 0, 0, host]))).unwrap();
    assert_eq!((changes.added, changes.removed, changes.left_out), (0, 0, 1));
    let refused = pool.insert(Instant::ZERO, Endpoint::new([10, 0, 0, 99]));
    assert_eq!(refused.err(), Some(InsertError::Full { capacity: 8 }));
    assert_eq!(pool.len(), 8);
}

fn golden_files_replay() {
    const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/golden_files.rs"));
    /// Of weighted round robin the longest cycle, of weighted random all endpoints.
    #[cfg(target_arch = "arm")]
    type Tables = Inline<16>;
    /// Ketama's is the largest.
    #[cfg(target_arch = "riscv32")]
    type Tables = Inline<2048>;
    for &(name, text) in FILES {
        match golden::check::<Inline<8>, Tables>(name, text) {
            Ok(answers) => assert!(answers > 0, "{name} asks nothing"),
            Err(failure) => panic!("{failure}"),
        }
    }
}

/// What README.md shows, with a gateway that hears and one that does not.
mod readme {
    use core::cell::Cell;

    use evenkeel_core::Endpoint;
    use evenkeel_core::health::Health;

    use super::{ChaCha8Rng, SeedableRng};

    include!(concat!(env!("OUT_DIR"), "/readme.rs"));

    pub(super) fn check() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut gateways = GATEWAYS;
        let changes = gateways
            .update(Instant::ZERO, [[10, 0, 0, 1], [10, 0, 0, 2]].map(Endpoint::new))
            .unwrap();
        assert_eq!(changes.added, 2);
        let heard = Cell::new(0);
        let radio = |to| {
            heard.update(|heard| heard + u32::from(to == [10, 0, 0, 1]));
            to == [10, 0, 0, 1]
        };
        for turn in 0..12 {
            send(&mut gateways, Instant::from_millis(turn), &mut rng, radio).unwrap();
        }
        // After five failures, only the other one is sent to.
        assert_eq!(heard.get(), 7);
        let ejected = |health| matches!(health, Health::Ejected { .. });
        assert!(gateways.endpoints().map(|status| ejected(status.health)).eq([false, true]));
    }
}
