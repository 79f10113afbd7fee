/** Draws the strip below the lanes: how calls ended in each half second of the last 40 seconds. */
import { fitted, palette } from './draw.js';

export const SLOT_MS = 500;
export const SLOTS = 80;

/** Counts calls by how they ended, for each slot of time. */
export class History {
  #counts = new Map();

  /** Kinds are 0 for answered, 1 for answered late, 2 for failed. */
  add(now, kind) {
    const slot = Math.floor(now / SLOT_MS);
    let counts = this.#counts.get(slot);
    if (!counts) {
      counts = [0, 0, 0];
      this.#counts.set(slot, counts);
      this.#counts.delete(slot - SLOTS);
    }
    counts[kind]++;
  }

  /** The counts of a slot. */
  at(slot) {
    return this.#counts.get(slot) ?? [0, 0, 0];
  }
}

export class Strip {
  #canvas;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** Draws stacked bars, the newest on the right; `usual` is how many calls there are in a slot. */
  draw(now, history, usual) {
    const { context, width, height } = fitted(this.#canvas);
    const colours = palette();
    context.clearRect(0, 0, width, height);
    const newest = Math.floor(now / SLOT_MS) - 1;
    const pitch = width / SLOTS;
    for (let place = 0; place < SLOTS; place++) {
      const slot = newest - SLOTS + 1 + place;
      let y = height - 1;
      history.at(slot).forEach((count, kind) => {
        const tall = Math.min(y, (count / usual) * height * 0.6);
        context.fillStyle = colours[['well', 'slow', 'failing'][kind]];
        context.fillRect(place * pitch, y - tall, Math.max(1, pitch - 1), tall);
        y -= tall;
      });
    }
    context.fillStyle = colours.line;
    context.fillRect(0, height - 1, width, 1);
  }
}
