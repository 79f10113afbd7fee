/** Keeps what the viewer sets, and writes it into the page's address, so that a link shows the same run. */
import { MODES } from './servers.js';

export const POLICIES = ['round_robin', 'random', 'least_request', 'peak_ewma', 'pick_first'];
export const RETRIES = ['none', 'budget', 'unbounded'];
export const RATES = [60, 120, 250, 500, 1000];
export const MOST_SLOW = 20;
export const MOST_QUOTA = 200;

const ours = { policy: 'peak_ewma', eject: true, retry: 'budget' };

/** The scenes, and how each begins. An action is `{ at, target, mode, amount }`; target -1 is all servers. */
export const SCENES = {
  servers: {
    rate: 120,
    sides: [{ policy: 'round_robin', eject: false, retry: 'none' }, ours],
    actions: [
      { at: 2000, target: 2, mode: 'slow', amount: 10 },
      { at: 8000, target: 4, mode: 'failing', amount: 1 },
    ],
  },
  storm: {
    rate: 250,
    sides: [{ ...ours, retry: 'unbounded' }, ours],
    actions: [
      { at: 4000, target: -1, mode: 'slow', amount: 8 },
      { at: 9000, target: -1, mode: 'well', amount: 1 },
    ],
  },
  keys: {
    rate: 60,
    sides: [{ policy: 'plain', eject: false, retry: 'none' }, ours],
    actions: [],
  },
};

/** How many actions an address holds. */
const MOST_ACTIONS = 100;

export function initial(scene) {
  const { rate, sides, actions } = SCENES[scene];
  return { scene, seed: 7, rate, sides: sides.map((side) => ({ ...side })), actions: [...actions] };
}

/** Reads an address's hash; what is wrong in it is as if it were not there. */
export function parse(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const scene = given.get('scene');
  const state = initial(Object.hasOwn(SCENES, scene ?? '') ? scene : 'servers');
  const seed = Number(given.get('seed') ?? state.seed);
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) state.seed = seed;
  if (RATES.includes(Number(given.get('rate')))) state.rate = Number(given.get('rate'));
  ['left', 'right'].forEach((name, place) => {
    const [policy, eject, retry] = (given.get(name) ?? '').split('.');
    const side = state.sides[place];
    if (POLICIES.includes(policy) || (policy === 'plain' && state.scene === 'keys')) side.policy = policy;
    if (eject === 'eject' || eject === 'keep') side.eject = eject === 'eject';
    if (RETRIES.includes(retry)) side.retry = retry;
  });
  if (given.has('do')) state.actions = given.get('do').split('.').flatMap(parseAction).slice(0, MOST_ACTIONS);
  state.actions.sort((one, other) => one.at - other.at);
  return state;
}

/** Writes the hash: only what differs from how the scene begins. */
export function format(state) {
  const usual = initial(state.scene);
  const parts = [`scene=${state.scene}`];
  if (state.seed !== usual.seed) parts.push(`seed=${state.seed}`);
  if (state.rate !== usual.rate) parts.push(`rate=${state.rate}`);
  ['left', 'right'].forEach((name, place) => {
    const text = side(state.sides[place]);
    if (text !== side(usual.sides[place])) parts.push(`${name}=${text}`);
  });
  const actions = state.actions.map(formatAction).join('.');
  if (actions !== usual.actions.map(formatAction).join('.')) parts.push(`do=${actions}`);
  return `#${parts.join('&')}`;
}

/** Adds what the viewer did. Of too many, the oldest that something later outdoes goes. */
export function act(state, action) {
  const { actions } = state;
  const later = actions.findIndex(({ at }) => at > action.at);
  actions.splice(later < 0 ? actions.length : later, 0, action);
  if (actions.length <= MOST_ACTIONS) return;
  const outdone = actions.findIndex(({ target }, place) => actions.some((other, at) => at > place && other.target === target));
  actions.splice(Math.max(0, outdone), 1);
}

function side({ policy, eject, retry }) {
  return `${policy}.${eject ? 'eject' : 'keep'}.${retry}`;
}

/** `2000cs10`: after 2,000 ms, server C is slow, 10 times. `*` is all servers, `q` a quota. */
function formatAction({ at, target, mode, amount }) {
  const letter = target < 0 ? '*' : 'abcdef'[target];
  return `${at}${letter}${mode[0]}${mode === 'slow' || mode === 'quota' ? amount : ''}`;
}

function parseAction(text) {
  const [, at, letter, initialOfMode, amount] = /^(\d{1,7})([a-f*])([wsfhdq])(\d{0,3})$/.exec(text) ?? [];
  if (at === undefined) return [];
  const mode = initialOfMode === 'q' ? 'quota' : MODES.find((name) => name[0] === initialOfMode);
  const most = mode === 'quota' ? MOST_QUOTA : MOST_SLOW;
  const bounded = Math.min(most, Math.max(mode === 'quota' ? 0 : 1, Number(amount || 1)));
  return [{ at: Number(at), target: letter === '*' ? -1 : letter.charCodeAt(0) - 97, mode, amount: bounded }];
}
