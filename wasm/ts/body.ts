/** Follows an answer's body to its end, so that its request counts as in flight until then. */
import { isResponse } from './judge.js';

/** What becomes of a body. */
export interface BodyEnd {
  /** Somebody reads it without the response: it is not dropped with that. */
  begun(): void;
  /** Somebody waits for a piece, for which there is a limit; returns how to end that. */
  readonly waits: (() => () => void) | undefined;
  /** It was read, or is not wanted any more. */
  ended(): void;
  /**
   * It broke, perhaps before its reader had anything of it: another answer to the same request, or the error for the reader. It is `lost` where
   * no fault of the reader's can be the cause.
   */
  broke(error: unknown, untouched: boolean, lost: boolean): Promise<Response>;
}

/** How a body is read whole. */
const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/** Whether others than JavaScript read bodies here: servers that are given the response itself. */
const READ_BY_OTHERS =
  typeof (globalThis as { WebSocketPair?: unknown }).WebSocketPair === 'function' ||
  ['EdgeRuntime', 'Deno', 'Bun', 'ServiceWorkerGlobalScope'].some((name) => name in globalThis);

/** The response, whose body is followed; there is one. */
export function followed(response: Response, end: BodyEnd): Response {
  return wraps(response) ? wrapped(response, end) : patched(response, end);
}

/** Whether a value is a response that stays what it is when it is followed: a wrapped one of another class would be none of that any more. */
export function isOwn(value: Response): boolean {
  return isResponse(value) && (Object.getPrototypeOf(value) === Response.prototype || !wraps(value));
}

/** Whether it needs another one around it: it may have a body of its own, and one that is followed is followed from outside. */
function wraps(response: Response): boolean {
  if (READ_BY_OTHERS || READING in response) return true;
  try {
    return !native(Object.getPrototypeOf(response) as Response, 'body', response);
  } catch {
    return true;
  }
}

/** The same response with a body of ours. */
function wrapped(response: Response, end: BodyEnd): Response {
  // Who holds no more than the stream holds both, too: nets, ours and undici's, are for those who hold nothing.
  const wrapper: Response = remade(response, stream(response.body!, end, () => [wrapper, response]));
  const mocked = Object.hasOwn(response, 'body');
  // What clients put on it, as ky does with `json`. What a mock does with its body is done by that of ours.
  for (const [name, value] of Object.entries(response)) {
    if (!(mocked && name in wrapper)) put(wrapper, name, value);
  }
  return wrapper;
}

function put(made: Response, name: string, value: unknown): void {
  Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true });
}

function remade(response: Response, body: ReadableStream): Response {
  const { status, statusText, headers } = response;
  return named(response, new Response(body, { status, statusText, headers }));
}

/** Gives a response what none that is made has. */
function named(response: Response, made: Response): Response {
  for (const name of ['url', 'redirected', 'type'] as const) put(made, name, response[name]);
  return made;
}

/** The response itself: in Node and in pages only JavaScript reads it, by its methods. This spares a stream around the stream. */
function patched(response: Response, end: BodyEnd): Response {
  // It may be of a class that is not the global one.
  const own = Object.getPrototypeOf(response) as Response;
  let prototype = FOLLOWED.get(own);
  if (!prototype) FOLLOWED.set(own, (prototype = followedOf(own)));
  Object.setPrototypeOf(response, prototype);
  return Object.defineProperty(response, READING, { value: new Reading(response, own, end) });
}

const READING = Symbol('evenkeel');

/** How far a response has been read. */
class Reading {
  #body: ReadableStream | undefined;
  /** What was made of our stream. */
  #other: Response | undefined;
  #used = false;

  constructor(
    readonly response: Response,
    /** The response's prototype without us. */
    readonly own: Response,
    readonly end: BodyEnd,
  ) {}

  get body(): ReadableStream | null {
    if (this.#gone) return native(this.own, 'body', this.response);
    return this.#other ? this.#other.body : this.#stream();
  }

  get used(): boolean {
    return this.#other?.bodyUsed ?? (this.#used || (!this.#body && native(this.own, 'bodyUsed', this.response)));
  }

  /** It was read whole: fetch itself says what becomes of whatever else is asked of it. */
  get #gone(): boolean {
    return this.#used && !this.#body;
  }

