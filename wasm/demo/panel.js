/** Shows one side of the page: its figures, a lane for each server, and its settings. */
import { Canvas, Dots, LATE_MS, RESULTS } from './draw.js';
import { History, SLOT_MS, Strip } from './history.js';
import { POLICIES } from './state.js';
import { caption, modeText, percent, POLICY_TEXTS, sideName, time } from './texts.js';

/** The colour of each mode. */
const STATES = { well: 'well', slow: 'slow', hanging: 'slow', failing: 'failing', dead: 'failing' };
/** What the balancer says of an endpoint that is not healthy. */
const HEALTHS = { ejected: 'ejected', half_open: 'to be probed', probing: 'probed', overloaded: 'at rest', down: 'down' };

export class Panel {
  element;
  #rows;
  #canvas;
  #dots = new Dots();
  #history = new History();
  #strip;
  #now = () => 0;

  /** Calls `changed(settings)` when the viewer chooses others, and `clicked(place)` for a click on a server's lane. */
  constructor(settings, { scene, names, changed, clicked }) {
    this.scene = scene;
    this.names = names;
    this.settings = settings;
    this.element = document.getElementById('side').content.firstElementChild.cloneNode(true);
    const name = sideName(settings);
    this.element.setAttribute('aria-label', name);
    this.element.querySelector('h2').textContent = name;
    this.element.querySelector('.last').textContent = scene === 'keys' ? '429/s' : 'ejections';
    this.#rows = names.map((server, place) => this.#row(server, () => clicked(place)));
    this.element.querySelector('ol').append(...this.#rows.map(({ item }) => item));
    this.#settings(changed);
  }

  /** To be called once it is on the page. */
  begin(now) {
    this.#now = now;
    this.#canvas = new Canvas(this.element.querySelector('.lanes canvas'));
    this.#strip = new Strip(this.element.querySelector('.strip canvas'));
  }

  /** Is told what the side sends. */
  watcher() {
    return {
      sent: (place) => this.#dots.add(this.#now(), place, 3),
      ended: (place, result, tookMs) => {
        this.#dots.add(this.#now(), place, RESULTS[result === 'answered' && tookMs > LATE_MS ? 'late' : result]);
      },
      called: (tookMs, good) => this.#history.add(this.#now(), good ? (tookMs > LATE_MS ? 1 : 0) : 2),
    };
  }

  recolour() {
    this.#canvas.recolour();
  }

  draw(now, side, workers, moving) {
    const states = side.servers.map((server, place) => ({
      state: this.#rows[place].item.dataset.state,
      queue: server.queue.length,
      busy: server.busy / workers,
      level: server.level,
    }));
    this.#canvas.draw(now, states, this.#dots, moving);
  }

  /** Writes figures and sentences anew. */
  write(now, rate, side, figures) {
    this.#strip.draw(now, this.#history, (rate * SLOT_MS) / 1000);
    const { calls, errors, p50, p99, shares, perSecond } = figures.recent;
    this.#figure('p99', ...time(p99), p99 > 4 * LATE_MS ? 'failing' : p99 > LATE_MS ? 'slow' : 'well');
    this.#figure('p50', ...time(p50));
    const lost = calls === 0 ? 0 : errors / calls;
    this.#figure('errors', percent(lost), '%', lost > 0.002 ? 'failing' : 'well');
    this.#figure('attempts', String(Math.round(perSecond)), '');
    if (this.scene === 'keys') this.#figure('last', String(Math.round(figures.recent.limitedPerSecond)), '');
    else this.#figure('last', String(figures.ejections), '');
    const line = caption(this.scene, this.names, side.servers, figures);
    const target = this.element.querySelector('.caption');
    if (target.dataset.line !== line) {
      target.dataset.line = line;
      target.replaceChildren(...line.split('*').map((text, at) => (at % 2 ? element('b', text) : text)));
    }
    side.servers.forEach((server, place) => this.#status(this.#rows[place], server, figures.health[place], shares[place]));
  }

  #status({ item, bar, share, status }, server, health, part) {
    const used = server.level >= 1;
    item.dataset.state = health !== 'healthy' ? 'ejected' : used ? 'failing' : STATES[server.mode];
    bar.style.transform = `scaleX(${part})`;
    share.textContent = `${percent(part)}\u00a0%`;
    const mode = server.mode === 'well' ? '' : modeText(server.mode, server.slowness);
    status.textContent = HEALTHS[health] ?? (used ? 'used up' : queued(server) || mode);
  }

  #figure(name, value, unit, state) {
    const field = this.element.querySelector(`[data-figure="${name}"]`);
    field.replaceChildren(value, unit === '' ? '' : element('small', unit));
    if (state) field.dataset.state = state;
  }

  #row(name, clicked) {
    const item = document.getElementById('lane').content.firstElementChild.cloneNode(true);
    item.addEventListener('click', clicked);
    const [label, bar, share, status] = ['.name', 'i', '.percent', '.status'].map((part) => item.querySelector(part));
    label.textContent = name;
    return { item, bar, share, status };
  }

  #settings(changed) {
    const policy = this.element.querySelector('[data-setting="policy"]');
    const names = this.scene === 'keys' ? ['plain', ...POLICIES] : POLICIES;
    policy.append(...names.map((name) => new Option(POLICY_TEXTS[name], name)));
    const retry = this.element.querySelector('[data-setting="retry"]');
    const eject = this.element.querySelector('[data-setting="eject"]');
    policy.value = this.settings.policy;
    retry.value = this.settings.retry;
    eject.checked = this.settings.eject;
    retry.parentElement.hidden = eject.parentElement.hidden = this.settings.policy === 'plain';
    for (const field of [policy, retry, eject]) {
      field.addEventListener('change', () => {
        const plain = this.settings.policy === 'plain' && policy.value !== 'plain';
        const own = { policy: policy.value, retry: retry.value, eject: eject.checked };
        changed(plain ? { ...own, retry: 'budget', eject: true } : own);
      });
    }
  }
}

function element(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

function queued({ queue }) {
  return queue.length >= 10 ? `${queue.length} wait` : '';
}
