// Written by `cargo run -p evenkeel-wasm-build`, from the core's own description. Not to be edited.

export type Outcome = 'success' | 'failure' | 'timed_out' | 'never_sent' | 'ignorable' | 'pushed_back' | 'overloaded' | 'abandoned' | 'lost_race';
export const OUTCOMES = /* @__PURE__ */ 'success failure timed_out never_sent ignorable pushed_back overloaded abandoned lost_race'.split(' ') as readonly Outcome[];

export type VerdictName = 'success' | 'retryable_failure' | 'non_retryable_failure' | 'timed_out' | 'ignorable' | 'overloaded' | 'push_back' | 'never_sent' | 'canceled';
export const VERDICTS = /* @__PURE__ */ 'success retryable_failure non_retryable_failure timed_out ignorable overloaded push_back never_sent canceled'.split(' ') as readonly VerdictName[];

export type PickReason = 'policy' | 'retry' | 'last_resort' | 'probe' | 'panic';
export const WHYS = /* @__PURE__ */ 'policy retry last_resort probe panic'.split(' ') as readonly PickReason[];

export type Refusal = 'no_endpoints' | 'all_drained' | 'all_ejected' | 'busy' | 'declined';
export const REFUSALS = /* @__PURE__ */ 'no_endpoints all_drained all_ejected busy declined'.split(' ') as readonly Refusal[];

export type Health = 'healthy' | 'ejected' | 'half_open' | 'probing' | 'overloaded' | 'down';
export const HEALTHS = /* @__PURE__ */ 'healthy ejected half_open probing overloaded down'.split(' ') as readonly Health[];

export type EjectionReason = 'consecutive_failures' | 'failure_percentage' | 'success_rate' | 'cancellations' | 'probe_failed' | 'probe_timed_out' | 'probe_canceled';
export const REASONS = /* @__PURE__ */ 'consecutive_failures failure_percentage success_rate cancellations probe_failed probe_timed_out probe_canceled'.split(' ') as readonly EjectionReason[];

export type HeldBy = 'calm' | 'nobody_well' | 'harm' | 'minority' | 'percent';
export const HELD = /* @__PURE__ */ 'calm nobody_well harm minority percent'.split(' ') as readonly HeldBy[];

export type Candidacy = 'candidate' | 'panic' | 'full' | 'no_weight' | 'draining' | 'unhealthy' | 'priority' | 'subset' | 'zone';
export const CANDIDACIES = /* @__PURE__ */ 'candidate panic full no_weight draining unhealthy priority subset zone'.split(' ') as readonly Candidacy[];

export type EventKind = 'added' | 'removed' | 'ejected' | 'held' | 'undone' | 'half_open' | 'probing' | 'readmitted' | 'overloaded' | 'down' | 'panic_on' | 'panic_off' | 'lost';
export const EVENTS = /* @__PURE__ */ 'added removed ejected held undone half_open probing readmitted overloaded down panic_on panic_off lost'.split(' ') as readonly EventKind[];

export type StepName = 'send' | 'wait' | 'cancel' | 'done';
export const STEPS = /* @__PURE__ */ 'send wait cancel done'.split(' ') as readonly StepName[];

export type EndName = 'success' | 'attempts' | 'deadline' | 'no_endpoints' | 'non_retryable_failure' | 'ignorable' | 'budget' | 'push_back' | 'canceled';
export const ENDS = /* @__PURE__ */ 'success attempts deadline no_endpoints non_retryable_failure ignorable budget push_back canceled'.split(' ') as readonly EndName[];

export type Jitter = 'none' | 'full' | 'equal' | 'decorrelated';
export const JITTERS = /* @__PURE__ */ 'none full equal decorrelated'.split(' ') as readonly Jitter[];

export type OutlierPreset = 'evenkeel' | 'envoy' | 'grpc' | 'off';
export const BOOKS = /* @__PURE__ */ 'evenkeel envoy grpc off'.split(' ') as readonly OutlierPreset[];

export type PolicyName = 'round_robin' | 'random' | 'weighted_round_robin' | 'weighted_random' | 'least_request' | 'peak_ewma' | 'rendezvous' | 'maglev' | 'ring_hash' | 'ketama' | 'pick_first';
export const POLICIES = /* @__PURE__ */ 'round_robin random weighted_round_robin weighted_random least_request peak_ewma rendezvous maglev ring_hash ketama pick_first'.split(' ') as readonly PolicyName[];

