import { forget_url, keep_url } from './glue.js';
import { writeText } from './memory.js';

/** The URLs of a balancer, which are numbers in the module. */
export class Texts {
  readonly #numbers = new Map<string, number>();
  readonly #urls = new Map<number, string>();

  /** The number of a URL, if it has one. */
  get(url: string): number | undefined {
    return this.#numbers.get(url);
  }

  /** The number of a URL: a new one, if it has none. */
  keep(url: string): number {
    let number = this.#numbers.get(url);
    if (number === undefined) {
      writeText(url);
      number = keep_url();
      this.#numbers.set(url, number);
      this.#urls.set(number, url);
    }
    return number;
  }

  /** The URL that goes by this number. */
  of(number: number): string {
    return this.#urls.get(number) ?? '';
  }

  /** Forgets all but these. */
  retain(urls: readonly string[]): void {
    if (this.#numbers.size <= urls.length) return;
    const kept = new Set(urls);
    for (const [url, number] of this.#numbers) {
      if (kept.has(url)) continue;
      forget_url(number);
      this.#numbers.delete(url);
      this.#urls.delete(number);
    }
  }

  free(): void {
    this.retain([]);
  }
}
