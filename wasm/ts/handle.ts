/** What lives in the module behind a number, or is under way for somebody, goes when its owner here does. */
const registry =
  typeof FinalizationRegistry === 'function'
    ? new FinalizationRegistry<() => void>((free) => {
        try {
          free();
        } catch {
          // A clock that throws: what is under way stays so.
        }
      })
    : undefined;

/** Frees what `owner` stands for once nobody holds that any more; neither `free` nor `token`, if it is another, must hold it. */
export function freeWith(owner: object, free: () => void, token = owner): void {
  registry?.register(owner, free, token);
}

/** It has been freed. */
export function isFree(token: object): void {
  registry?.unregister(token);
}

/** What several may free: the first who does, does. */
export class Once {
  #free: (() => void) | undefined;

  constructor(free: () => void) {
    this.#free = free;
  }

  free(): void {
    this.#free?.();
    this.#free = undefined;
  }
}