export type FewPolicyName = 'round_robin' | 'weighted_round_robin' | 'random' | 'least_request' | 'peak_ewma';
export const FEW_POLICIES = /* @__PURE__ */ 'round_robin weighted_round_robin random least_request peak_ewma'.split(' ') as readonly FewPolicyName[];

export type SettingKind = 'flag' | 'count' | 'time' | 'zone' | 'book';
export const KINDS = /* @__PURE__ */ 'flag count time zone book'.split(' ') as readonly SettingKind[];

export type Repeat = 'idempotent' | 'sequential' | 'never';
export const REPEATS = /* @__PURE__ */ 'idempotent sequential never'.split(' ') as readonly Repeat[];

export type EndpointColumn = 'index' | 'weight' | 'priority' | 'zone' | 'draining' | 'candidate' | 'candidacy' | 'currentWeight' | 'health' | 'reason' | 'until' | 'calmUntil' | 'held' | 'latency' | 'inFlight' | 'successes' | 'failures' | 'canceled';
export const ENDPOINT_COLUMNS = /* @__PURE__ */ 'index weight priority zone draining candidate candidacy currentWeight health reason until calmUntil held latency inFlight successes failures canceled'.split(' ') as readonly EndpointColumn[];

export type EventColumn = 'type' | 'at' | 'index' | 'until' | 'detail';
export const EVENT_COLUMNS = /* @__PURE__ */ 'type at index until detail'.split(' ') as readonly EventColumn[];

/** The names of each policy's parameters. */
export const PARAMETERS = [[], [], [], [], ['full_scan'], ['full_scan'], ['bound'], ['size'], ['minimum', 'maximum'], [], ['seed']] as const;

/** The policies that ignore weights. */
export const UNWEIGHTED: readonly string[] = ['random', 'pick_first'];

/** The outcome of each verdict: what it says of the endpoint. */
export const OUTCOME_OF_VERDICT: readonly number[] = [0, 1, 1, 2, 4, 6, 5, 3, 7];

/** From which status on: the verdict, and what it says of the endpoint. */
export const STATUSES: readonly (readonly [status: number, verdict: number, outcome: number])[] = [[0, 0, 0], [400, 4, 4], [408, 1, 1], [409, 4, 4], [425, 1, 4], [426, 4, 4], [429, 5, 6], [430, 4, 4], [500, 1, 1], [501, 4, 4], [502, 1, 1], [503, 5, 6], [504, 1, 1], [505, 4, 4], [507, 1, 1], [508, 4, 4], [509, 1, 1], [510, 4, 4], [512, 1, 1]];

/** The methods that may be sent again, and the header that makes any request so. */
export const IDEMPOTENT_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
export const IDEMPOTENCY_KEY = 'idempotency-key';

/** How long an endpoint rests that refuses without saying for how long. */
export const COOL_DOWN_MS = 1000;

/** After which verdicts, by their numbers, a request may be sent again. */
export const MAY_REPEAT: Readonly<Record<Repeat, readonly number[]>> = {
  idempotent: [1, 3, 5, 6, 7],
  sequential: [5, 7],
  never: [],
};

/** How many reasons and slots fit into what a pick gives. */
export const [MOST_WHYS, MOST_SLOTS] = [8, 16777216];

/** How many steps, and how many outcomes or ends, fit into what a poll gives. */
export const [MOST_STEPS, MOST_DETAILS] = [4, 16];

