use super::State;
use super::numbers::{Key, Sink, write};
use crate::endpoint::Address;
use crate::hash::Xxh64;
use crate::store::Store;

/// Returns XXH64 over all of a state, except its checksum and its age: numbers as 8 bytes, most
/// significant first; addresses as their keys, their length after them.
pub(super) fn of<A: Address, S: Store>(state: &State<A, S>) -> u64 {
    let mut sum = Sum(Xxh64::new(0));
    write(state, &mut sum);
    sum.0.finish()
}

struct Sum(Xxh64);

impl Sink for Sum {
    fn number(&mut self, number: u64) {
        self.0.write(&number.to_be_bytes());
    }

    fn key(&mut self, write: &Key<'_>) {
        let mut length = 0;
        write(&mut |bytes| {
            self.0.write(bytes);
            length += bytes.len() as u64;
        });
        self.number(length);
    }
}
