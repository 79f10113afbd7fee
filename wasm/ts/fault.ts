import { CONFIG_ERRORS, PARAMETER_ERRORS, SETTINGS, STATE_ERRORS } from './generated.js';
import { fault } from './glue.js';
import { readBytes, readNumbers } from './memory.js';
import type { FaultKind } from './parts.js';

const TEXTS: Readonly<Record<FaultKind, readonly string[]>> = { parameter: PARAMETER_ERRORS, setting: CONFIG_ERRORS, state: STATE_ERRORS };

/** Throws what the module finds wrong, if anything. */
export function throwFault(balancer: number, kind: FaultKind): void {
  const length = fault(balancer);
  if (length < 0) return;
  const halves = readNumbers(8);
  const [index, ...numbers] = [0, 2, 4, 6].map((at) => (BigInt(halves[at]!) << 32n) | BigInt(halves[at + 1]!));
  throw new RangeError(fill(TEXTS[kind][Number(index)]!, facts(new TextDecoder().decode(readBytes(length)), numbers)));
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
