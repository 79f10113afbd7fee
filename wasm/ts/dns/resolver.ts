import { ask, bytes, json, SourceError, where, type AskOptions } from '../ask.js';
import * as form from './json.js';
import { asked, found, type Found } from './records.js';
import * as wire from './wire.js';

/** The longest message of DNS, and the longest of its JSON form, in bytes. */
const [MOST, MOST_JSON] = [65_535, 2 ** 20];

/** Asks name servers over HTTPS, one after the other until one knows; the one that knew is asked first from then on. */
export class Resolver {
  #first = 0;

  constructor(
    readonly servers: readonly string[],
    readonly json: boolean,
    readonly options: AskOptions,
  ) {}

  /** @throws {SourceError} if no server knows. */
  async resolve(name: string, type: number): Promise<Found> {
    const failures: string[] = [];
    let wait: number | undefined;
    const first = this.#first;
    for (let i = 0; i < this.servers.length; i++) {
      const index = (first + i) % this.servers.length;
      const server = this.servers[index]!;
      try {
        const answer = await this.#ask(server, name, type);
        this.#first = index;
        return answer;
      } catch (error) {
        const { message, retryAfterMs } = error as SourceError;
        failures.push(message.includes(where(server)) ? message : `${where(server)}: ${message}`);
        if (retryAfterMs !== undefined) wait = Math.min(wait ?? Infinity, retryAfterMs);
      }
    }
    throw new SourceError(`no answer to ${asked(name, type)}: ${failures.join('; ')}`, wait);
  }

  async #ask(server: string, name: string, type: number): Promise<Found> {
    const url = new URL(server);
    if (this.json) {
      url.searchParams.set('name', name);
      url.searchParams.set('type', String(type));
    } else url.searchParams.set('dns', base64url(wire.question(name, type)));
    const headers = new Headers(this.options.headers);
    headers.set('accept', this.json ? 'application/dns-json' : 'application/dns-message');
    return ask(url, { headers }, this.options, [], async (response) => {
      const message = this.json
        ? form.read(await json(response, MOST_JSON), name, type)
        : wire.read(await bytes(response, MOST), name, type);
      const answer = found(message, name, type);
      // What a cache has kept for a while holds for the rest (RFC 8484 §5.1).
      const age = Number(/^\d+$/.exec(response.headers.get('age') ?? '')?.[0] ?? 0);
      return { ...answer, ttl: answer.ttl > 0 ? Math.max(answer.ttl - age, 1) : 0 };
    });
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
