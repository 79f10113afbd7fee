import { A, AAAA, CNAME, SOA, SRV, seconds, type DnsRecord, type Message } from './message.js';

/** The wire form of DNS (RFC 1035 §4): a question is written, its answer read. Whatever is wrong with that throws, and nothing is guessed. */

/** A question with recursion, of class IN; its id is 0, so that caches know it again (RFC 8484 §4.1). */
export function question(name: string, type: number): Uint8Array {
  const bytes = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  for (const label of name.split('.')) bytes.push(label.length, ...Array.from(label, (char) => char.charCodeAt(0)));
  bytes.push(0, type >> 8, type & 255, 0, 1);
  return Uint8Array.from(bytes);
}

/** Reads the answer to that question. */
export function read(bytes: Uint8Array, name: string, type: number): Message {
  const reader = new Reader(bytes);
  const id = reader.u16();
  if (id !== 0) throw new Error(`the answer's id is ${id}, not 0`);
  const flags = reader.u16();
  if ((flags & 0xf800) !== 0x8000) throw new Error('the message is no answer to a query');
  const status = flags & 15;
  const [questions, answers, authorities, additionals] = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  // Who did not understand the question need not repeat it.
  if (questions !== 1 && (questions !== 0 || status === 0)) throw new Error(`the answer has ${questions} questions, not 1`);
  if (questions === 1) {
    const [asked, kind, family] = [reader.name(), reader.u16(), reader.u16()];
    if (asked !== name || kind !== type || family !== 1) throw new Error(`the answer is to another question, of ${JSON.stringify(asked)}`);
  }
  const truncated = (flags & 0x200) !== 0;
  // What was cut off need not be readable.
  if (truncated) return { status, truncated, answers: [], authorities: [], additionals: [] };
  const section = (count: number) => Array.from({ length: count }, () => reader.record()).filter((record) => record !== undefined);
  return { status, truncated, answers: section(answers), authorities: section(authorities), additionals: section(additionals) };
}

class Reader {
  #at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by so many bytes; where they begin. */
  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.bytes.length) throw new Error(`the answer ends after ${this.bytes.length} bytes, within a record`);
    this.#at += count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** A name of at most 255 bytes. Pointers lead back, ever further, so that it ends. */
  name(): string {
    const labels: string[] = [];
    let [end, from, length] = [-1, this.#at, 0];
    for (;;) {
      const size = this.u8();
      if (size === 0) break;
      if (size < 64) {
        length += size + 1;
        if (length > 254) throw new Error('a name is longer than 255 bytes');
        const at = this.#take(size);
        labels.push(String.fromCharCode(...this.bytes.subarray(at, at + size)).toLowerCase());
      } else {
        if (size < 192) throw new Error(`a label begins with ${size}: neither a length nor a pointer`);
        const to = ((size & 63) << 8) | this.u8();
        if (to >= from) throw new Error(`a name points to byte ${to}, which is not before ${from}`);
        if (end < 0) end = this.#at;
        this.#at = from = to;
      }
    }
    if (end >= 0) this.#at = end;
    return labels.join('.');
  }

  /** A record, or nothing if it is of a type or class that does not matter. */
  record(): DnsRecord | undefined {
    const [name, type, family, ttl, size] = [this.name(), this.u16(), this.u16(), seconds(this.u32()), this.u16()];
    const end = this.#take(size) + size;
    if (family !== 1) return undefined;
    this.#at = end - size;
    const data = this.#data(type, size);
    const known = data !== undefined;
    if (known && this.#at !== end) throw new Error(`a record of type ${type} says that it has ${size} bytes, and has ${this.#at - end + size}`);
    this.#at = end;
    return known ? { name, type, ttl, ...data } : undefined;
  }

  #data(type: number, size: number): Pick<DnsRecord, 'text' | 'numbers'> | undefined {
    switch (type) {
      case A:
        return { text: Array.from({ length: 4 }, () => this.u8()).join('.'), numbers: [] };
      case AAAA:
        return { text: `[${Array.from({ length: 8 }, () => this.u16().toString(16)).join(':')}]`, numbers: [] };
      case CNAME:
        return { text: this.name(), numbers: [] };
      case SRV: {
        const numbers = [this.u16(), this.u16(), this.u16()];
        return { text: this.name(), numbers };
      }
      case SOA: {
        const begin = this.#at;
        this.name();
        this.name();
        this.#take(16);
        if (this.#at - begin > size) throw new Error('a record SOA is longer than it says');
        return { text: '', numbers: [seconds(this.u32())] };
      }
      default:
        return undefined;
    }
  }
}
