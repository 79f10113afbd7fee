// Replays tests/golden/*.txt, which tests/golden/README.md explains, through the classes that users use.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Balancer, Call } from 'evenkeel';

const GOLDEN = new URL('../../tests/golden/', import.meta.url);
const SCHEME = 'http://';

const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.txt'));
assert.notEqual(files.length, 0, 'there are golden files');

for (const name of files) {
  test(name, () => {
    const replay = new Replay();
    let answers = 0;
    readFileSync(new URL(name, GOLDEN), 'utf8')
      .split('\n')
      .forEach((line, index) => {
        const [event, expected = ''] = line.startsWith('#') ? [''] : line.split(' -> ');
        const answer = replay.step(event) ?? '';
        assert.equal(answer, expected, `${name}, line ${index + 1}: ${line}`);
        if (answer) answers += 1;
      });
    assert.notEqual(answers, 0);
  });
}

class Replay {
  seed = 0n;
  config = {};
  /** Whole nanoseconds, so that sums are exact. */
  now = 0;
  wake = 0;
  open = [];

  step(event) {
    const [verb, ...words] = event.split(' ');
    if (verb === 'policy') return this.policy(event.slice('policy '.length));
    if (verb === '') return '';
    assert.ok(Object.hasOwn(this.events, verb), `no such event: ${event}`);
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
        if (name === 'key') options.key = /^\d/.test(value) ? BigInt(value) : value;
        else if (name === 'avoid') options.avoid = value.split(',').map((addr) => SCHEME + addr);
        else assert.fail(`no such option: ${name}`);
      }
      const pick = this.balancer.pick(options);
      if (pick) this.open.push(pick);
      return pick?.why === 'policy' || !pick ? address(pick) : `${address(pick)} ${pick.why}`;
    },
    report: (outcome, number = '1') => {
      const [pick] = this.open.splice(Number(number) - 1, 1);
      pick[{ success: 'success', failure: 'failure', canceled: 'cancel' }[outcome]]();
    },
    stats: (addr) => {
      const found = this.balancer.endpoints().find(({ url }) => url === SCHEME + addr);
      return found ? `${found.successes} ${found.failures} ${found.canceled}` : 'none';
    },
    call: (...settings) => {
      this.call = new Call(this.balancer, Object.fromEntries(settings.filter(Boolean).map(retryOption)));
    },
    poll: () => this.poll(),
    outcome: (verdict, time) => {
      const known = time ? { retryAfterMs: Number(time) } : verdict === 'fatal' ? 'not_retryable' : verdict;
      if (verdict === 'success') this.sent.pick.success();
      else this.sent.pick.failure();
      this.call.onOutcome(this.sent.attempt, known);
    },
  };

  policy(policy) {
    this.now = 0;
    this.open = [];
    this.balancer = new Balancer({ policy, config: this.config, seed: this.seed, now: () => this.now / 1e6 });
  }

  poll() {
    const step = this.call.poll();
    switch (step.type) {
      case 'send': {
        const pick = this.call.pick();
        if (pick) this.call.started(step.attempt, pick);
        else this.call.noEndpoint();
        this.sent = { attempt: step.attempt, pick };
        return `send ${step.attempt} ${address(pick)}`;
      }
      case 'wait':
        this.wake = Math.round(step.until * 1e6);
        return step.until === Infinity ? 'wait' : `wait ${Number(step.until.toFixed(6))}`;
      case 'cancel':
        assert.equal(step.outcome, 'failure');
        this.sent.pick.failure();
        return `cancel ${step.attempt}`;
      case 'done':
        return `done ${step.end === 'not_retryable' ? 'fatal' : step.end}`;
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
    default:
      assert.fail(`no such setting: ${setting}`);
  }
}

function retryOption(setting) {
  const [key, value] = setting.split('=');
  if (key !== 'backoff') {
    const option = { attempts: 'attempts', timeout: 'timeoutMs', attempt_timeout: 'attemptTimeoutMs' }[key];
    assert.ok(option, `no such setting: ${setting}`);
    return [option, Number(value)];
  }
  const [kind, ...times] = value.split(':');
  const [baseMs = 0, maxMs] = times.map(Number);
  return ['backoff', kind === 'exponential' ? { baseMs, maxMs } : baseMs];
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
