import { SETTINGS } from './generated.js';
import type { Balancer as WasmBalancer } from './glue.js';

/** Throws what the wasm side finds wrong, if anything; `texts` are those of its kind, by number. */
export function throwFault(wasm: WasmBalancer, texts: readonly string[]): void {
  const name = wasm.fault_name();
  const [index, ...numbers] = wasm.fault();
  if (index !== undefined) throw new RangeError(fill(texts[Number(index)]!, facts(name, numbers)));
}

/** Fills the gaps of a text. */
export function fill(text: string, facts: Readonly<Record<string, unknown>>): string {
  return text.replace(/\{(\w+)\}/g, (_, gap: string) => String(facts[gap]));
}

/** A setting goes by its name and in its unit here; of all else, numbers are as they are. */
function facts(name: string, numbers: readonly bigint[]): Record<string, unknown> {
  const setting = SETTINGS.find(([known]) => known === name.split(' ')[0]);
  if (setting) return { name: setting[1], ...numbers.map((number) => Number(number) / setting[5]) };
  const [x0, x1] = numbers.map((number) => number.toString(16).padStart(16, '0'));
  return { name, x0, x1, ...numbers };
}
