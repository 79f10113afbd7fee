/** Runs the page: one run at a time, its clock, and what the viewer does to it. */
import { Controls } from './controls.js';
import { Panel } from './panel.js';
import { namesOf, Simulation } from './simulation.js';
import { act, format, parse, RATES } from './state.js';
import { modeText, OWN_LEAD, SCENE_TEXTS } from './texts.js';

/** Figures are written so often; dots move with every frame. */
const WRITE_MS = 250;
/** A frame that comes later than this is as if the page had been paused. */
const LONGEST_FRAME_MS = 100;
const ALL_SLOW = 8;

const find = (id) => document.getElementById(id);
const still = matchMedia('(prefers-reduced-motion: reduce)');
const cost = { since: 0, frames: 0, totalMs: 0, longestMs: 0 };

let state = parse(location.hash);
let simulation;
let panels;
let controls;
let paused = false;
let last;
let written = 0;
let rest = 0;

function begin() {
  const { scene } = state;
  let run;
  panels = [];
  const now = () => run?.now ?? 0;
  simulation = run = new Simulation(state, (place) => {
    const changed = (settings) => {
      state.sides[place] = settings;
      keep();
      begin();
    };
    panels[place] = new Panel(state.sides[place], { scene, names: namesOf(scene), changed, clicked: (server) => controls.cycle(server) });
    return panels[place].watcher();
  });
  const focused = document.activeElement?.dataset?.setting;
  const side = [...find('sides').children].findIndex((section) => section.contains(document.activeElement));
  find('sides').replaceChildren(...panels.map(({ element }) => element));
  find('sides').classList.toggle('keys', scene === 'keys');
  if (focused) panels[side]?.element.querySelector(`[data-setting="${focused}"]`).focus();
  for (const panel of panels) panel.begin(now);
  controls = new Controls(find('controls'), { scene, servers: simulation.servers, names: simulation.names, act: perform, now });
  const { title, lead, hint } = SCENE_TEXTS[scene];
  const told = !/(left|right|do)=/.test(format(state));
  find('title').textContent = title;
  find('lead').textContent = told ? lead : OWN_LEAD;
  find('hint').innerHTML = hint;
  find('rate').value = state.rate;
  find('storm').hidden = find('heal').hidden = scene === 'keys';
  for (const link of document.querySelectorAll('[data-scene]')) {
    if (link.dataset.scene === scene) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  Object.assign(cost, { since: performance.now(), frames: 0, totalMs: 0, longestMs: 0 });
  rest = 0;
  write();
  draw();
}

/** Does what the viewer asks for, and keeps it in the address. */
function perform(target, mode, amount) {
  const action = { at: simulation.now, target, mode, amount };
  act(state, action);
  simulation.act(action);
  find('said').textContent = `${target < 0 ? 'All' : simulation.names[target]}: ${mode === 'quota' ? amount : modeText(mode, amount)}`;
  keep();
  write();
  draw();
}

function keep() {
  history.replaceState(null, '', format(state));
}

function write() {
  const { sides } = simulation.snapshot();
  panels.forEach((panel, place) => panel.write(simulation.now, state.rate, simulation.sides[place], sides[place]));
  controls.write(simulation.servers);
  const slow = simulation.servers.every(({ mode }) => mode === 'slow');
  find('storm').setAttribute('aria-pressed', String(slow));
  find('cost').textContent = cost.frames > 60 ? `A frame costs ${(cost.totalMs / cost.frames).toFixed(1)} ms.` : '';
}

function draw() {
  panels.forEach((panel, place) => panel.draw(simulation.now, simulation.sides[place], simulation.workers, !still.matches));
  find('clock').textContent = `${(simulation.now / 1000).toFixed(1)} s`;
}

/** Goes on by what passed since the last frame, in whole milliseconds. */
function frame(at) {
  const passed = Math.min(LONGEST_FRAME_MS, at - (last ?? at)) + rest;
  last = at;
  if (!paused) {
    const begun = performance.now();
    rest = passed % 1;
    simulation.runTo(simulation.now + Math.floor(passed));
    const due = at - written >= WRITE_MS;
    if (due) {
      written = at;
      write();
    }
    if (due || !still.matches) draw();
    const took = performance.now() - begun;
    cost.frames++;
    cost.totalMs += took;
    cost.longestMs = Math.max(cost.longestMs, took);
  }
  requestAnimationFrame(frame);
}

function pause(on) {
  paused = on;
  find('pause').setAttribute('aria-pressed', String(on));
  find('pause').textContent = on ? 'Resume' : 'Pause';
}

find('rate').append(...RATES.map((rate) => new Option(rate.toLocaleString('en'), rate)));
find('rate').addEventListener('change', () => {
  state.rate = Number(find('rate').value);
  keep();
  begin();
});
find('pause').addEventListener('click', () => pause(!paused));
find('restart').addEventListener('click', begin);
find('heal').addEventListener('click', () => perform(-1, 'well', 1));
find('storm').addEventListener('click', () => {
  const slow = find('storm').getAttribute('aria-pressed') === 'true';
  perform(-1, slow ? 'well' : 'slow', slow ? 1 : ALL_SLOW);
});
addEventListener('hashchange', () => {
  state = parse(location.hash);
  begin();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => panels.forEach((panel) => panel.recolour()));

begin();
find('problem').remove();
requestAnimationFrame(frame);

/** For tests and the curious: what a frame costs, the run's figures, and how to get to a time at once. */
globalThis.demo = {
  cost: () => ({ ...cost, passedMs: performance.now() - cost.since }),
  snapshot: () => simulation.snapshot(),
  state: () => structuredClone(state),
  pause,
  runTo(time) {
    if (time < simulation.now) begin();
    simulation.runTo(time);
    write();
    draw();
    return simulation.snapshot();
  },
};
