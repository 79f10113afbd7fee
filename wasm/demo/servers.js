/** What a viewer can make of a server, in the order in which clicks go through it. */
export const MODES = ['well', 'slow', 'failing', 'hanging', 'dead'];

/** How long a request of average work takes on a server that is well. */
export const SERVICE_MS = 40;

const [REFUSED_MS, FAILED_MS] = [1, 6];

/**
 * Works on a few requests at a time, and queues others. It does not notice that a client has given up, as servers do: what was given
 * up is worked on all the same.
 */
export class Server {
  mode = 'well';
  slowness = 1;
  busy = 0;
  queue = [];
  #timeline;
  #workers;
  #room;

  constructor(timeline, { workers, room }) {
    this.#timeline = timeline;
    this.#workers = workers;
    this.#room = room;
  }

  /** Takes over a mode; what waits ends or goes on accordingly. */
  set(mode, slowness) {
    this.mode = mode;
    this.slowness = mode === 'slow' ? slowness : 1;
    if (mode === 'failing' || mode === 'dead') for (const attempt of this.queue.splice(0)) attempt.end('failed');
    else this.#work();
  }

  /** Takes an attempt, `{ work, givenUp, end(result) }`; results are `answered`, `failed` and `refused`. */
  receive(attempt) {
    if (this.mode === 'dead') return this.#timeline.after(REFUSED_MS, () => attempt.end('refused'));
    if (this.mode === 'failing') return this.#timeline.after(FAILED_MS, () => attempt.end('failed'));
    if (this.queue.length >= this.#room) return this.#timeline.after(REFUSED_MS, () => attempt.end('failed'));
    this.queue.push(attempt);
    this.#work();
  }

  /** Is told that a client hung up: only one that hangs has nothing else to do. */
  hungUp(attempt) {
    if (this.mode === 'hanging') this.queue = this.queue.filter((other) => other !== attempt);
  }

  #work() {
    while (this.mode !== 'hanging' && this.busy < this.#workers && this.queue.length > 0) {
      const attempt = this.queue.shift();
      this.busy++;
      this.#timeline.after(attempt.work * SERVICE_MS * this.slowness, () => {
        this.busy--;
        attempt.end('answered');
        this.#work();
      });
    }
  }
}

/** Quotas are of windows, and `Retry-After` is the rest of one. */
const WINDOW_MS = 5000;

/** An API key: the provider answers as many requests in each window as its quota allows, and 429 to others. */
export class ApiKey {
  mode = 'well';
  busy = 0;
  queue = [];
  used = 0;
  #timeline;
  #window = 0;

  constructor(timeline, quota) {
    this.#timeline = timeline;
    this.quota = quota;
  }

  set(_, quota) {
    this.quota = quota;
  }

  /** How much of its quota is used, 0..=1. */
  get level() {
    this.#turn();
    return this.quota === 0 ? 1 : Math.min(1, (this.used * 1000) / (this.quota * WINDOW_MS));
  }

  receive(attempt) {
    this.#turn();
    if (this.used >= (this.quota * WINDOW_MS) / 1000) {
      const retryAfterMs = Math.ceil(((this.#window + 1) * WINDOW_MS - this.#timeline.now) / 1000) * 1000;
      return this.#timeline.after(FAILED_MS, () => attempt.end('limited', retryAfterMs));
    }
    this.used++;
    this.busy++;
    this.#timeline.after(attempt.work * SERVICE_MS * 2, () => {
      this.busy--;
      attempt.end('answered');
    });
  }

  hungUp() {}

  #turn() {
    const window = Math.floor(this.#timeline.now / WINDOW_MS);
    if (window !== this.#window) this.used = 0;
    this.#window = window;
  }
}
