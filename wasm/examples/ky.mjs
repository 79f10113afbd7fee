// ky over several servers: it keeps its hooks and JSON, evenkeel does the retries.
import { createBalancer } from 'evenkeel';
import ky from 'ky';

/** A ky client whose requests go to the endpoint that does best. The prefix names the service, no server. */
export function client(endpoints) {
  const lb = createBalancer({ endpoints });
  return ky.create({ fetch: lb.fetch, prefixUrl: 'http://service/', retry: 0, timeout: false });
}
