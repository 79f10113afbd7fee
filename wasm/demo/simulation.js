/** Plays one run: the same requests to two sides, each with servers of its own that have the same faults. */
import { EvenkeelClient, PlainClient } from './client.js';
import { stream } from './random.js';
import { ApiKey, Server, SERVICE_MS } from './servers.js';
import { Statistics } from './statistics.js';
import { Timeline } from './timeline.js';

const SERVERS = ['A', 'B', 'C', 'D', 'E', 'F'];
const KEYS = ['1', '2'];
const QUOTAS = [15, 60];

/** How much of what the servers can do is asked of them at most, how long a client waits for one, and how often it tries. */
const BUSY = { servers: 0.3, storm: 0.75, keys: 1 };
const TIMEOUT_MS = { servers: 2000, storm: 1000, keys: 30_000 };
const ATTEMPTS = { servers: 3, storm: 4, keys: 3 };
/** As `createBalancer` does: who hangs costs a second, not the request. */
const HEDGE = { servers: { afterMs: 1000 } };
/** Balancers tell the last 256 events apart: they are asked so often that none is lost, whatever the frames. */
const COUNT_MS = 1000;

export function namesOf(scene) {
  return scene === 'keys' ? KEYS : SERVERS;
}

export class Simulation {
  timeline = new Timeline();
  #actions;
  #next;

  /**
   * `watch(side)` gives who is told of what a side sends, how that ends, and how calls do:
   * `{ sent(place), ended(place, result, tookMs), called(tookMs, good) }`.
   */
  constructor(state, watch = () => undefined) {
    const { scene, rate, seed, actions } = state;
    this.scene = scene;
    this.names = namesOf(scene);
    this.workers = Math.ceil((rate * SERVICE_MS) / 1000 / this.names.length / BUSY[scene]);
    this.#actions = [...actions];
    const { names, timeline, workers } = this;
    this.sides = state.sides.map((settings, place) => {
      return new Side(timeline, settings, { scene, seed, names, workers, watcher: watch(place) });
    });
    this.#next = stream(seed, rate);
    this.#arrive();
  }

  get now() {
    return this.timeline.now;
  }

  /** Goes on to a whole millisecond. What the viewer did at a time comes after all else of that time, live as in a replay. */
  runTo(time) {
    while (this.#actions.length > 0 && this.#actions[0].at <= time) {
      const action = this.#actions.shift();
      this.timeline.runTo(action.at);
      this.#apply(action);
    }
    this.timeline.runTo(time);
  }

  /** Does now what the viewer asks for. */
  act(action) {
    this.#apply(action);
  }

  /** How the servers are by what was done to them up to now: the same on both sides. */
  get servers() {
    return this.sides[0].servers;
  }

  /** All figures, for texts and tests. */
  snapshot() {
    return { now: this.now, sides: this.sides.map((side) => side.snapshot()) };
  }

  #arrive() {
    const request = this.#next();
    this.timeline.at(request.at, () => {
      for (const side of this.sides) side.call(request);
      this.#arrive();
    });
  }

  #apply({ target, mode, amount }) {
    for (const { servers } of this.sides) {
      servers.forEach((server, place) => (target < 0 || target === place) && server.set(mode, amount));
    }
  }
}

class Side {
  #timeline;
  #watcher;

  constructor(timeline, settings, { scene, seed, names, workers, watcher }) {
    this.#timeline = timeline;
    this.#watcher = watcher;
    this.servers = names.map((_, place) =>
      scene === 'keys' ? new ApiKey(timeline, QUOTAS[place]) : new Server(timeline, { workers, room: 50 * workers }),
    );
    this.statistics = new Statistics(names.length);
    const Client = settings.policy === 'plain' ? PlainClient : EvenkeelClient;
    this.client = new Client(timeline, {
      ...settings,
      endpoints: names.map((name) => `https://${name.toLowerCase()}.example`),
      attempts: ATTEMPTS[scene],
      timeoutMs: TIMEOUT_MS[scene],
      hedge: HEDGE[scene],
      seed,
      send: (place, request, end) => this.#send(place, request, end),
    });
    const count = () => {
      this.client.ejections();
      timeline.after(COUNT_MS, count);
    };
    count();
  }

  call(request) {
    const begun = this.#timeline.now;
    this.client.call(request, (good) => {
      const { now } = this.#timeline;
      this.statistics.ended(now, now - begun, good);
      this.#watcher?.called(now - begun, good);
    });
  }

  /** Hands an attempt to a server; tells how it ended, unless the client gave it up before. */
  #send(place, { work }, end) {
    const [server, begun, watcher] = [this.servers[place], this.#timeline.now, this.#watcher];
    const attempt = {
      work,
      givenUp: false,
      end: (result, retryAfterMs) => {
        if (attempt.givenUp) return;
        if (result === 'limited') this.statistics.limited(this.#timeline.now);
        watcher?.ended(place, result, this.#timeline.now - begun);
        end(result, retryAfterMs);
      },
      giveUp: (timedOut) => {
        attempt.givenUp = true;
        server.hungUp(attempt);
        if (timedOut) watcher?.ended(place, 'timed_out', this.#timeline.now - begun);
      },
    };
    this.statistics.sent(begun, place);
    watcher?.sent(place);
    server.receive(attempt);
    return attempt;
  }

  snapshot() {
    const { now } = this.#timeline;
    const { statistics, client } = this;
    const { calls, errors, attempts } = statistics;
    const health = client.endpoints().map(({ health }) => health);
    const queues = this.servers.map(({ queue }) => queue.length);
    return { calls, errors, attempts, ejections: client.ejections(), health, queues, recent: statistics.summary(now) };
  }
}
