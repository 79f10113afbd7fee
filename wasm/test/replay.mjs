// Replays one file of tests/golden, which tests/golden/README.md explains, through the classes that users use. It needs nothing but the
// package, so that it runs in every runtime.

const SCHEME = 'http://';

/** Replays a file; how many answers were compared. */
export function replay(name, text, { Balancer, Call }) {
  const replay = new Replay(Balancer, Call);
  let answers = 0;
  text.split('\n').forEach((line, index) => {
    const [event, expected = ''] = line.startsWith('#') ? [''] : line.split(' -> ');
    const answer = replay.step(event) ?? '';
    if (answer !== expected) throw new Error(`${name}, line ${index + 1}: ${line}: ${answer}`);
    if (answer) answers += 1;
  });
  return answers;
}

function check(holds, what) {
  if (!holds) throw new Error(what);
}

class Replay {
  constructor(Balancer, Call) {
    Object.assign(this, { Balancer, Call });
  }

  seed = 0n;
  config = {};
  /** Whole nanoseconds, so that sums are exact. */
  now = 0;
  wake = 0;
  open = [];
  told = [];

  step(event) {
    const [verb, ...words] = event.split(' ');
    if (verb === 'policy') return this.policy(event.slice('policy '.length));
    if (verb === '') return '';
    check(Object.hasOwn(this.events, verb), `no such event: ${event}`);
    return this.events[verb](...words);
  }

  events = {
    seed: (seed) => {
      this.seed = BigInt(seed);
    },
    config: (...settings) => {
      this.config = Object.fromEntries(settings.map(balancerOption));
    },
    now: (time) => {
      this.now = time.startsWith('+') ? this.now + nanos(time.slice(1)) : nanos(time);
    },
    sleep: () => {
      this.now = this.wake;
    },
    update: (...list) => changes(this.balancer.update(list.filter(Boolean).map(endpoint))),
    insert: (spec) => changes(this.balancer.insert(endpoint(spec))),
    remove: (addr) => (this.balancer.remove(SCHEME + addr) ? 'yes' : 'no'),
    pick: (...words) => {
      const options = {};
      for (let place = 0; place < words.length; place += 2) {
        const [name, value] = words.slice(place, place + 2);
        if (name === 'key') options.key = /^\d/.test(value) ? { hash: BigInt(value) } : value;
        else if (name === 'avoid') options.avoid = value.split(',').map((addr) => SCHEME + addr);
        else check(false, `no such option: ${name}`);
      }
      const pick = this.balancer.pick(options);
      if (pick) this.open.push(pick);
      return pick?.why === 'policy' || !pick ? address(pick) : `${address(pick)} ${pick.why}`;
    },
    report: (outcome, ...numbers) => {
      const wait = outcome === 'overloaded' && numbers.length > 0 ? [Number(numbers.shift())] : [];
      const [pick] = this.open.splice(Number(numbers[0] ?? '1') - 1, 1);
      if (outcome === 'overloaded') pick.overloaded(...wait);
      else pick.report(outcome);
    },
    requests: (number, failing = '') => {
      for (let request = 0; request < Number(number); request += 1) {
        const pick = this.balancer.pick();
        if (failing.split(',').includes(address(pick))) pick.fail();
        else pick.ok();
      }
    },
    down: (addr) => {
      check(this.balancer.setDown(SCHEME + addr, true), addr);
    },
    up: (addr) => {
      check(this.balancer.setDown(SCHEME + addr, false), addr);
    },
    stats: (addr) => {
      const found = this.find(addr);
      return found ? `${found.successes} ${found.failures} ${found.canceled}` : 'none';
    },
    health: (addr) => {
      const found = this.find(addr);
      if (!found) return 'none';
      const { health, reason, until, candidacy, currentWeight } = found;
      return words(health, reason, until, candidacy, currentWeight);
    },
    event: () => {
      if (this.told.length === 0) this.told = this.balancer.events();
      const event = this.told.shift();
      if (!event) return 'none';
      const { type, reason, until, count } = event;
      const addr = 'url' in event ? (event.url?.slice(SCHEME.length) ?? '?') : undefined;
      return words(type, addr, reason, until, count);
    },
    call: (...settings) => {
      this.call = new this.Call(this.balancer, Object.fromEntries(settings.filter(Boolean).map(retryOption)));
    },
    poll: () => this.poll(),
    outcome: (verdict, time) => {
      const known = time ? { verdict, waitMs: Number(time) } : verdict;
      this.sent.pick.conclude(known);
      this.call.onOutcome(this.sent.attempt, known);
    },
  };

  policy(policy) {
    this.now = 0;
    this.open = [];
    this.told = [];
    this.balancer = new this.Balancer({ policy, config: this.config, seed: this.seed, now: () => this.now / 1e6 });
  }

  find(addr) {
    return this.balancer.endpoints().find(({ url }) => url === SCHEME + addr);
  }

  poll() {
    const step = this.call.poll();
    switch (step.type) {
      case 'send': {
        const pick = this.call.pick();
        if (!pick) this.call.noEndpoint();
        const sent = pick && this.call.started(step.attempt, pick) ? pick : null;
        this.sent = { attempt: step.attempt, pick: sent };
        return `send ${step.attempt} ${address(sent)}`;
      }
      case 'wait':
        this.wake = Math.round(step.until * 1e6);
        return step.until === Infinity ? 'wait' : `wait ${Number(step.until.toFixed(6))}`;
      case 'cancel':
        this.sent.pick.report(step.outcome);
        return `cancel ${step.attempt}`;
      case 'done':
        return `done ${step.end}`;
    }
  }
}

function endpoint(spec) {
  const [, addr, weight = '1', priority = '0', zone, drains] = /^([a-z0-9]+)(?:\*(\d+))?(?:@(\d+))?(?:%(\d+))?(!)?$/.exec(spec);
  return { url: SCHEME + addr, weight: Number(weight), priority: Number(priority), zone, draining: drains === '!' };
}

function balancerOption(setting) {
  const [key, value] = setting.split('=');
  switch (key) {
    case 'levels':
    case 'zone':
      return [key, value];
    case 'subset':
      return [key, Number(value)];
    case 'slow_start':
      return ['slowStartMs', Number(value)];
    case 'outlier':
      return ['outlierDetection', value === 'none' ? false : value];
    default:
      check(false, `no such setting: ${setting}`);
  }
}

function retryOption(setting) {
  const [key, value] = setting.split('=');
  if (key !== 'backoff') {
    const option = { attempts: 'attempts', timeout: 'timeoutMs', attempt_timeout: 'attemptTimeoutMs' }[key];
    check(option, `no such setting: ${setting}`);
    return [option, Number(value)];
  }
  const [kind, base = 0, cap, jitter = 'full'] = value.split(':');
  return ['backoff', kind === 'exponential' ? { baseMs: Number(base), maxMs: Number(cap), jitter } : Number(base)];
}

/** What there is, separated by spaces; numbers without trailing zeros. */
function words(...values) {
  const there = values.filter((value) => value !== undefined);
  return there.map((value) => (typeof value === 'number' ? Number(value.toFixed(6)) : value)).join(' ');
}

function changes({ added, removed, changed }) {
  return `+${added} -${removed} ~${changed}`;
}

function address(pick) {
  return pick ? pick.url.slice(SCHEME.length) : 'none';
}

function nanos(millis) {
  return Math.round(Number(millis) * 1e6);
}
