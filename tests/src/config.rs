//! Any text as a policy, any numbers as settings, and a balancer's life with those that are
//! accepted.
//!
//! [`check`] is the body of the fuzz target `config`; ordinary tests put random bytes and the
//! target's corpus through it.

mod life;

use core::time::Duration;

use evenkeel_core::policy::{AnyPolicy, InvalidParameter, ParsePolicyError, honours};
use evenkeel_core::{Balancer, Book, Config, ConfigError, Heap, Inline, Zone};

use crate::health;
use crate::input::Input;
use crate::policies::{LITTLE_ROOM, ROOM, TEXTS};
use life::Life;

/// How many endpoints are stored in place: no fewer than there are addresses.
const SLOTS: usize = 32;

/// Reads `data` as a policy's text, settings and a sequence of events.
///
/// # Panics
/// When an error does not name what is wrong, a text does not make the round trip, or a balancer
/// picks what it should not.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let text = String::from_utf8_lossy(input.bytes(80)).into_owned();
    let parsed = check_text(&text);
    let spare = TEXTS[input.below(TEXTS.len())];
    let policy = if parsed.is_some_and(|policy| is_quick(&policy)) { &text } else { spare };
    let mut config = settings(&mut input);
    let refused = Balancer::<u8, AnyPolicy>::with_config(AnyPolicy::default(), config).err();
    assert_eq!(config.check().err(), refused);
    if let Some(error) = refused {
        check_refusal(&config, error);
        return;
    }
    let asked: AnyPolicy = policy.parse().expect("it was parsed before");
    if let Err(error) = honours(&asked, &config) {
        assert_eq!(Balancer::<u8, AnyPolicy>::with_config(asked, config).err(), Some(error));
        config.slow_start = Duration::ZERO;
    }
    let life = |input: &Input<'_>| Life::<Heap, Heap>::new(policy, config).live(input.clone());
    let heap = life(&input);
    assert_eq!(heap.picks, life(&input).picks, "not the same again");
    let inline = Life::<Inline<SLOTS>, Inline<ROOM>>::new(policy, config).live(input.clone());
    // What ketama needs grows while endpoints warm up, and nobody hears of it.
    let grows = !config.slow_start.is_zero() && policy.contains("ketama");
    if heap.same_cycles && !heap.refused && !inline.refused && !grows {
        assert_eq!(heap.picks, inline.picks, "not the same in place");
    }
    Life::<Heap, Inline<LITTLE_ROOM>>::new(policy, config).live(input.clone());
    Life::<Inline<LITTLE_ROOM>, Heap>::new(policy, config).live(input);
}

/// Parses a policy's text, in whatever way that ends.
///
/// # Panics
/// When an error does not name what is wrong, or the policy's own text is not that of the same
/// policy.
pub fn check_text(text: &str) -> Option<AnyPolicy> {
    let policy = match text.parse::<AnyPolicy>() {
        Ok(policy) => policy,
        Err(error) => {
            check_error(text, &error);
            return None;
        }
    };
    let written = policy.to_string();
    let again: AnyPolicy = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
    assert_eq!((again.to_string(), format!("{again:?}")), (written.clone(), format!("{policy:?}")));
    let in_place: AnyPolicy<Inline<LITTLE_ROOM>> =
        text.parse().expect("what parses, parses with every store");
    assert_eq!((in_place.to_string(), in_place.name()), (written, policy.name()));
    assert!(AnyPolicy::NAMES.contains(&policy.name()));
    Some(policy)
}

fn check_error(text: &str, error: &ParsePolicyError) {
    let message = error.to_string();
    let part = match error {
        ParsePolicyError::UnknownPolicy { name } => name.as_str(),
        ParsePolicyError::Unclosed { text } => text.as_str(),
        ParsePolicyError::UnknownParameter { name, known, .. } => {
            assert!(known.iter().all(|known| message.contains(known)), "{message}");
            name.as_str()
        }
        ParsePolicyError::NotANumber { name, value } => {
            assert!(message.contains(name) && text.contains(name), "{message}");
            value.as_str()
        }
        ParsePolicyError::Twice { name } => {
            assert!(message.contains(name) && text.matches(name).count() > 1, "{message}");
            return;
        }
        ParsePolicyError::Invalid(
            InvalidParameter::OutOfRange { value, .. } | InvalidParameter::NotPrime { value, .. },
        ) => {
            assert!(message.contains(&value.to_string()), "{message}");
            return;
        }
        _ => panic!("an error of a kind unknown here: {error}"),
    };
    assert!(text.contains(part) && message.contains(&format!("{part:?}")), "{message}");
}

