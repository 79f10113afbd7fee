// A Cloudflare Worker, or `Deno.serve(worker.fetch)`, or `Bun.serve(worker)`: passes requests on to the origin that does best.
import { createBalancer } from 'evenkeel';

let lb;

export default {
  /** `env.ORIGINS`: URLs, divided by blanks. What one isolate learned is kept in `env.STATE`, a key-value namespace, if there is one. */
  async fetch(request, env = {}, context) {
    if (!lb) {
      lb = createBalancer({ endpoints: env.ORIGINS.split(' ') });
      lb.restore((await env.STATE?.get('lb')) ?? '');
    }
    const response = await lb.fetch(request);
    context?.waitUntil?.(env.STATE?.put('lb', lb.state()) ?? Promise.resolve());
    return response;
  },
};
