//! Makes a script that ends in a difference as short as it can be.

use crate::life::{Clash, Make, live};
use crate::script::{Op, Script};

/// A script in which hardly anything can be left out, the steps that are left, and the difference
/// that it ends in.
///
/// # Panics
/// When the script ends in none.
pub fn shrink(mut script: Script, second: Make<'_>) -> (Script, Vec<usize>, Clash) {
    let mut keep: Vec<usize> = (0..script.ops.len()).collect();
    let mut clash = live(&script, &keep, second).expect_err("a difference");
    keep.retain(|index| *index <= clash.op);
    let mut chunk = keep.len();
    while chunk > 0 {
        let mut start = 0;
        while start < keep.len() {
            let mut fewer = keep.clone();
            fewer.drain(start..(start + chunk).min(fewer.len()));
            match live(&script, &fewer, second) {
                Err(other) if other.what == clash.what => {
                    keep = fewer;
                    keep.retain(|index| *index <= other.op);
                    clash = other;
                }
                _ => start += chunk,
            }
        }
        chunk /= 2;
    }
    for index in keep.clone() {
        while let Some(shorter) = shorter(&script, index) {
            let Err(other) = live(&shorter, &keep, second) else {
                break;
            };
            if other.what != clash.what {
                break;
            }
            (script, clash) = (shorter, other);
        }
    }
    (script, keep, clash)
}

/// The same with fewer requests or endpoints in one step.
fn shorter(script: &Script, index: usize) -> Option<Script> {
    let mut script = script.clone();
    match &mut script.ops[index] {
        Op::Serve(serve) if serve.requests > 1 => serve.requests -= 1 + serve.requests / 10,
        Op::Update(endpoints) if endpoints.len() > 1 => drop(endpoints.pop()),
        Op::Drive(drive) if drive.steps > 1 => drive.steps -= 1,
        Op::Drive(drive) if drive.calls > 0 => drive.calls -= 1,
        _ => return None,
    }
    Some(script)
}
