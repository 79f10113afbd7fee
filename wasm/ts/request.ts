import { must, text } from './check.js';
import { IDEMPOTENCY_KEY, type Repeat } from './generated.js';
import { refuseAborted } from './listeners.js';
import { path } from './url.js';

/** A body, as fetch takes it, or a function that makes it anew for each attempt: for streams. */
export type Body = BodyInit | null | (() => BodyInit | null);

/** What `fetch` sends, whichever endpoint gets it. */
export interface Outgoing {
  readonly path: string;
  readonly repeat: Repeat;
  /**
   * Whether it may be done twice at the same time, and after an answer whose body broke: by itself, and not because `retry.methods` names its
   * method.
   */
  readonly anytime: boolean;
  readonly signal: AbortSignal | null | undefined;
  /** What an attempt's fetch is told, but for its signal. */
  init(): RequestInit;
}

/** Whether it is a `Request`, of whichever class: clients have their own. */
export function isRequest(value: unknown): value is Request {
  return typeof (value as Request | null | undefined)?.clone === 'function';
}

/** Whether it may be sent again is what the caller says, or else by the method and the headers. */
export function outgoing(
  input: RequestInfo | URL,
  init: Record<string, unknown>,
  said: boolean | undefined,
  methods: readonly string[],
): Outgoing | Promise<Outgoing> {
  if (isRequest(input)) return ofRequest(input, init, said, methods);
  must(typeof input === 'string' || input instanceof URL, 'the request', 'a path, a URL or a Request', input);
  return ofParts(path(input), init, said, methods);
}

function ofParts(path: string, init: Record<string, unknown>, said: boolean | undefined, methods: readonly string[]): Outgoing {
  const { body, signal, method = 'GET', ...rest } = init;
  const name = normal(text('method', method));
  const made = typeof body === 'function';
  const once = !made && isStream(body);
  const headers = rest['headers'] as Iterator<string[]> & Iterable<string[]> | null | undefined;
  // What is read once would be without any at the second attempt.
  if (typeof headers?.next === 'function') rest['headers'] = [...headers];
  const idempotent = said ?? (has(rest['headers'], IDEMPOTENCY_KEY) || undefined);
  const repeat = once ? 'never' : (idempotent ?? methods.includes(name)) ? 'idempotent' : 'sequential';
  return {
    path,
    repeat,
    anytime: repeat === 'idempotent' && (idempotent ?? SAFE.includes(name)),
    signal: signal as AbortSignal | null | undefined,
    init() {
      const next: unknown = made ? (body as () => unknown)() : body;
      if (next instanceof Promise) throw new TypeError('body must give no promise');
      const sent: Record<string, unknown> = { ...rest, method: name };
      if (next !== undefined && next !== null) sent['body'] = next;
      if (isStream(next)) sent['duplex'] ??= 'half';
      return sent as RequestInit;
    },
  };
}

/** A `Request` belongs to its URL, so each attempt has one of its own; its body is read once. */
async function ofRequest(
  input: Request,
  init: Record<string, unknown>,
  said: boolean | undefined,
  methods: readonly string[],
): Promise<Outgoing> {
  const request: Request & Record<string, unknown> = input as never;
  const parts: Record<string, unknown> = { headers: new Headers(input.headers), signal: input.signal };
  for (const name of COPIED) {
    const value = request[name];
    if (![undefined, '', 'about:client', 'navigate'].includes(value as string)) parts[name] = value;
  }
  // What is undefined says nothing; of a body, nor does null.
  for (const [name, value] of Object.entries(init)) if (value !== undefined) parts[name] = value;
  refuseAborted(parts['signal'] as AbortSignal | null);
  parts['body'] ??= input.body && (await input.arrayBuffer());
  return ofParts(path(input.url), parts, said, methods);
}

/** What a `Request` says besides; `cf` in Workers. */
const COPIED = 'method mode credentials cache redirect referrer referrerPolicy integrity keepalive cf'.split(' ');

/**
 * A PUT or DELETE is idempotent alone: others may have written between its two attempts, and the second of two DELETEs is told that there is nothing.
 * RFC 9110 §9.2.2 has clients repeat them by themselves only where there was no answer.
 */
const SAFE = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

/** Fetch's spelling of a method: it corrects six of them. */
function normal(name: string): string {
  const upper = name.toUpperCase();
  return ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'].includes(upper) ? upper : name;
}

function has(headers: unknown, name: string): boolean {
  // Clients have classes of their own.
  const own = headers as Headers | undefined;
  if (typeof own?.has === 'function') return own.has(name);
  const names = Array.isArray(headers) ? headers.map((pair: readonly unknown[] | null) => pair?.[0]) : Object.keys(headers ?? {});
  return names.some((other) => String(other).toLowerCase() === name);
}

/** A body that can be read once: a stream, or what Node takes for one. */
function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return (typeof ReadableStream === 'function' && body instanceof ReadableStream) || Symbol.asyncIterator in body;
}
