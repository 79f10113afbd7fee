// What every runtime has to do: replay the golden files, and fetch over servers of which one dies.
import * as evenkeel from 'evenkeel';
import { doh } from 'evenkeel/doh';
import { replay } from '../test/replay.mjs';

/** How many answers of the golden files were compared; throws at the first that differs. */
export function golden(files) {
  return Object.entries(files).reduce((sum, [name, text]) => sum + replay(name, text, evenkeel), 0);
}

/** `lb.fetch` over `servers`, of which some are down, as their records say: how many of so many requests were answered well. */
export async function requests(servers, count) {
  const Answer = servers.map((url) => ({ name: '_items._tcp.test', type: 33, TTL: 60, data: `0 1 ${new URL(url).port} ${new URL(url).hostname}` }));
  const fetch = async () => new Response(JSON.stringify({ Status: 0, Answer }));
  const lb = evenkeel.createBalancer({ endpoints: doh('_items._tcp.test', { resolver: 'https://dns.test', form: 'json', scheme: 'http', fetch }) });
  let good = 0;
  for (let i = 0; i < count; i++) {
    const response = await lb.fetch(`/item?i=${i}`);
    if (response.ok && (await response.text()) === `item ${i}`) good++;
  }
  return lb.endpoints().length === servers.length ? good : NaN;
}
