import { LONGEST_TIMER, timeoutError } from './error.js';
import { retryAfter } from './retry_after.js';

/** What a source asks a server with. */
export interface AskOptions {
  /** What asks. Default: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
  /** What is sent with each request. */
  readonly headers?: HeadersInit;
  /** Bounds each request. Default 10000. */
  readonly timeoutMs?: number;
}

/** A source has no list, and may say when to ask again. */
export class SourceError extends Error {
  override readonly name = 'SourceError';

  constructor(
    message: string,
    /** When to ask again, at the earliest, in milliseconds. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Sends a request and has its answer read, within a time.
 *
 * @throws {SourceError} when the status is none of the 2xx, nor one of `also`.
 */
export async function ask<T>(
  url: string | URL,
  init: RequestInit,
  options: AskOptions,
  also: readonly number[],
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const { fetch = globalThis.fetch, timeoutMs = 10_000 } = options;
  const controller = new AbortController();
  const late = () => controller.abort(timeoutError(`no answer from ${where(url)} in ${timeoutMs} ms`));
  const timer = setTimeout(late, Math.min(timeoutMs, LONGEST_TIMER));
  try {
    const response = await fetch(url, { ...init, signal: controller.signal });
    if (response.ok || also.includes(response.status)) return await read(response);
    void response.body?.cancel().catch(() => undefined);
    throw new SourceError(`${where(url)} answered ${response.status}`, retryAfter(response.headers, Date.now()));
  } finally {
    clearTimeout(timer);
  }
}

/** A URL without what may be secret in it. */
export function where(url: string | URL): string {
  return String(url).replace(/[?#].*$/s, '');
}

/** Reads a body of at most so many bytes. */
export async function bytes(response: Response, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done || value === undefined) break;
    parts.push(value);
    length += value.length;
    if (length <= most) continue;
    void reader?.cancel().catch(() => undefined);
    throw new SourceError(`the answer is longer than ${most} bytes`);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Reads JSON of at most so many bytes. */
export async function json(response: Response, most: number): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await bytes(response, most)));
}
