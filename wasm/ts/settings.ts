import * as check from './check.js';
import { BOOKS, PRESETS, SETTINGS } from './generated.js';
import type { Levels, OutlierDetection, OutlierPreset, Settings } from './generated.js';
import { known } from './spelling.js';

export type { FailurePercentage, Latency, Levels, OutlierDetection, OutlierPreset, SuccessRate } from './generated.js';

/** Who may be picked, and what is learned of answers. Each option is a setting of the core. */
export interface BalancerConfig extends Omit<Settings, 'levels' | 'outlierDetection'> {
  /**
   * How priorities share the requests: the first that has an endpoint to offer gets all (the default), or each gets what
   * it can take and leaves the rest to the next (Envoy's levels with overprovisioning, by 140 %, and panic).
   */
  readonly levels?: 'first_available' | 'overprovisioned' | Levels;
  /** When endpoints that fail are left out: a preset, a preset with changes, or `false` for never. Default `evenkeel`. */
  readonly outlierDetection?: OutlierPreset | OutlierDetection | false;
}

/** The settings that are given, by their numbers in the core, as numbers of the core. */
export function pairs(config: BalancerConfig, zoneNumber: (name: string) => number): (readonly [setting: number, number: number])[] {
  const { outlierDetection: said = 'evenkeel', levels: shared = 'first_available' } = check.object('config', config);
  const outlierDetection = rules(said);
  const given: unknown = { ...config, levels: levels(shared), outlierDetection };
  const result = [...PRESETS[outlierDetection.base]];
  SETTINGS.forEach(([, path, kind, least, most, unit], setting) => {
    const value = find(given, path);
    if (value === undefined) return;
    switch (kind) {
      case 'flag':
        result.push([setting, Number(typeof value === 'object' || check.flag(path, value))]);
        break;
      case 'count':
      case 'time': {
        const number = unit === 1 ? check.integer(path, value, least, most) : check.number(path, value, least, most);
        result.push([setting, Math.round(number * unit)]);
        break;
      }
      case 'zone':
        result.push([setting, zoneNumber(check.text(path, value))]);
        break;
      case 'book': // The presets say it.
        break;
    }
  });
  return result;
}

/** What stands at a path, if it is there. */
function find(given: unknown, path: string): unknown {
  let [at, name] = [given, ''];
  for (const key of path.split('.')) {
    // A group that is a switch says nothing of what is in it.
    if (at === undefined || typeof at === 'boolean') return undefined;
    at = (check.object(name, at) as Record<string, unknown>)[key];
    name = name === '' ? key : `${name}.${key}`;
  }
  return at;
}

function levels(value: BalancerConfig['levels']): Levels | undefined {
  if (value === 'first_available') return undefined;
  if (value !== 'overprovisioned' && (typeof value !== 'object' || value === null)) {
    throw new RangeError(`levels must be "first_available" or "overprovisioned", not ${check.show(value)}`);
  }
  return { overprovisioningFactor: ENVOYS_FACTOR, ...(value === 'overprovisioned' ? {} : value) };
}

function rules(value: OutlierPreset | OutlierDetection | false): OutlierDetection & { readonly base: OutlierPreset } {
  if (typeof value !== 'object') return rules({ base: value === false ? 'off' : text(value) });
  const { base = 'evenkeel', failurePercentage } = check.object('outlierDetection', value);
  if (!BOOKS.includes(base)) {
    throw new RangeError(`outlierDetection must be one of ${BOOKS.join(', ')}, false or an object, not ${check.show(base)}`);
  }
  if (failurePercentage === undefined || typeof failurePercentage === 'object') return { ...value, base };
  const on = check.flag('outlierDetection.failurePercentage', failurePercentage);
  return { ...value, base, failurePercentage: on ? {} : { threshold: 0 } };
}

function text(value: OutlierPreset | true): OutlierPreset {
  check.must(typeof value === 'string', 'outlierDetection', 'an object', value);
  return value;
}

const ENVOYS_FACTOR = 140;

const PATHS = SETTINGS.map(([, path]) => path);

/** The names of settings, and of the groups that they are in, as `createBalancer` has them. */
export const OPTIONS: readonly string[] = [...new Set(PATHS.map((path) => path.split('.')[0]!.replace('outlierDetection', 'eject')))].filter((name) => name !== 'seed');

/** Refuses what is not known within a group. */
export function checkGroup(group: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const within = PATHS.map((path) => path.replace('outlierDetection', 'eject')).filter((path) => path.startsWith(`${group}.`));
  known(group, value, [...new Set(within.map((path) => path.slice(group.length + 1).split('.')[0]!))]);
  for (const [key, part] of Object.entries(value)) checkGroup(`${group}.${key}`, part);
}
