/** Follows an answer's body to its end, so that its request counts as in flight until then. */

/** What becomes of a body. Called once. */
export interface BodyEnd {
  /** It was read, or is not wanted any more. */
  ended(): void;
  /** It broke; returns the error for the reader. */
  broke(error: unknown): unknown;
}

/** How a body is read whole. */
const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/** Whether others than JavaScript read bodies here: servers that are given the response itself. */
const READ_BY_OTHERS =
  typeof (globalThis as { WebSocketPair?: unknown }).WebSocketPair === 'function' ||
  ['EdgeRuntime', 'Deno', 'Bun', 'ServiceWorkerGlobalScope'].some((name) => name in globalThis);

/** The response, whose body is followed. */
export function followed(response: Response, end: BodyEnd): Response {
  if (!response.body) {
    end.ended();
    return response;
  }
  return READ_BY_OTHERS ? wrapped(response, once(end)) : patched(response, once(end));
}

function once({ ended, broke }: BodyEnd): BodyEnd {
  let open = true;
  return {
    ended() {
      if (open) ended();
      open = false;
    },
    broke(error) {
      const told = open ? broke(error) : error;
      open = false;
      return told;
    },
  };
}

/** The same response with a body of ours. */
function wrapped(response: Response, end: BodyEnd): Response {
  const { status, statusText, headers } = response;
  const wrapper = new Response(stream(response.body!, end), { status, statusText, headers });
  for (const name of ['url', 'redirected', 'type'] as const) {
    Object.defineProperty(wrapper, name, { value: response[name], enumerable: true });
  }
  return wrapper;
}

/** The response itself: in Node and in pages only JavaScript reads it, by these methods. This spares a stream around the stream. */
function patched(response: Response, end: BodyEnd): Response {
  let body: ReadableStream | undefined;
  // What was made of our stream once it was asked for.
  let other: Response | undefined;
  const define = (name: string, descriptor: PropertyDescriptor): void => {
    Object.defineProperty(response, name, { configurable: true, ...descriptor });
  };
  const inner = response.body!;
  for (const name of READERS) {
    const read = response[name as 'text'] as (() => Promise<string>) | undefined;
    if (!read) continue;
    define(name, {
      value: async (): Promise<unknown> => {
        if (body) return (other ??= new Response(body, response))[name as 'text']();
        try {
          const value = await read.call(response);
          end.ended();
          return value;
        } catch (error) {
          // JSON that does not parse was read to its end.
          if (error instanceof SyntaxError) end.ended();
          throw error instanceof SyntaxError ? error : end.broke(error);
        }
      },
    });
  }
  const clone = response.clone.bind(response);
  define('clone', {
    // One of the two is followed: the network's body is read as far as the faster one.
    value: (): Response => (body ? (other ??= new Response(body, response)).clone() : clone()),
  });
  let used = false;
  define('body', { get: () => (body ??= stream(inner, end, () => (used = true))) });
  define('bodyUsed', { get: () => (body ? used || other?.bodyUsed === true : bodyUsed!.call(response)) });
  return response;
}

const bodyUsed = Object.getOwnPropertyDescriptor(Response.prototype, 'bodyUsed')?.get;

function stream(inner: ReadableStream, end: BodyEnd, read?: () => void): ReadableStream {
  let reader: ReadableStreamDefaultReader<unknown> | undefined;
  return new ReadableStream(
    {
      async pull(controller) {
        read?.();
        try {
          const { done, value } = await (reader ??= inner.getReader()).read();
          if (!done) return controller.enqueue(value);
          end.ended();
          controller.close();
        } catch (error) {
          controller.error(end.broke(error));
        }
      },
      cancel(reason) {
        read?.();
        end.ended();
        return (reader ??= inner.getReader()).cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
