/** What lives in the module behind a number goes when its owner here does. */
const registry = typeof FinalizationRegistry === 'function' ? new FinalizationRegistry<() => void>((free) => free()) : undefined;

/** Frees what `owner` stands for once nobody holds that any more; `free` must not hold it either. */
export function freeWith(owner: object, free: () => void): void {
  registry?.register(owner, free, owner);
}

/** It has been freed. */
export function isFree(owner: object): void {
  registry?.unregister(owner);
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
