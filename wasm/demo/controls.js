/** Lets the viewer change the servers by click, slider and keys; of API keys, the quotas. */
import { MODES } from './servers.js';
import { MOST_QUOTA, MOST_SLOW } from './state.js';
import { modeText } from './texts.js';

/** How slow a click makes a server. */
const USUAL = 10;
/** While a slider is dragged, it counts so often. */
const DRAG_MS = 250;

export class Controls {
  #cards;
  #act;
  #quotas;

  /** `act(target, mode, amount)` does what the viewer asks for; `now` is the time. */
  constructor(element, { scene, servers, names, act, now }) {
    this.#act = act;
    this.#quotas = scene === 'keys' ? servers.map(({ quota }) => quota) : undefined;
    element.classList.toggle('keys', scene === 'keys');
    element.setAttribute('aria-label', scene === 'keys' ? 'API keys' : 'Servers');
    this.#cards = names.map((name, place) => this.#card(name, place, now));
    element.replaceChildren(...this.#cards.map(({ card }) => card));
    this.write(servers);
  }

  /** Shows how the servers are. */
  write(servers) {
    this.#cards.forEach((card, place) => {
      const { mode, slowness, quota } = servers[place];
      const value = this.#quotas ? quota : slowness;
      if (card.shown === `${mode} ${value}`) return;
      card.shown = `${mode} ${value}`;
      card.mode = mode;
      card.value = value;
      card.card.dataset.state = this.#quotas && quota === 0 ? 'failing' : mode;
      card.slider.value = value;
      this.#label(card, mode, value);
    });
  }

  /** Makes a server what comes after what it is. */
  cycle(place) {
    const { mode, value } = this.#cards[place];
    if (this.#quotas) return this.#act(place, 'quota', value === 0 ? this.#quotas[place] : 0);
    const next = MODES[(MODES.indexOf(mode) + 1) % MODES.length];
    this.#act(place, next, next === 'slow' ? USUAL : 1);
  }

  #label({ name, text, slider, button }, mode, value) {
    const shown = this.#quotas ? `${value}/s` : modeText(mode, value);
    const [word, ...times] = shown.split(' ');
    const more = document.createElement('span');
    more.textContent = times.map((part) => ` ${part}`).join('');
    text.replaceChildren(word, more);
    slider.setAttribute('aria-valuetext', shown);
    button.setAttribute('aria-label', this.#quotas ? `Key ${name}: ${shown}` : `Server ${name}: ${shown}`);
  }

  #card(name, place, now) {
    const card = document.createElement('div');
    card.className = 'card';
    card.innerHTML = '<button type="button"><b></b><span class="mode"></span></button><input type="range" step="1">';
    const [button, title, text, slider] = ['button', 'b', '.mode', 'input'].map((part) => card.querySelector(part));
    title.textContent = this.#quotas ? `Key ${name}` : name;
    slider.min = this.#quotas ? 0 : 1;
    slider.max = this.#quotas ? MOST_QUOTA : MOST_SLOW;
    slider.setAttribute('aria-label', this.#quotas ? `Quota of key ${name}` : `How slow server ${name} is`);
    const entry = { card, name, button, text, slider, mode: 'well', value: 1, shown: '' };
    button.addEventListener('click', () => this.cycle(place));
    if (!this.#quotas) {
      button.setAttribute('aria-keyshortcuts', 'W S F H D');
      card.addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
        const mode = MODES.find((mode) => mode[0] === event.key.toLowerCase());
        if (mode) this.#act(place, mode, mode === 'slow' ? USUAL : 1);
      });
    }
    let counted = -Infinity;
    const slide = (last) => {
      const value = Number(slider.value);
      const mode = this.#quotas ? 'quota' : value > 1 ? 'slow' : 'well';
      this.#label(entry, mode, value);
      if (!last && now() - counted < DRAG_MS) return;
      counted = now();
      if (entry.value !== value || (!this.#quotas && entry.mode !== mode)) this.#act(place, mode, value);
    };
    slider.addEventListener('input', () => slide(false));
    slider.addEventListener('change', () => slide(true));
    return entry;
  }
}
