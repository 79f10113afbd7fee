//! Things by number.

/// What was put in and not yet taken out.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slab<T> {
    pub(crate) fn put(&mut self, item: T) -> usize {
        if let Some(number) = self.free.pop() {
            self.items[number] = Some(item);
            return number;
        }
        self.items.push(Some(item));
        self.items.len() - 1
    }

    pub(crate) fn take(&mut self, number: usize) -> T {
        self.free.push(number);
        self.items[number].take().expect("it is there")
    }

    pub(crate) fn get(&self, number: usize) -> &T {
        self.items[number].as_ref().expect("it is there")
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }
}
