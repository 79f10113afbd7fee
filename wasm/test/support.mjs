// What several tests need: a clock that they move, and HTTP servers on ports of their own.
import { createServer } from 'node:http';
import { once } from 'node:events';

/** A clock for a balancer's `now`, which moves `setTimeout` along, and what else is said. */
export function fakeClock(t, mocked = { apis: ['setTimeout'] }) {
  t.mock.timers.enable(mocked);
  let now = 0;
  return {
    now: () => now,
    async advance(millis) {
      await settle();
      now += millis;
      t.mock.timers.tick(millis);
      await settle();
    },
  };
}

/** Lets every promise that can settle do so. */
export function settle() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits until something is so. */
export async function until(is) {
  while (!is()) await settle();
}

/** A server that counts its requests, and sockets that are busy with one, and answers with `handler`. */
export async function serve(t, handler = (_, response) => response.end('ok')) {
  const state = { hits: 0, paths: [], busy: 0 };
  const server = createServer((request, response) => {
    state.hits += 1;
    state.busy += 1;
    response.on('close', () => (state.busy -= 1));
    state.paths.push(request.url);
    handler(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  t.after(state.stop);
  return state;
}

/** The URL of a port where nobody listens. */
export async function nobody(t) {
  const { url, stop } = await serve(t);
  await stop();
  return url;
}