  /** Both are read through our stream, whichever of them is. */
  clone(): Response {
    const { response, own } = this;
    return this.#gone ? own.clone.call(response) : named(response, this.#streamed().clone());
  }

  async read(name: 'text'): Promise<unknown> {
    const { end, own, response } = this;
    if (this.#gone) return own[name].call(response);
    end.begun();
    if (this.#body) return this.#streamed()[name]();
    this.#used = true;
    // The limit is for each piece, and the body is asked for again whole.
    const pieces = { ...end, ended() {}, broke(error: unknown): never { throw error; } };
    const source = end.waits ? remade(response, stream(native(own, 'body', response)!, pieces, () => undefined)) : response;
    try {
      const value = await own[name].call(source);
      end.ended();
      return value;
    } catch (error) {
      return (await end.broke(error, true, false))[name]();
    }
  }

  #stream(): ReadableStream {
    const { response, own, end } = this;
    return (this.#body ??= stream(native(own, 'body', response)!, end, () => (this.#used = true)));
  }

  #streamed(): Response {
    return (this.#other ??= remade(this.response, this.#stream()));
  }
}

/** What a response says without us. */
function native<Name extends 'body' | 'bodyUsed'>(own: Response, name: Name, response: Response): Response[Name] {
  return Reflect.get(own, name, response) as Response[Name];
}

/** By the prototype of a response: properties of each response would cost more than what they follow. */
const FOLLOWED = new WeakMap<Response, object>();

function followedOf(prototype: Response): object {
  type Followed = { [READING]: Reading };
  const own: PropertyDescriptorMap = {
    body: { get(this: Followed) { return this[READING].body; } },
    bodyUsed: { get(this: Followed) { return this[READING].used; } },
    clone: { value(this: Followed) { return this[READING].clone(); } },
  };
  for (const name of READERS) {
    if (name in prototype) own[name] = { value(this: Followed) { return this[READING].read(name as 'text'); } };
  }
  return Object.create(prototype, own) as object;
}

/** Whether a stream gives bytes into buffers of its reader, as those of the network do, but not everywhere. */
function givesBytes(stream: ReadableStream): boolean {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

/** A stream of ours around the network's. It holds what `read` does, so that who drops its reader has dropped the response. */
function stream(inner: ReadableStream, end: BodyEnd, read: () => unknown): ReadableStream {
  let reader: ReadableStreamDefaultReader<unknown> | undefined;
  let [untouched, asked, canceled] = [true, false, false];
  const source = {
    async pull(controller: ReadableByteStreamController): Promise<void> {
      read();
      let lost = false;
      const came = end.waits?.();
      try {
        reader ??= inner.getReader();
        // The reader is ours: what it throws is the network's, however that is worded.
        lost = true;
        const { done, value } = await reader.read();
        lost = false;
        if (!done) controller.enqueue(value as Uint8Array<ArrayBuffer>);
        untouched &&= done;
        if (!done) return;
        end.ended();
        controller.close();
        // Who reads into a buffer waits for that.
        controller.byobRequest?.respond(0);
      } catch (error) {
        asked = true;
        try {
          reader = (await end.broke(error, untouched, lost)).body!.getReader();
        } catch (told) {
          return controller.error(told);
        }
        untouched = asked = false;
        // Nobody wants the other answer any more.
        if (canceled) return void reader.cancel().catch(() => undefined);
        return await source.pull(controller);
      } finally {
        came?.();
      }
    },
    async cancel(reason: unknown): Promise<void> {
      read();
      end.ended();
      canceled = true;
      if (!asked) await (reader ??= inner.getReader()).cancel(reason);
    },
  };
  if (givesBytes(inner)) return new ReadableStream({ ...source, type: 'bytes' });
  return new ReadableStream(source as unknown as UnderlyingDefaultSource, { highWaterMark: 0 });
}
