import { show } from './check.js';
import { fill } from './fault.js';
import { PARAMETERS, POLICIES, POLICY_ERRORS, type PolicyName } from './generated.js';

/** A policy's name, perhaps with parameters in brackets: `least_request(full_scan)`, `maglev(size=251)`. */
export type Policy = PolicyName | `${PolicyName}(${string})`;

/** The policy's number in the core, and the numbers of its parameters that are given. */
export function parse(policy: string): [index: number, first: bigint | undefined, second: bigint | undefined] {
  const [start, list] = split(policy.trim(), '(');
  if (list !== undefined && !list.endsWith(')')) refuse('unclosed', { name: kept(policy) });
  const name = POLICIES.find((known) => known === start);
  if (name === undefined) refuse('unknownPolicy', { name: kept(policy) });
  const index = POLICIES.indexOf(name);
  const known: readonly string[] = PARAMETERS[index]!;
  const given: (bigint | undefined)[] = [undefined, undefined];
  for (const parameter of (list ?? '').replace(/\)$/, '').split(',').map((text) => text.trim())) {
    if (parameter === '') continue;
    const [name, value] = split(parameter, '=');
    const place = known.indexOf(name);
    const flag = name === 'full_scan';
    if (place < 0 || (flag && value !== undefined)) {
      const facts = { policy: start, name: kept(parameter), known: known.join(', ') };
      refuse(known.length > 0 ? 'unknownParameter' : 'noParameters', facts);
    }
    const number = flag ? 1n : whole(name, value ?? '');
    if (given[place] !== undefined && !flag) refuse('twice', { name });
    given[place] = number;
  }
  return [index, given[0], given[1]];
}

/** What is before and behind the first mark; nothing is behind it where there is none. */
function split(text: string, mark: string): [before: string, behind: string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at).trimEnd(), text.slice(at + 1).trimStart()];
}

function whole(name: string, value: string): bigint {
  if (!/^\+?\d+$/.test(value)) refuse('notANumber', { name, value: kept(value) });
  const number = BigInt(value.replace('+', ''));
  return number < 2n ** 64n ? number : refuse('notANumber', { name, value: kept(value) });
}

/** As much of a faulty text as its error repeats. */
function kept(text: string): string {
  return show(text.slice(0, 32));
}

function refuse(error: keyof typeof POLICY_ERRORS, facts: Readonly<Record<string, string>>): never {
  throw new RangeError(fill(POLICY_ERRORS[error], facts));
}
