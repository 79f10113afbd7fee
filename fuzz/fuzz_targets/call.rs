//! A call under any order of events, checked against a model: see `evenkeel_tests::call`.
//!
//! Built without `--cfg fuzzing` it replays the files named on its command line, such as a crash to debug.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| evenkeel_tests::call::check(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    evenkeel_fuzz::replay(evenkeel_tests::call::check)
}