/** The core's name, the option, its kind, the least, the most, the core's number for 1. */
export const SETTINGS: readonly (readonly [
  name: string,
  path: string,
  kind: SettingKind,
  least: number,
  most: number,
  unit: number,
])[] = [
  ['seed', 'seed', 'count', 0, 18446744073709552000, 1],
  ['book', 'outlierDetection.base', 'book', 0, 3, 1],
  ['consecutive_failures', 'outlierDetection.consecutiveFailures', 'count', 0, 65535, 1],
  ['failure_percentage', 'outlierDetection.failurePercentage.threshold', 'count', 0, 100, 1],
  ['failure_percentage_enforcement', 'outlierDetection.failurePercentage.enforcement', 'count', 0, 100, 1],
  ['failure_percentage_minimum_hosts', 'outlierDetection.failurePercentage.minimumHosts', 'count', 0, 4294967295, 1],
  ['failure_percentage_request_volume', 'outlierDetection.failurePercentage.requestVolume', 'count', 0, 4294967295, 1],
  ['failure_percentage_minimum_failures', 'outlierDetection.failurePercentage.minimumFailures', 'count', 0, 4294967295, 1],
  ['success_rate', 'outlierDetection.successRate', 'flag', 0, 1, 1],
  ['success_rate_stdev_per_mille', 'outlierDetection.successRate.stdevFactor', 'count', 0, 1000, 1000],
  ['success_rate_floor_percent', 'outlierDetection.successRate.floor', 'count', 1, 100, 1],
  ['success_rate_enforcement', 'outlierDetection.successRate.enforcement', 'count', 0, 100, 1],
  ['success_rate_minimum_hosts', 'outlierDetection.successRate.minimumHosts', 'count', 0, 4294967295, 1],
  ['success_rate_request_volume', 'outlierDetection.successRate.requestVolume', 'count', 0, 4294967295, 1],
  ['success_rate_minimum_failures', 'outlierDetection.successRate.minimumFailures', 'count', 0, 4294967295, 1],
  ['interval', 'outlierDetection.intervalMs', 'time', 1, 86400000, 1000000],
  ['base_ejection_time', 'outlierDetection.baseEjectionMs', 'time', 1, 86400000, 1000000],
  ['max_ejection_time', 'outlierDetection.maxEjectionMs', 'time', 0, 86400000, 1000000],
  ['max_ejection_jitter', 'outlierDetection.maxEjectionJitterMs', 'time', 0, 86400000, 1000000],
  ['max_ejection_percent', 'outlierDetection.maxEjectionPercent', 'count', 0, 100, 1],
  ['always_eject_one', 'outlierDetection.alwaysEjectOne', 'flag', 0, 1, 1],
  ['half_open', 'outlierDetection.halfOpen', 'flag', 0, 1, 1],
  ['check_readmits', 'outlierDetection.checkReadmits', 'flag', 0, 1, 1],
  ['probe_timeout', 'outlierDetection.probeTimeoutMs', 'time', 1, 86400000, 1000000],
  ['max_retry_after', 'maxRetryAfterMs', 'time', 0, 86400000, 1000000],
  ['overprovisioning_percent', 'levels.overprovisioningFactor', 'count', 0, 65535, 1],
  ['panic_threshold_percent', 'levels.panicThreshold', 'count', 0, 100, 1],
  ['zone', 'zone', 'zone', 0, 65535, 1],
  ['zone_clients_per_mille', 'zoneClientsPerMille', 'count', 0, 1000, 1],
  ['zone_minimum_endpoints', 'zoneMinimumEndpoints', 'count', 0, 4294967295, 1],
  ['subset', 'subset', 'count', 0, 4294967295, 1],
  ['slow_start', 'slowStartMs', 'time', 0, 18446744073709.55, 1000000],
  ['latency_tau', 'latency.tauMs', 'time', 1, 86400000, 1000000],
  ['latency_floor', 'latency.floorMs', 'time', 0, 86400000, 1000000],
  ['failure_penalty', 'latency.failurePenaltyMs', 'time', 0, 86400000, 1000000],
  ['max_in_flight', 'maxInFlight', 'count', 0, 4294967295, 1],
  ['overflow', 'overflow', 'flag', 0, 1, 1],
];

/** Where the presets differ from the defaults. */
export const PRESETS: Readonly<
  Record<OutlierPreset, readonly (readonly [setting: number, number: number])[]>
> = {
  evenkeel: [],
  envoy: [[1, 1], [4, 0], [5, 5], [6, 50], [7, 0], [8, 1], [10, 100], [14, 0], [16, 30000000000], [17, 300000000000], [19, 10], [20, 0], [21, 0], [22, 1]],
  grpc: [[1, 2], [2, 0], [5, 5], [6, 50], [7, 0], [8, 1], [10, 100], [14, 0], [16, 30000000000], [17, 300000000000], [19, 10], [20, 0], [21, 0], [22, 1]],
  off: [[1, 3]],
};

