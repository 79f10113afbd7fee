// A service worker: `navigator.serviceWorker.register('/service_worker.mjs', { type: 'module' })`. Requests below /api/ go to the server that
// does best; the page knows nothing of it.
import { createBalancer } from 'evenkeel';

const lb = createBalancer({ endpoints: new URL(self.location).searchParams.getAll('server') });

self.addEventListener('fetch', (event) => {
  if (new URL(event.request.url).pathname.startsWith('/api/')) event.respondWith(lb.fetch(event.request));
});
