/** Says in words what the scenes are about, how a server is, and what a side does just now. */

export const SCENE_TEXTS = {
  servers: {
    title: 'The same requests, through two clients',
    lead: 'C turns slow, then E fails. The left client does not notice, the right one sends elsewhere. Now break some yourself.',
    hint:
      'Click a server, drag its slider, or press <kbd>W</kbd>ell, <kbd>S</kbd>low, <kbd>F</kbd>ailing, <kbd>H</kbd>anging, <kbd>D</kbd>ead.',
  },
  storm: {
    title: 'Five bad seconds, then: does it recover?',
    lead:
      'All servers turn slow from second 4 to 9. Both clients try up to four times; without a budget, retries keep the service down.',
    hint: 'Make all servers slow once more, or give the left client a budget below.',
  },
  keys: {
    title: 'Two API keys, and a provider that answers 429',
    lead:
      'Each key has a quota; beyond it the answer is 429 with Retry-After. The left client waits as told, the right one uses the other key.',
    hint: 'Drag a key’s quota. When both together are less than what is asked for, nobody can help.',
  },
};

/** Stands for a scene's story once the viewer has changed it. */
export const OWN_LEAD =
  'Both clients get the same requests, and the servers do the same to both. The address holds this run: share it.';

export const POLICY_TEXTS = {
  plain: 'waits for Retry-After',
  round_robin: 'round robin',
  random: 'random',
  least_request: 'least request',
  peak_ewma: 'peak EWMA',
  pick_first: 'pick first',
};

/** Names a side by its settings. */
export function sideName({ policy, eject, retry }) {
  if (policy === 'plain') return 'Without evenkeel';
  if (policy === 'peak_ewma' && eject) {
    if (retry === 'budget') return 'evenkeel';
    return retry === 'none' ? 'evenkeel without retries' : 'evenkeel without a budget';
  }
  const name = POLICY_TEXTS[policy];
  return `${policy === 'round_robin' && !eject && retry === 'none' ? 'Plain ' : ''}${name}`.replace(/^./, (first) => first.toUpperCase());
}

export function modeText(mode, slowness) {
  return mode === 'slow' ? `slow ×${slowness}` : mode;
}

/** How long something took, short. */
export function time(ms) {
  if (ms === undefined) return ['–', ''];
  return ms < 1000 ? [String(ms), 'ms'] : [(ms / 1000).toFixed(ms < 9950 ? 1 : 0), 's'];
}

/** A share, or an error rate, in percent. */
export function percent(part) {
  const value = part * 100;
  if (value === 0) return '0';
  if (value > 0 && value < 0.1) return '<0.1';
  return value < 9.95 ? value.toFixed(1) : value.toFixed(0);
}

/** Says in a sentence or two what a side does about those that are not well; parts in `*` are stressed. */
export function caption(scene, names, servers, figures) {
  const { calls, errors } = figures.recent;
  if (calls === 0) return 'Waiting for the first answers.';
  const failing = errors / calls < 0.002 ? '' : ` *${percent(errors / calls)}\u00a0%* of the calls failed.`;
  return (scene === 'keys' ? ofKeys : ofServers)(names, servers, figures) + failing;
}

function ofKeys(names, servers, { health, recent }) {
  const used = names.filter((_, place) => servers[place].level >= 1);
  const away = names.filter((_, place) => health[place] === 'overloaded');
  if (away.length === names.length) return 'Both keys are at rest: the quotas are too small.';
  if (away.length > 0) return `Key ${away[0]} is used up, and *left alone* until its next window.`;
  const wait = recent.p99 > 1000 ? ` The slowest take *${time(recent.p99).join('\u00a0')}*.` : '';
  if (used.length > 0 && wait) return `Key ${used.join(' and ')} is used up, and *still asked*.${wait}`;
  return `Both keys are in use.${wait}`;
}

function ofServers(names, servers, { health, queues, recent }) {
  if (queues.every((queue) => queue > 20)) return `All queues are long: *${Math.round(recent.perSecond)}* attempts a second.`;
  const bad = names.map((_, place) => place).filter((place) => servers[place].mode !== 'well');
  if (bad.length === 0) return recent.errors > 0 ? 'All servers are well.' : 'All servers are well, and answer.';
  if (bad.length > 3) return `${bad.length} servers are not well.`;
  const parts = bad.map((place) => {
    if (health[place] !== 'healthy') return `${names[place]} is *ejected*`;
    return `${names[place]} is ${servers[place].mode} and gets *${percent(recent.shares[place])}\u00a0%*`;
  });
  return `${parts.join(', ')}.`;
}
