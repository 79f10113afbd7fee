// openapi-fetch over several servers.
import { createBalancer } from 'evenkeel';
import createClient from 'openapi-fetch';

/** A typed client whose requests go to the endpoint that does best. The base URL names the service, no server. */
export function client(endpoints) {
  const lb = createBalancer({ endpoints });
  return createClient({ baseUrl: 'http://service', fetch: lb.fetch });
}
