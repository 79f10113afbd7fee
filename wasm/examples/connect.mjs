// Connect-ES over several servers.
import { createConnectTransport } from '@connectrpc/connect-web';
import { createBalancer } from 'evenkeel';

/**
 * A transport whose calls go to the endpoint that does best. Unary calls are POSTs, so only those are repeated that were not done for sure;
 * methods without side effects go as GET (`useHttpGet`), and are repeated after everything.
 */
export function transport(endpoints) {
  const lb = createBalancer({ endpoints });
  return createConnectTransport({ baseUrl: 'http://service', fetch: lb.fetch, useHttpGet: true });
}
