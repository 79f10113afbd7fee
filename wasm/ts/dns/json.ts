import * as check from '../check.js';
import { A, AAAA, CNAME, SOA, SRV, TYPES, seconds, type DnsRecord, type Message } from './message.js';

/** The JSON form of DNS answers, as Cloudflare and Google give them; no standard says what it is. Whatever is wrong with it throws. */
export function read(json: unknown, name: string, type: number): Message {
  const { Status, TC, Question, Answer, Authority, Additional } = object('the answer', json);
  const asked = Question === undefined ? undefined : object('the question', list('Question', Question)[0]);
  if (asked && (lower(asked['name']) !== name || asked['type'] !== type)) {
    throw new Error(`the answer is to another question than ${name} ${TYPES[type]}`);
  }
  const section = (what: string, records: unknown) =>
    list(what, records ?? [])
      .map((record) => read1(object(`a record in ${what}`, record)))
      .filter((record) => record !== undefined);
  return {
    status: integer('Status', Status, 4095),
    truncated: TC === true,
    answers: section('Answer', Answer),
    authorities: section('Authority', Authority),
    additionals: section('Additional', Additional),
  };
}

/** A record, or nothing if it is of a type that does not matter. */
function read1(record: Readonly<Record<string, unknown>>): DnsRecord | undefined {
  const type = integer('type', record['type'], 65_535);
  if (![A, AAAA, CNAME, SOA, SRV].includes(type as typeof A)) return undefined;
  const { name, TTL, data } = record;
  if (typeof data !== 'string') throw new Error(`the data of a record must be a string, not ${JSON.stringify(data)}`);
  const head = { name: lower(name), type, ttl: seconds(integer('TTL', TTL, 2 ** 32 - 1)) };
  const words = data.trim().split(/\s+/);
  switch (type) {
    case A:
      if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(data) || !check.parses(`http://${data}`)) break;
      return { ...head, text: data, numbers: [] };
    case AAAA:
      if (!/^[\da-f:.]+$/i.test(data) || !check.parses(`http://[${data}]`)) break;
      return { ...head, text: `[${data}]`, numbers: [] };
    case CNAME:
      return { ...head, text: lower(data), numbers: [] };
    case SRV:
      if (words.length !== 4) break;
      return { ...head, text: lower(words[3]), numbers: words.slice(0, 3).map((word) => integer('data of SRV', decimal(word), 65_535)) };
    case SOA:
      return { ...head, text: '', numbers: [seconds(integer('data of SOA', decimal(words.at(-1)!), 2 ** 32 - 1))] };
  }
  throw new Error(`a record of type ${type} has the data ${JSON.stringify(data)}`);
}

function object(what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new Error(`${what} must be an object, not ${JSON.stringify(value)}`);
  return value as Record<string, unknown>;
}

function list(what: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} must be an array, not ${JSON.stringify(value)}`);
  return value;
}

function integer(what: string, value: unknown, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new Error(`${what} must be an integer in 0..=${most}, not ${JSON.stringify(value)}`);
}

function decimal(word: string): number {
  return /^\d{1,10}$/.test(word) ? Number(word) : NaN;
}

/** A name as it is compared. */
function lower(name: unknown): string {
  if (typeof name !== 'string') throw new Error(`a name must be a string, not ${JSON.stringify(name)}`);
  return name.toLowerCase().replace(/\.$/, '');
}
