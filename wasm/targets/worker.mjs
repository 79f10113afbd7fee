// A worker that checks itself, where there is no file system: its golden files are built in.
import example from '../examples/worker.mjs';
import { golden, requests } from './check.mjs';

const FILES = GOLDEN_FILES;

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === '/golden') return new Response(String(golden(FILES)));
    if (pathname === '/requests') return new Response(String(await requests(env.SERVERS.split(' '), 40)));
    return example.fetch(request, env, context);
  },
};