fn check_refusal(config: &Config, error: ConfigError) {
    let (ConfigError::TooSmall { setting, value, least: limit }
    | ConfigError::TooLarge { setting, value, most: limit }) = error
    else {
        panic!("an error of a kind unknown here: {error}")
    };
    let message = error.to_string();
    let name = setting.split(' ').next().unwrap_or_default();
    let index = Config::SETTINGS.iter().position(|known| known.name == name);
    let index = index.expect("a setting that is described");
    assert_eq!(config.get(index), Some(value), "{message}");
    for part in [setting, &value.to_string(), &limit.to_string()] {
        assert!(message.contains(part), "{message}");
    }
}

/// Tells that its table takes no time to speak of.
fn is_quick(policy: &AnyPolicy) -> bool {
    match policy {
        AnyPolicy::Maglev(policy) => policy.size() <= 1_000,
        AnyPolicy::RingHash(policy) => policy.sizes().1 <= 1_000,
        _ => true,
    }
}

fn settings(input: &mut Input<'_>) -> Config {
    let mut config = Config::default();
    match input.below(4) {
        0 => {}
        1 => config.overprovisioning_percent = 140,
        2 => {
            config.overprovisioning_percent = 100 + u16::from(input.byte());
            config.panic_threshold_percent = input.byte() % 101;
        }
        _ => {
            config.overprovisioning_percent = input.number() as u16;
            config.panic_threshold_percent = input.byte();
        }
    }
    if input.below(2) == 1 {
        config.zone = Zone::new(input.below(5) as u16);
        if input.below(3) > 0 {
            config.zone_clients_per_mille = input.number() as u16;
        }
        config.zone_minimum_endpoints = input.below(9) as u32;
    }
    config.subset = match input.below(4) {
        0 | 1 => 0,
        2 => 1 + input.below(6) as u32,
        _ => input.number() as u32,
    };
    if input.below(4) == 3 {
        config.slow_start = duration(input);
    }
    if input.below(4) == 3 {
        config.latency_tau = duration(input);
        config.latency_floor = duration(input);
        config.failure_penalty = duration(input);
    }
    config = match input.below(4) {
        0 => Config { book: Book::Off, ..config },
        1 | 2 => health::settings(input, config),
        _ => outlier_detection(input, config),
    };
    let byte = input.byte();
    if byte & 3 == 3 {
        config.max_retry_after = duration(input);
    }
    // Few, so that endpoints are full soon.
    config.max_in_flight = u32::from(byte >> 4).saturating_sub(12);
    config.overflow = byte >> 3 & 1 == 1;
    config.seed = input.number();
    config
}

/// Any numbers.
fn outlier_detection(input: &mut Input<'_>, mut config: Config) -> Config {
    config.book = [Book::Evenkeel, Book::Envoy, Book::Grpc][input.below(3)];
    config.failure_percentage = 0;
    if input.below(2) == 1 {
        config.failure_percentage = input.byte();
        config.failure_percentage_enforcement = input.byte();
        config.failure_percentage_minimum_hosts = input.number() as u32;
        config.failure_percentage_request_volume = input.number() as u32;
        config.failure_percentage_minimum_failures = input.number() as u32;
    }
    config.success_rate = input.below(2) == 1;
    if config.success_rate {
        config.success_rate_stdev_per_mille = input.number() as u32;
        config.success_rate_floor_percent = input.byte();
        config.success_rate_enforcement = input.byte();
        config.success_rate_minimum_hosts = input.number() as u32;
        config.success_rate_request_volume = input.number() as u32;
        config.success_rate_minimum_failures = input.number() as u32;
    }
    config.consecutive_failures = input.number() as u16;
    config.interval = duration(input);
    config.base_ejection_time = duration(input);
    config.max_ejection_time = duration(input);
    config.max_ejection_jitter = duration(input);
    config.max_ejection_percent = input.byte();
    config.always_eject_one = input.below(2) == 1;
    config.half_open = input.below(2) == 1;
    config.probe_timeout = duration(input);
    config
}

fn duration(input: &mut Input<'_>) -> Duration {
    match input.byte() {
        0 => Duration::MAX,
        1 => Duration::from_nanos(input.number()),
        _ => input.duration(),
    }
}
