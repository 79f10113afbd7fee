//! Any bytes as what another balancer has learned, and what was really learned with bytes changed
//! in it.
//!
//! [`check`] is the body of the fuzz target `state`; an ordinary test replays the fuzz target's
//! corpus through it.

mod life;

use core::time::Duration;

use evenkeel_core::{Book, Config, Heap, ImportError, Inline, Instant, State};
use serde_json::{Value, json};

use crate::input::Input;
use life::Life;

/// Room for the state of all addresses, in the form with few bytes.
const BYTES: usize = 1 << 12;

/// Reads `data` as the life of a balancer, and a state that comes into it: of bytes, or of another
/// balancer.
///
/// # Panics
/// When a state that is refused changes something, or one that is not breaks the settings' bounds
/// or what comes after.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let setup = Setup::read(&mut input);
    let script = input.bytes(64);
    for state in states(&mut input, &setup) {
        check_forms(&state);
        let picks = Life::<Heap>::new(&setup).live(script, &state);
        assert_eq!(picks, Life::<Heap>::new(&setup).live(script, &state), "not the same again");
        Life::<Inline<16>>::new(&setup).live(script, &state);
        Life::<Inline<4>>::new(&setup).live(script, &state);
    }
}

/// Settings, a policy, and when the life begins.
struct Setup {
    config: Config,
    policy: &'static str,
    begin: Instant,
    seed: u8,
}

impl Setup {
    fn read(input: &mut Input<'_>) -> Self {
        const POLICIES: [&str; 6] = [
            "round_robin",
            "weighted_round_robin",
            "least_request",
            "peak_ewma",
            "maglev(size=251)",
            "pick_first",
        ];
        let mut config = match input.below(6) {
            0 | 1 => Config::DEFAULT,
            2 => Config { half_open: false, max_ejection_percent: 100, ..Config::DEFAULT },
            3 => Config::ENVOY,
            4 => Config::GRPC,
            _ => Config { book: Book::Off, ..Config::DEFAULT },
        };
        let kind = input.byte();
        if kind & 1 == 1 {
            config.overprovisioning_percent = 140;
        }
        if kind >> 1 & 3 == 3 {
            config.slow_start = Duration::from_secs(30);
        }
        if kind >> 3 & 3 == 3 {
            config.subset = 3;
        }
        let policy = POLICIES[input.below(POLICIES.len())];
        Self { config, policy, begin: Instant::from_nanos(input.number()), seed: input.byte() }
    }
}

/// What comes in: as it was read, and with the checksum that it should have.
fn states(input: &mut Input<'_>, setup: &Setup) -> Vec<State<u8>> {
    let age = input.duration();
    let read = match input.below(4) {
        0 => serde_json::from_slice(input.rest()).ok(),
        1 => postcard::from_bytes(input.rest()).ok(),
        kind => {
            let before = Setup { begin: Instant::from_nanos(input.number()), ..*setup };
            let learned = Life::<Heap>::new(&before).learn(input.bytes(64));
            damaged(&learned, kind == 2, input)
        }
    };
    let Some(state) = read else { return Vec::new() };
    let forged = forge(&state);
    [state, forged].map(|state| state.aged(age)).into()
}

/// A state with bytes of its text, or of its form with few bytes, replaced.
fn damaged(state: &State<u8>, text: bool, input: &mut Input<'_>) -> Option<State<u8>> {
    let mut bytes = if text { serde_json::to_vec(state).expect("a text") } else { short(state) };
    while !input.is_empty() {
        let at = usize::from(input.byte()) << 8 | usize::from(input.byte());
        let length = bytes.len();
        bytes[at % length] = input.byte();
    }
    let read =
        if text { serde_json::from_slice(&bytes).ok() } else { postcard::from_bytes(&bytes).ok() };
    if let Some(read) = &read
        && refusal(read).is_none()
    {
        assert_eq!(read, state, "damage was not found");
    }
    read
}

fn short(state: &State<u8>) -> Vec<u8> {
    postcard::to_slice(state, &mut [0; BYTES]).expect("there is room").to_vec()
}

/// Why a state is refused by a balancer of all addresses.
fn refusal(state: &State<u8>) -> Option<ImportError> {
    Life::<Heap>::of_all().import(state).err()
}

/// The same content with the checksum that it should have.
fn forge(state: &State<u8>) -> State<u8> {
    let Some(ImportError::Checksum { computed, .. }) = refusal(state) else { return state.clone() };
    let mut content = serde_json::to_value(state).expect("a value");
    content["checksum"] = json!(format!("{computed:016x}"));
    let forged = serde_json::from_value(content).expect("only the checksum is another");
    assert!(
        !matches!(refusal(&forged), Some(ImportError::Checksum { .. })),
        "it is the right one now"
    );
    forged
}

/// Both forms say the same, and so does one in place, where there is room.
fn check_forms(state: &State<u8>) {
    // The age is not part of them.
    let new = state.clone().aged(Duration::ZERO);
    let text = serde_json::to_string(state).expect("a text");
    assert_eq!(serde_json::from_str::<State<u8>>(&text).expect("it was written"), new);
    assert_eq!(postcard::from_bytes::<State<u8>>(&short(state)).expect("it was written"), new);
    let in_place = serde_json::from_str::<State<u8, Inline<4>>>(&text);
    assert_eq!(in_place.is_ok(), state.len() <= 4);
    if let Ok(in_place) = in_place {
        assert_eq!(serde_json::to_string(&in_place).expect("a text"), text);
    }
    // What parses any JSON has the names in another order, and no numbers above 2⁵³.
    let value: Value = serde_json::from_str(&text).expect("it was written");
    assert_eq!(serde_json::from_value::<State<u8>>(value).expect("it was written"), new);
}
