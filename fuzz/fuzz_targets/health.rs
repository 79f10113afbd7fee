//! Health under any reports and any clock: see `evenkeel_tests::health`.
//!
//! Built without `--cfg fuzzing` it replays the files named on its command line, such as a crash to debug.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| evenkeel_tests::health::check(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    evenkeel_fuzz::replay(evenkeel_tests::health::check)
}
