// Compiled, not run: what users write, and what must not compile.
import { Balancer, Call, createBalancer, LbError, poll, RetryBudget, TokenThrottle } from 'evenkeel';
import { doh, type DohOptions } from 'evenkeel/doh';
import module from 'evenkeel/lb.wasm';
import { init, type LoadBalancer as SlimBalancer } from 'evenkeel/slim';
import { SourceError, steering } from 'evenkeel/steering';
import type { BalancerEvent, CallOptions, EndpointInfo, Imported, LbEvent, LoadBalancer, Pick, PickReason, Step } from 'evenkeel';

const balancer = new Balancer({
  endpoints: ['https://a.example', new URL('https://b.example'), { url: 'https://c.example', weight: 2, priority: 1 }],
  policy: 'random',
  seed: 42n,
});

new Balancer({ policy: 'ring_hash(minimum=64, maximum=128)', config: { levels: 'overprovisioned', subset: 20, zone: 'a' } });

const { added }: { added: number } = balancer.update(new Set(['https://a.example']));
const pick: Pick | null = balancer.pick({ key: 'user 7', avoid: ['https://a.example'], now: added });
const reason: PickReason | undefined = pick?.why;
pick?.ok();
{
  using scoped = balancer.pick();
  scoped?.url.toUpperCase();
}

const response: Promise<Response> = balancer.call(
  ({ url, signal, attempt }) => fetch(`${url}/${attempt}`, { signal: signal ?? null }),
  { attempts: 2, backoff: { baseMs: 5, maxMs: 10 }, classify: (error) => (error instanceof TypeError ? 'retryable_failure' : 'ignorable') },
);
const judged: Promise<Response> = balancer.call(({ url }) => fetch(url), {
  accept: ({ status }) => (status === 503 ? { verdict: 'overloaded', waitMs: 1000 } : status < 500),
});
const options: CallOptions<Response> = { accept: (response) => (response.ok ? 'success' : 'ignorable') };
balancer.call(({ url }) => fetch(url), options);
const text: Promise<string> = balancer.call(({ url }) => url);

const step: Step = new Call(balancer, { attempts: 1 }).poll(0);
if (step.type === 'wait') step.until.toFixed();
const failed = (error: LbError): string => `${error.code} ${error.attempts.map(({ url }) => url).join()}`;

const shared = new RetryBudget({ ratio: 0.1, minPerSec: 3 });
const feedback = new Balancer({
  budget: shared,
  config: {
    outlierDetection: { base: 'envoy', consecutiveFailures: 3, successRate: { stdevFactor: 2.5 }, failurePercentage: false },
    levels: { panicThreshold: 30 },
    latency: { tauMs: 5000 },
    maxRetryAfterMs: 60_000,
  },
});
feedback.call(({ url }) => url, { hedge: { after: 'p95', max: 2 }, budget: new TokenThrottle(), backoff: { baseMs: 1, maxMs: 9, jitter: 'equal' } });
feedback.call(({ url }) => url, { hedge: { afterMs: 20 } });
const until: number | undefined = feedback.endpoints().find(({ health }: EndpointInfo) => health === 'ejected')?.until;
const told = feedback.events().map((event: BalancerEvent) => (event.type === 'ejected' ? event.reason : event.type));
const imported: Imported = feedback.importState(feedback.exportState(), { ageMs: 1000 });

// @ts-expect-error: no such preset
new Balancer({ config: { outlierDetection: 'linkerd' } });
// @ts-expect-error: one or the other
feedback.call(() => 1, { hedge: { max: 1 } });
// @ts-expect-error: internal
shared.wasm;
// @ts-expect-error: no such policy
new Balancer({ policy: 'p2c' });
// @ts-expect-error: no parameters without brackets
new Balancer({ policy: 'maglev=251' });
// @ts-expect-error: a pick may be null
balancer.pick().url;
// @ts-expect-error: it is known at once, or not at all
balancer.call(() => 1, { accept: async () => true });
// @ts-expect-error: no such verdict
balancer.call(() => 1, { accept: () => 'retry' });
// @ts-expect-error: an error is no success
balancer.call(() => 1, { classify: () => 'success' });
// @ts-expect-error: internal
balancer.wasm;

const lb: LoadBalancer = createBalancer({
  endpoints: async () => ({ endpoints: ['https://a.example'], ttlMs: 5000 }),
  retry: { limit: 1, methods: ['GET'], statusCodes: [502], budget: false },
  hedge: { after: 'p95' },
  eject: { successRate: { floor: 80 } },
  accept: ({ ok }) => (ok ? undefined : 'ignorable'),
});
const drop: typeof fetch = lb.fetch;
const sent: Promise<Response> = lb.fetch('/x', { method: 'PUT', body: () => new ReadableStream(), key: 7, idempotent: true, timeoutMs: 100 });
const off: () => void = lb.on('eject', ({ url, until }) => void [url?.length, until.toFixed()]);
createBalancer({ endpoints: poll('https://list.example') }).pick({ key: { hash: 1n } })?.ok();
createBalancer({ endpoints: [], onEvent: (event) => void (event.type === 'eject' ? event.until.toFixed() : event.type === 'source' && event.ok) });
createBalancer({ endpoints: [], onEvent: (event: LbEvent) => console.log(event.type) });
createBalancer({ endpoints: [], onEvent: (event: unknown) => console.log(event) });
createBalancer({ endpoints: [], retry: { budget: { ratio: 0.1 } } }).fetch('/', { retry: { budget: shared } });
// @ts-expect-error: a budget of one request would bound nothing
lb.fetch('/', { retry: { budget: { ratio: 0.1 } } });
// @ts-expect-error: no such event
createBalancer({ endpoints: [], onEvent: ({ type }) => type === 'ejected' });
// @ts-expect-error: no such option
createBalancer({ endpoints: [], retries: 3 });
// @ts-expect-error: no such event
lb.on('ejected', () => {});

init(module);
const slim: SlimBalancer = lb;
const names: DohOptions = { resolver: ['https://dns.example'], form: 'json', family: 4, addresses: true };
createBalancer({ endpoints: doh('_api._tcp.example.com', names) });
createBalancer({ endpoints: steering('https://s.example', { pathways: { a: 'https://a.example' }, current: () => ({ pathway: 'a', throughput: 1 }) }) });
createBalancer({ endpoints: () => { throw new SourceError('not now', 1000); } });
// @ts-expect-error: whoever is asked learns what for
doh('example.com', {});
// @ts-expect-error: no such family
doh('example.com', { resolver: 'https://dns.example', family: 5 });
// @ts-expect-error: no pathways
steering('https://s.example', {});

export { drop, off, sent, slim };
export { failed, imported, judged, told, until, reason, response, text };
