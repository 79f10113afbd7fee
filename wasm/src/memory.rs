//! The memory that both sides write: text and numbers that do not fit into arguments.

use alloc::vec::Vec;

use atomic_refcell::{AtomicRefCell, AtomicRefMut};
use wasm_bindgen::prelude::*;

static BYTES: AtomicRefCell<Vec<u8>> = AtomicRefCell::new(Vec::new());
static NUMBERS: AtomicRefCell<Vec<f64>> = AtomicRefCell::new(Vec::new());

/// Returns where `length` bytes may be written, which the next call reads.
#[wasm_bindgen]
pub fn room(length: usize) -> usize {
    let mut bytes = bytes();
    bytes.clear();
    bytes.resize(length, 0);
    bytes.as_mut_ptr() as usize
}

/// Returns where the bytes are that the last call wrote.
#[wasm_bindgen]
pub fn written() -> usize {
    bytes().as_ptr() as usize
}

/// Returns where the numbers are that the last call wrote.
#[wasm_bindgen]
pub fn numbers() -> usize {
    NUMBERS.borrow().as_ptr() as usize
}

pub(crate) fn bytes() -> AtomicRefMut<'static, Vec<u8>> {
    BYTES.borrow_mut()
}

/// Clears the numbers, lets `fill` write new ones, and returns how many there are.
pub(crate) fn write_numbers(fill: &mut dyn FnMut(&mut Vec<f64>)) -> usize {
    let mut numbers = NUMBERS.borrow_mut();
    numbers.clear();
    fill(&mut numbers);
    numbers.len()
}

/// Writes three numbers.
pub(crate) fn write_counts(counts: [usize; 3]) {
    write_numbers(&mut |numbers| numbers.extend(counts.map(|count| f64::from(count as u32))));
}
