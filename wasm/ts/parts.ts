import type { BalancerConfig } from './settings.js';

/** What went wrong in the module: with a parameter of the policy, a setting, or a state. */
export type FaultKind = 'parameter' | 'setting' | 'state';

/** What became of an imported state. */
export interface Imported {
  /** Endpoints that go on with what was known of them. */
  readonly endpoints: number;
  /** Endpoints that keep what was reported of them here: it is newer. */
  readonly kept: number;
  /** Endpoints of the state that are not in the set. */
  readonly unknown: number;
}

/** What is not in every module: policies with parameters, settings, states, and their texts. */
export interface Parts {
  /** The settings' names, or those of the groups that they are in. */
  readonly options: readonly string[];
  /** Refuses what is not known within a group of settings. */
  checkGroup(group: string, value: unknown): void;
  /** The number of a policy, and of its parameters those that are given. */
  policy(text: string): readonly [index: number, first?: bigint | undefined, second?: bigint | undefined];
  /** The settings that are given, by their numbers. */
  settings(config: BalancerConfig, zoneNumber: (name: string) => number): readonly (readonly [setting: number, number: number])[];
  /** Throws what the module finds wrong, if anything. */
  throwFault(balancer: number, kind: FaultKind): void;
  exportState(balancer: number, now: number): string;
  importState(balancer: number, now: number, text: string, ageMs: number): Imported;
}
