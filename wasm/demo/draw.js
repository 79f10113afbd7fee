/** Draws what a side does: requests on their way, the queues they wait in, and how they ended. */

/** How long a dot takes to a server, or from it, in simulated milliseconds. */
const FLIGHT_MS = 420;
const MOST_DOTS = 4096;
const BOX = 10;
/** Where on its lane a server stands. */
const PLACE = 0.64;

export const RESULTS = { answered: 0, late: 1, failed: 2, refused: 2, timed_out: 2, limited: 2 };
/** An answer that took longer is drawn as slow. */
export const LATE_MS = 250;

/** Keeps dots in a ring: the oldest goes when there are too many. */
export class Dots {
  #begun = new Float64Array(MOST_DOTS).fill(-Infinity);
  #row = new Uint8Array(MOST_DOTS);
  #kind = new Uint8Array(MOST_DOTS);
  #next = 0;

  /** Kind 3 goes to a server, 0 to 2 come back from it. */
  add(now, row, kind) {
    const at = this.#next++ % MOST_DOTS;
    this.#begun[at] = now;
    this.#row[at] = row;
    this.#kind[at] = kind;
  }

  /** Calls back for each dot under way of a kind, with how far it is, 0..1. */
  each(now, kind, visit) {
    const from = Math.max(0, this.#next - MOST_DOTS);
    for (let number = from; number < this.#next; number++) {
      const at = number % MOST_DOTS;
      const part = (now - this.#begun[at]) / FLIGHT_MS;
      if (this.#kind[at] === kind && part >= 0 && part < 1) visit(this.#row[at], part, number);
    }
  }
}

export class Canvas {
  #canvas;
  #context;
  #colours;
  #width = 0;
  #height = 0;
  #sized = false;

  constructor(canvas) {
    this.#canvas = canvas;
    this.recolour();
    new ResizeObserver(() => (this.#sized = false)).observe(canvas);
  }

  /** Takes over the colours of the page. */
  recolour() {
    this.#colours = palette();
  }

  /** `rows` are `{ state, queue, busy, level }` of each server. Without `moving`, there are no dots. */
  draw(now, rows, dots, moving) {
    if (!this.#sized) ({ context: this.#context, width: this.#width, height: this.#height } = fitted(this.#canvas));
    this.#sized = true;
    const [context, colours, width, height] = [this.#context, this.#colours, this.#width, this.#height];
    context.clearRect(0, 0, width, height);
    const pitch = height / rows.length;
    const middle = (row) => pitch * (row + 0.5);
    const box = width * PLACE;
    const tails = rows.map(({ queue }, row) => this.#queue(queue, box - 4, middle(row), pitch));
    this.#lanes(rows, middle, box);
    rows.forEach((row, place) => this.#server(row, box, middle(place), pitch));
    if (!moving) return;

    context.fillStyle = colours.soft;
    context.beginPath();
    dots.each(now, 3, (row, part, number) => {
      const fan = Math.min(1, part / 0.45);
      const eased = fan * fan * (3 - 2 * fan);
      const y = height / 2 + (middle(row) - height / 2) * eased + spread(number, pitch) * eased;
      const x = part * tails[row];
      context.rect(x - 1.5, y - 1.5, 3, 3);
    });
    context.fill();
    for (const [kind, colour] of [colours.well, colours.slow, colours.failing].entries()) {
      context.fillStyle = colour;
      context.beginPath();
      dots.each(now, kind, (row, part, number) => {
        const x = box + BOX + 2 + part * (width - box - BOX - 4);
        const y = middle(row) + spread(number, pitch);
        context.moveTo(x + 2.2, y);
        context.arc(x, y, 2.2, 0, 7);
      });
      context.fill();
    }
  }

  #lanes(rows, middle, box) {
    const context = this.#context;
    for (const [row, { state }] of rows.entries()) {
      context.strokeStyle = state === 'ejected' ? this.#colours.ejected : this.#colours.line;
      context.setLineDash(state === 'ejected' ? [2, 5] : []);
      context.beginPath();
      context.moveTo(0, this.#height / 2);
      const [y, turn] = [middle(row), 0.45 * box];
      context.bezierCurveTo(turn / 2, this.#height / 2, turn / 2, y, turn, y);
      context.lineTo(box - 2, y);
      context.moveTo(box + BOX + 2, y);
      context.lineTo(this.#width, y);
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** Draws what waits, up to the server's left side; gives where its end is. */
  #queue(waiting, right, middle, pitch) {
    const context = this.#context;
    const rows = pitch > 34 ? 5 : 4;
    const columns = Math.floor((right * 0.55) / 4);
    const shown = Math.min(waiting, rows * columns);
    context.fillStyle = this.#colours.waiting;
    for (let place = 0; place < shown; place++) {
      const [column, row] = [Math.floor(place / rows), place % rows];
      context.fillRect(right - 4 * (column + 1), middle + 4 * (row - (rows - 1) / 2) - 1.5, 3, 3);
    }
    return right - 4 * Math.ceil(shown / rows) - 2;
  }

  /** A box that fills up with what is being worked on, or with what is used of a quota. */
  #server({ state, busy, level }, x, y, pitch) {
    const context = this.#context;
    const half = pitch * 0.33;
    const colour = this.#colours[state];
    context.beginPath();
    context.roundRect(x, y - half, BOX, 2 * half, 3);
    context.fillStyle = this.#colours.paper;
    context.fill();
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.stroke();
    context.lineWidth = 1;
    const filled = level ?? busy;
    if (filled <= 0) return;
    context.globalAlpha = 0.75;
    context.fillStyle = colour;
    context.fillRect(x + 2, y + half - 2 - (2 * half - 4) * filled, BOX - 4, (2 * half - 4) * filled);
    context.globalAlpha = 1;
  }
}

/** The colours of the page as they are now. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ['well', 'slow', 'failing', 'ejected', 'waiting', 'line', 'paper', 'soft'];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Makes a canvas as fine as the screen; its sizes are those of the page. */
export function fitted(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context.scale(scale, scale);
  return { context, width, height };
}

/** How far from the middle of its lane a dot flies: the same for as long as it is under way. */
function spread(number, pitch) {
  return (((number * 0.618034) % 1) - 0.5) * Math.min(20, pitch * 0.45);
}
