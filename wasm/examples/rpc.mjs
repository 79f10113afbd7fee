// JSON-RPC over several nodes, for viem and ethers: what sends a transaction is sent once, all else may be repeated.
import { createBalancer } from 'evenkeel';
import { FetchRequest, JsonRpcProvider } from 'ethers';
import { custom } from 'viem';

/** The methods that must not be done twice: of Ethereum's nodes, Bitcoin's, Solana's, Polkadot's and Tendermint's. */
const SENDS = /^((eth_)?(send|sign)|personal_|wallet_|author_submit|requestAirdrop)|broadcast/;

/** What a node's error means: over its limit, or internal; all others are about the request. */
const judge = ({ error }) => (error?.code === -32005 ? { verdict: 'overloaded', waitMs: 1000 } : error?.code !== -32603);

const repeatable = (body) => !SENDS.test(JSON.parse(body).method ?? '');

/** A viem transport: `createPublicClient({ transport: viemTransport(urls) })`. */
export function viemTransport(endpoints) {
  const lb = createBalancer({ endpoints });
  let id = 0;
  return custom({
    async request({ method, params = [] }) {
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params });
      const response = await lb.call(
        async ({ url, signal }) => {
          const response = await fetch(url, { method: 'POST', headers: JSON_TYPE, body, signal });
          // An error that has the answer is judged by its status.
          if (!response.ok) throw Object.assign(new Error(`${url} answered ${response.status}`), { response });
          return response.json();
        },
        { idempotent: repeatable(body), accept: judge },
      );
      if (response.error) throw Object.assign(new Error(response.error.message), response.error);
      return response.result;
    },
  }, { retryCount: 0 });
}

/** An ethers provider: `ethersProvider(urls).getBlockNumber()`. */
export function ethersProvider(endpoints, network) {
  const lb = createBalancer({ endpoints });
  const request = new FetchRequest('http://nodes/');
  request.getUrlFunc = async ({ method, headers, body }) => {
    const idempotent = [JSON.parse(new TextDecoder().decode(body))].flat().every(({ method }) => !SENDS.test(method));
    const response = await lb.fetch('', { method, headers, body, idempotent });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { statusCode: response.status, statusMessage: response.statusText, headers: Object.fromEntries(response.headers), body: bytes };
  };
  return new JsonRpcProvider(request, network, { staticNetwork: network !== undefined });
}

const JSON_TYPE = { 'content-type': 'application/json' };
