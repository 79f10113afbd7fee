import { adopt } from './glue.js';
import { use } from './memory.js';
import type { Parts } from './parts.js';

/** What a module has beside its functions. */
interface Exports {
  readonly memory: WebAssembly.Memory;
}

/** Why nothing can be made yet, if so. */
let hindrance: { readonly text: string; readonly cause?: unknown } | undefined = { text: 'evenkeel is not started: call init of evenkeel/slim first' };

/** What the module has that was started. */
let parts: Parts | undefined;

/** Something has been made in it: another one cannot take its place any more. */
let inUse = false;

/** Starts the module, from its bytes or compiled, which has these parts. A page that imports several entries has the largest. */
export function start(module: WebAssembly.Module | BufferSource, its: Parts): void {
  if (!wants(its)) return;
  const { exports } = new WebAssembly.Instance(module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module));
  become(exports as unknown as Exports, its);
}

/** Takes what stands for a module that was started. */
export function startAs(exports: Exports, its: Parts): void {
  if (wants(its)) become(exports, its);
}

/** Starts it where that may be forbidden: who imports the package learns of it when it is used, and not before. */
export function tryStart(module: () => WebAssembly.Module | BufferSource, its: Parts): void {
  try {
    if (wants(its)) start(module(), its);
  } catch (cause) {
    hindrance = { text: "evenkeel cannot start its WebAssembly: a Content-Security-Policy must allow 'wasm-unsafe-eval', or import evenkeel/asm", cause };
  }
}

/**
 * What the module has.
 *
 * @throws {Error} if it did not start.
 */
export function started(): Parts {
  if (!parts) throw new Error(hindrance?.text, { cause: hindrance?.cause });
  inUse = true;
  return parts;
}

function wants(its: Parts): boolean {
  return !parts || (its.complete && !parts.complete && !inUse);
}

function become(exports: Exports, its: Parts): void {
  adopt(exports);
  use(exports.memory);
  parts = its;
}
