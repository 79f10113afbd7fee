/** Keeps what is to happen in simulated time, in the order of times; of the same time, in the order in which it was asked for. */
export class Timeline {
  #heap = [];
  #asked = 0;
  now = 0;

  /** Calls back at a time. */
  at(time, callback) {
    const heap = this.#heap;
    const entry = { time: Math.max(time, this.now), order: this.#asked++, callback };
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[place] = heap[parent];
      place = parent;
    }
    heap[place] = entry;
  }

  after(wait, callback) {
    this.at(this.now + wait, callback);
  }

  /** Lets happen all that is due until then. */
  runTo(time) {
    while (this.#heap.length > 0 && this.#heap[0].time <= time) {
      const { time: at, callback } = this.#take();
      this.now = at;
      callback();
    }
    this.now = time;
  }

  #take() {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

function before(one, other) {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}