export interface Settings {
  /** The longest that an overloaded endpoint is left alone because it asked for it; zero for not at all: then it has failed. At most 1 day. In milliseconds, 0..=86400000, default 300000. */
  readonly maxRetryAfterMs?: number;
  /** The client's own zone, whose endpoints are preferred as far as that keeps the load on all even (Envoy's zone-aware routing). `Zone::NONE`: zones do not matter. Default: none. */
  readonly zone?: string;
  /** The share of all clients that is in the own zone; the others are taken to be spread evenly over the other zones. 0: all are spread evenly. 0..=1000, default 0. */
  readonly zoneClientsPerMille?: number;
  /** With fewer endpoints in the level, zones do not matter. 0..=4294967295, default 6. */
  readonly zoneMinimumEndpoints?: number;
  /** The most endpoints of each level that this client uses: those with the least hash of seed and endpoint (as in gRPC's proposal A68), so that one that comes or goes changes at most one of them. With different seeds, clients share the endpoints evenly on average; **with the same one, all use the same few**. 0: all. 0..=4294967295, default 0. */
  readonly subset?: number;
  /** The time in which an endpoint warms up that comes, or comes back from draining, weight 0 or an ejection: its weight grows in tenths (Envoy's slow start with an aggression of 1). Zero: it gets its share at once, as with Envoy and gRPC. In milliseconds, 0..=18446744073709.55, default 0. */
  readonly slowStartMs?: number;
  /** The most requests in flight to one endpoint; 0 for no limit. It takes a policy that counts them. 0..=4294967295, default 0. */
  readonly maxInFlight?: number;
  /** Sends what finds no room at a level to the next one; otherwise picks are refused. Default true. */
  readonly overflow?: boolean;
  readonly latency?: Latency;
  readonly levels?: Levels;
  readonly outlierDetection?: OutlierDetection;
}

export interface Latency {
  /** Forgets answer times: after this time an estimate weighs 1/e beside a new, shorter one. From 1 ms to 1 day; 10 s as in Finagle. In milliseconds, 1..=86400000, default 10000. */
  readonly tauMs?: number;
  /** Answer times below this count as this, so that between fast endpoints, and after a quiet time, requests in flight decide. At most 1 day. In milliseconds, 0..=86400000, default 1. */
  readonly floorMs?: number;
  /** A failure counts as an answer after this time, if it came sooner. About ten times what an answer usually takes: with less, an endpoint that fails at once attracts requests. At most 1 day. In milliseconds, 0..=86400000, default 200. */
  readonly failurePenaltyMs?: number;
}

export interface Levels {
  /** Shares the requests among priorities. With 0, the first level that has an endpoint available gets everything (RFC 2782, gRPC). Otherwise, what a level with all endpoints available could take, in percent of what it has to, at least 100: each level gets what it can take, and leaves the rest to the next (Envoy, where it is 140). 0..=65535, default 0. */
  readonly overprovisioningFactor?: number;
  /** A level with a lower percentage of available endpoints panics and uses all of its own, where all levels together cannot take everything; 0 for never. Only with overprovisioning. 0..=100, default 50. */
  readonly panicThreshold?: number;
}

export interface OutlierDetection {
  /** The book of rules that decides which endpoints are ejected. Rules fixed by type ignore it. Default `evenkeel`. */
  readonly base?: OutlierPreset;
  /** Failures in a row that eject; 0 for never. 0..=65535, default 5. */
  readonly consecutiveFailures?: number;
  /** The time for which outcomes are counted; Envoy's and gRPC's rules judge them at its end. From 1 ms to 1 day. In milliseconds, 1..=86400000, default 10000. */
  readonly intervalMs?: number;
  /** The time of the first ejection; by our rules each that follows takes five eighths longer. From 1 ms to 1 day. In milliseconds, 1..=86400000, default 3000. */
  readonly baseEjectionMs?: number;
  /** The longest that one takes, at most 1 day. By our rules no less than the base; by Envoy's and gRPC's a smaller one counts as the base. In milliseconds, 0..=86400000, default 60000. */
  readonly maxEjectionMs?: number;
  /** Up to which time an ejection is prolonged at random, so that endpoints do not all come back at once; at most 1 day. Our rules have jitter of their own, and add this. In milliseconds, 0..=86400000, default 0. */
  readonly maxEjectionJitterMs?: number;
  /** The largest share of the endpoints that may be ejected. By our rules it limits failure percentages and success rates; rows of failures are [judged](crate::health) by the others. 0..=100, default 30. */
  readonly maxEjectionPercent?: number;
  /** One may be ejected even if that is a larger share. Default true. */
  readonly alwaysEjectOne?: boolean;
  /** One request decides if an endpoint comes back at the end of its time: the probe. Otherwise it just does. Either way, a success in panic brings it back earlier. Default true. */
  readonly halfOpen?: boolean;
  /** Good news of active checks end an ejection at once, as by default in Envoy (`successful_active_health_check_uneject_host`). Otherwise they open it to a probe: that a check is answered does not say that requests are. Default false. */
  readonly checkReadmits?: boolean;
  /** The time after which a probe without an answer has failed. From 1 ms to 1 day. In milliseconds, 1..=86400000, default 10000. */
  readonly probeTimeoutMs?: number;
  readonly failurePercentage?: FailurePercentage | boolean;
  /** Ejects an endpoint whose success rate is far below the mean, in standard deviations of all rates. With `n` endpoints of which `n - 1` never fail, the deviation alone ejects the other one as soon as √(n − 1) exceeds the factor, be it for one failure in a thousand: hence the floor. Default false. */
  readonly successRate?: SuccessRate | boolean;
}

