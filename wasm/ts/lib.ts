export { Balancer } from './balancer.js';
export type { BalancerOptions, Changes, EndpointInfo, EndpointSpec, PickOptions, PolicyName } from './balancer.js';
export { Call } from './call.js';
export type { Backoff, RetryOptions, Step, Verdict } from './call.js';
export { LbError } from './error.js';
export type { FailedAttempt, LbErrorCode } from './error.js';
export type { Pick } from './pick.js';
export type { Attempt, CallOptions } from './run.js';
