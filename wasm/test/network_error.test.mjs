// What errors of networks say: nothing was sent, and even a POST goes elsewhere; or something may have been.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from 'evenkeel';
import { serve } from './support.mjs';

/** How often a POST is sent that fails with this cause, as Node's fetch says it. */
async function sends(cause) {
  let count = 0;
  const fetch = async () => {
    count++;
    throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('cause'), cause) });
  };
  const lb = createBalancer({ endpoints: ['http://a', 'http://b'], fetch, retry: { limit: 0 } });
  await assert.rejects(lb.fetch('/', { method: 'POST' }));
  return count;
}

const ROUTES = ['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EPROTO', 'ECONNREFUSED'];
const HANDSHAKES = [
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_NO_CIPHERS_AVAILABLE',
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_TLS_HANDSHAKE_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];
const NAMES = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'UND_ERR_CONNECT_TIMEOUT', 'ConnectionRefused', 'FailedToOpenSocket'];
const LATER = [
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC',
  'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  'ERR_SSL_UNEXPECTED_EOF_WHILE_READING',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
];

test('what never left goes elsewhere, whatever its method', async () => {
  for (const code of ROUTES) assert.equal(await sends({ code, syscall: 'connect' }), 2, code);
  for (const code of [...HANDSHAKES, ...NAMES]) assert.equal(await sends({ code }), 2, code);
});

test('what failed on a connection that was there may have been sent: a POST is not sent twice', async () => {
  for (const syscall of ['read', 'write']) for (const code of ROUTES) assert.equal(await sends({ code, syscall }), 1, `${syscall} ${code}`);
  for (const code of LATER) assert.equal(await sends({ code }), 1, code);
});

test("a redirect that the caller does not want is no fault of the endpoint's", async (t) => {
  const server = await serve(t, (_, response) => response.writeHead(302, { location: '/x' }).end());
  const lb = createBalancer({ endpoints: [server.url] });
  await assert.rejects(lb.fetch('/', { redirect: 'error' }), TypeError);
  const [{ failures, inFlight }] = lb.endpoints();
  assert.deepEqual([server.hits, failures, inFlight], [1, 0, 0]);
});

test('a POST that was answered by a redirect to who cannot be reached was sent, and is not sent again', async (t) => {
  for (const status of [303, 307]) {
    // Port 1 of this host is closed; names below .invalid do not exist.
    for (const location of ['http://127.0.0.1:1/', 'http://elsewhere.invalid/']) {
      const server = await serve(t, (_, response) => response.writeHead(status, { location }).end());
      const lb = createBalancer({ endpoints: [server.url, `${server.url}/other`], retry: { limit: 3 } });
      await assert.rejects(lb.fetch('/', { method: 'POST', body: 'once' }));
      assert.equal(server.hits, 1, `${status} ${location}`);
    }
  }
});
