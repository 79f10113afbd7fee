// Compiled, not run: what users write, and what must not compile.
import { Balancer, Call, LbError, type Pick, type PickReason, type Step } from 'evenkeel';

const balancer = new Balancer({
  endpoints: ['https://a.example', new URL('https://b.example'), { url: 'https://c.example', weight: 2, priority: 1 }],
  policy: 'random',
  seed: 42n,
});

new Balancer({ policy: 'ring_hash(minimum=64, maximum=128)', config: { levels: 'overprovisioned', subset: 20, zone: 'a' } });

const { added }: { added: number } = balancer.update(new Set(['https://a.example']));
const pick: Pick | null = balancer.pick({ key: 'user 7', avoid: ['https://a.example'], now: added });
const reason: PickReason | undefined = pick?.why;
pick?.success();
{
  using scoped = balancer.pick();
  scoped?.url.toUpperCase();
}

const response: Promise<Response> = balancer.call(
  ({ url, signal, attempt }) => fetch(`${url}/${attempt}`, { signal: signal ?? null }),
  { attempts: 2, backoff: { baseMs: 5, maxMs: 10 }, classify: (error) => (error instanceof TypeError ? 'retry' : 'not_retryable') },
);
const text: Promise<string> = balancer.call(({ url }) => url);

const step: Step = new Call(balancer, { attempts: 1 }).poll(0);
if (step.type === 'wait') step.until.toFixed();
const failed = (error: LbError): string => `${error.code} ${error.attempts.map(({ url }) => url).join()}`;

// @ts-expect-error: no such policy
new Balancer({ policy: 'p2c' });
// @ts-expect-error: no parameters without brackets
new Balancer({ policy: 'maglev=251' });
// @ts-expect-error: a pick may be null
balancer.pick().url;
// @ts-expect-error: an error is no success
balancer.call(() => 1, { classify: () => 'success' });
// @ts-expect-error: internal
balancer.wasm;

export { failed, reason, response, text };
