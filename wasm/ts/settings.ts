import * as check from './check.js';

/** Who may be picked. */
export interface BalancerConfig {
  /**
   * How priorities share the requests: the first that has an endpoint to offer gets all (the default), or each gets what
   * it can take and leaves the rest to the next (Envoy's levels with overprovisioning and panic).
   */
  readonly levels?: 'first_available' | 'overprovisioned' | OverprovisionedLevels;
  /** The most endpoints of each priority that are used, 1..=4294967295; which ones follows from the seed. Default: all. */
  readonly subset?: number;
  /** The client's own zone, which is preferred as far as that keeps the load even. Default: zones do not matter. */
  readonly zone?: string;
  /** How long an endpoint that comes later, or comes back, gets less than its share, growing in tenths. Default: not at all. */
  readonly slowStartMs?: number;
  /** When endpoints that fail are left out: a preset, a preset with changes, or `false` for never. Default `evenkeel`. */
  readonly outlierDetection?: OutlierPreset | OutlierDetection | false;
  /** The longest that an overloaded endpoint is left alone when it asks for it, 0..=86400000; 0 = not at all. Default 300000. */
  readonly maxRetryAfterMs?: number;
  /** How answer times are averaged, for `peak_ewma`. */
  readonly latency?: LatencyOptions;
}

export interface OverprovisionedLevels {
  /** What a priority could take with all its endpoints available, in percent of what it has to, 100..=65535. Default 140. */
  readonly overprovisioningFactor?: number;
  /** Below which percentage of available endpoints a priority uses all of them, 0..=100; 0 = never. Default 50. */
  readonly panicThreshold?: number;
}

export interface LatencyOptions {
  /** How fast the past is forgotten, 1..=86400000. Default 10000. */
  readonly tauMs?: number;
  /** Estimates below this count as this, 0..=86400000. Default 1. */
  readonly floorMs?: number;
  /** A failure counts as an answer after this time, if it came sooner, 0..=86400000. Default 200. */
  readonly failurePenaltyMs?: number;
}

/** Whose rules and defaults: ours, Envoy's, or those of gRPC's proposal A50. */
export type OutlierPreset = 'evenkeel' | 'envoy' | 'grpc';

/** A preset with changes; defaults are those of `evenkeel`. */
export interface OutlierDetection {
  /** What the rest changes. Default `evenkeel`. */
  readonly base?: OutlierPreset;
  /** Failures in a row that eject, 0..=65535; 0 = never. Default 5. */
  readonly consecutiveFailures?: number;
  /** Ejects for too large a share of failures; `false` = never. */
  readonly failurePercentage?: FailurePercentage | boolean;
  /** Ejects for a success rate far below the others'; `false` = never. Default `false`. */
  readonly successRate?: SuccessRate | boolean;
  /** How long outcomes are counted, 1..=86400000. Default 10000. */
  readonly intervalMs?: number;
  /** How long the first ejection takes, 1..=86400000; each later one longer. Default 5000. */
  readonly baseEjectionMs?: number;
  /** The longest that one takes, at most 86400000, and with `evenkeel` at least `baseEjectionMs`. Default 300000. */
  readonly maxEjectionMs?: number;
  /** Up to which time one is prolonged at random, 0..=86400000. Default 0. */
  readonly maxEjectionJitterMs?: number;
  /** The largest share of the endpoints that may be ejected, 0..=100. Default 30. */
  readonly maxEjectionPercent?: number;
  /** Whether one may be ejected even if that is a larger share. Default true. */
  readonly alwaysEjectOne?: boolean;
  /** Whether one request decides if an endpoint comes back when its time is over. Default true. */
  readonly halfOpen?: boolean;
  /** When such a request without an answer counts as failed, 1..=86400000. Default 10000. */
  readonly probeTimeoutMs?: number;
}

export interface FailurePercentage {
  /** The percentage, 1..=100. Default 85. */
  readonly threshold?: number;
  /** How many of 100 endpoints that crossed it are ejected, 0..=100. Default 100. */
  readonly enforcement?: number;
  /** With Envoy's and gRPC's rules, judged only when so many endpoints have the volume. */
  readonly minimumHosts?: number;
  /** Requests in an interval below which an endpoint is not judged. Default 20. */
  readonly requestVolume?: number;
  /** Failures in an interval below which an endpoint is not judged. Default 5. */
  readonly minimumFailures?: number;
}

export interface SuccessRate {
  /** How many standard deviations below the mean, 0..=1000. Default 1.9. */
  readonly stdevFactor?: number;
  /** A success rate of this percentage or more is never an outlier, 1..=100; 100 = no such floor. Default 90. */
  readonly floor?: number;
  /** How many of 100 endpoints that crossed it are ejected, 0..=100. Default 100. */
  readonly enforcement?: number;
  /** Judged only when so many endpoints have the volume. Default 5. */
  readonly minimumHosts?: number;
  /** Requests in an interval below which an endpoint is not judged. Default 100. */
  readonly requestVolume?: number;
  /** Failures in an interval below which an endpoint is not judged. Default 5. */
  readonly minimumFailures?: number;
}

