// One model from several OpenAI-compatible providers, each with its own key: who answers 429 rests as long as its headers say, and the other
// one is asked at once.
import { createBalancer } from 'evenkeel';
import OpenAI from 'openai';

/** `providers` are `{ url, apiKey, priority? }`. */
export function chat(providers) {
  const clients = new Map(providers.map(({ url, apiKey }) => [url, new OpenAI({ baseURL: url, apiKey, maxRetries: 0 })]));
  const lb = createBalancer({
    endpoints: providers.map(({ url, priority = 0 }) => ({ url, priority })),
    maxRetryAfterMs: 3_600_000,
    // A bad key is no fault of the request: another provider's may do.
    classify: ({ status } = {}) => (status === 401 || status === 403 ? { verdict: 'overloaded', waitMs: 600_000 } : undefined),
  });
  const create = (request, options = {}) =>
    // Answers cost money: what may have been done is not asked for again, refusals are.
    lb.call(({ url, signal }) => clients.get(url).chat.completions.create(request, { signal }), { idempotent: false, ...options });
  return { create, lb };
}
