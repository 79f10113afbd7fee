export { Balancer } from './balancer.js';
export type { BalancerConfig, BalancerOptions, Changes, EndpointInfo, EndpointSpec } from './balancer.js';
export type { Key, PickOptions, Policy, PolicyName } from './balancer.js';
export { Call } from './call.js';
export type { Backoff, RetryOptions, Step, Verdict } from './call.js';
export { LbError } from './error.js';
export type { FailedAttempt, LbErrorCode } from './error.js';
export type { Pick, PickReason } from './pick.js';
export type { Attempt, CallOptions } from './run.js';