export interface FailurePercentage {
  /** The percentage of failures that ejects; 0 for never. 0..=100, default 85. */
  readonly threshold?: number;
  /** The percentage of endpoints that crossed it that is ejected. 0..=100, default 100. */
  readonly enforcement?: number;
  /** It is judged only when so many endpoints have the volume. Ours does not look at it. 0..=4294967295, default 0. */
  readonly minimumHosts?: number;
  /** Requests in an interval below which an endpoint is not judged by it. 0..=4294967295, default 20. */
  readonly requestVolume?: number;
  /** Failures in an interval below which an endpoint is not judged by it. 0..=4294967295, default 5. */
  readonly minimumFailures?: number;
}

export interface SuccessRate {
  /** The distance below the mean that ejects, in thousandths of the standard deviation. 0..=1000, default 1.9. */
  readonly stdevFactor?: number;
  /** A success rate of this percentage or more is never an outlier; 100 for no such floor. 1..=100, default 90. */
  readonly floor?: number;
  /** The percentage of endpoints that crossed it that is ejected. 0..=100, default 100. */
  readonly enforcement?: number;
  /** It is judged only when so many endpoints have the volume. 0..=4294967295, default 5. */
  readonly minimumHosts?: number;
  /** Requests in an interval below which an endpoint is not judged by it. 0..=4294967295, default 100. */
  readonly requestVolume?: number;
  /** Failures in an interval below which an endpoint is not judged by it. 0..=4294967295, default 5. */
  readonly minimumFailures?: number;
}

/** Texts of errors. Their gaps are for names, for numbers, and (`x0`) for hexadecimal ones. */
export const POLICY_ERRORS = {
  unknownPolicy: `unknown policy {name}; known are: round_robin, random, weighted_round_robin, weighted_random, least_request, peak_ewma, rendezvous, maglev, ring_hash, ketama, pick_first`,
  unclosed: `{name} has no closing bracket at its end`,
  noParameters: `{policy} has no parameters, and so no {name}`,
  unknownParameter: `{policy} has no parameter {name}; known are: {known}`,
  twice: `{name} stands there twice`,
  notANumber: `{name} is {value}, which is not a whole number`,
};
export const PARAMETER_ERRORS = [
  `{name} is {0}, not in {1}..={2}`,
  `{name} is {0}, which is not a prime number`,
];
export const CONFIG_ERRORS = [
  `{name} is {0}; the least is {1}`,
  `{name} is {0}; the most is {1}`,
  `{name} is {0}, but the policy counts no requests in flight: take one that does, as least_request, peak_ewma or any policy by name`,
  `{name} is set, but the policy ignores weights: take one that goes by them, as round_robin by name, least_request or peak_ewma`,
];
export const STATE_ERRORS = [
  `the state has version {0}; only {1} is supported`,
  `the state is damaged: its checksum is {x0}, that of its content {x1}`,
  `the state has a {name} of {0}; the most is {1}`,
  `endpoint {0} of the state does not come after the one before it`,
  `the state is {0} ns old; the most is {1}`,
  `none of the state's {0} addresses is among the set's {1}: update it first`,
];