/** The settings as numbers in the order in which the wasm side reads them; NaN for what is left out. */
export function numbers(config: BalancerConfig, zoneNumber: (name: string) => number): Float64Array {
  const { subset, zone, slowStartMs, maxRetryAfterMs, outlierDetection = 'evenkeel' } = check.object('config', config);
  const { tauMs, floorMs, failurePenaltyMs } = check.object('latency', config.latency ?? {});
  return Float64Array.of(
    ...levels(config.levels ?? 'first_available'),
    integer('subset', subset, 1, U32),
    zone === undefined ? NaN : zoneNumber(check.text('zone', zone)),
    slowStartMs === undefined ? NaN : check.positive('slowStartMs', slowStartMs),
    number('maxRetryAfterMs', maxRetryAfterMs, 0, DAY),
    number('latency.tauMs', tauMs, 1, DAY),
    number('latency.floorMs', floorMs, 0, DAY),
    number('latency.failurePenaltyMs', failurePenaltyMs, 0, DAY),
    ...outliers(outlierDetection),
  );
}

function levels(value: BalancerConfig['levels']): number[] {
  if (value === 'first_available') return [NaN, NaN];
  if (value !== 'overprovisioned' && (typeof value !== 'object' || value === null)) {
    throw new RangeError(`levels must be "first_available" or "overprovisioned", not ${check.show(value)}`);
  }
  const given: OverprovisionedLevels = value === 'overprovisioned' ? {} : value;
  const { overprovisioningFactor = 140, panicThreshold = 50 } = given;
  const factor = check.integer('levels.overprovisioningFactor', overprovisioningFactor, 100, 0xffff);
  return [factor, check.integer('levels.panicThreshold', panicThreshold, 0, 100)];
}

function outliers(value: OutlierPreset | OutlierDetection | false): number[] {
  if (value === false) return [NEVER];
  const rules: OutlierDetection = typeof value === 'string' ? { base: value } : check.object('outlierDetection', value);
  const { base = 'evenkeel', failurePercentage, successRate } = rules;
  if (!Object.hasOwn(PRESETS, base)) {
    const known = Object.keys(PRESETS).join(', ');
    throw new RangeError(`outlierDetection must be one of ${known}, false or an object, not ${check.show(base)}`);
  }
  const time = (name: keyof OutlierDetection, least: number): number => number(`outlierDetection.${name}`, rules[name], least, DAY);
  const flag = (name: keyof OutlierDetection): number =>
    rules[name] === undefined ? NaN : Number(check.flag(`outlierDetection.${name}`, rules[name]));
  const least = base === 'evenkeel' ? (rules.baseEjectionMs ?? 5000) : 0;
  return [
    PRESETS[base],
    integer('outlierDetection.consecutiveFailures', rules.consecutiveFailures, 0, 0xffff),
    time('intervalMs', 1),
    time('baseEjectionMs', 1),
    time('maxEjectionMs', least),
    time('maxEjectionJitterMs', 0),
    time('probeTimeoutMs', 1),
    integer('outlierDetection.maxEjectionPercent', rules.maxEjectionPercent, 0, 100),
    flag('alwaysEjectOne'),
    flag('halfOpen'),
    ...rule('failurePercentage', failurePercentage, [['threshold', 1, 100], ['enforcement', 0, 100]]),
    ...rule('successRate', successRate, [['floor', 1, 100], ['enforcement', 0, 100], ['stdevFactor', 0, 1000, 1000]]),
  ];
}

/** Whether it is on, its own numbers (some in thousandths), and those that every rule has. */
function rule(name: string, value: unknown, own: readonly [name: string, least: number, most: number, unit?: number][]): number[] {
  const counts = ['minimumHosts', 'requestVolume', 'minimumFailures'] as const;
  if (typeof value !== 'object' || value === null) {
    const on = value === undefined ? NaN : Number(check.flag(`outlierDetection.${name}`, value));
    return [on, ...Array<number>(own.length + counts.length).fill(NaN)];
  }
  const given = value as Record<string, unknown>;
  const limits = [...own, ...counts.map((count) => [count, 0, U32] as const)];
  return [
    1,
    ...limits.map(([key, least, most, unit]) => {
      const full = `outlierDetection.${name}.${key}`;
      return unit === undefined ? integer(full, given[key], least, most) : Math.round(number(full, given[key], least, most) * unit);
    }),
  ];
}

function integer(name: string, value: unknown, least: number, most: number): number {
  return value === undefined ? NaN : check.integer(name, value, least, most);
}

function number(name: string, value: unknown, least: number, most: number): number {
  return value === undefined ? NaN : check.number(name, value, least, most);
}

const PRESETS = { evenkeel: NaN, envoy: 1, grpc: 2 } as const;
const NEVER = 3;
const U32 = 0xffff_ffff;
/** In milliseconds. */
const DAY = 86_400_000;
