/** What an attempt's error says: nothing was sent, the network failed, or the caller's own code is at fault. */

/** Codes of Node (in `cause`), Bun and Deno for what never left. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_NODATA',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'EPROTO',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ConnectionRefused',
  'FailedToOpenSocket',
]);

/** Certificates and handshakes: `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`, `ERR_SSL_WRONG_VERSION_NUMBER`. */
const NEVER_SENT_PREFIX = /^(?:CERT_|ERR_TLS_|ERR_SSL_)/;

/** How fetch words a broken connection: Node, Chromium, Firefox, Safari, React Native, Deno, workerd, Bun. */
const NETWORK =
  /^(?:fetch failed|terminated|failed to fetch|networkerror when attempting|load failed|the (?:internet|network) connection|network request failed|error sending request|client error|error trying to connect|connection |network connection|error reading a body|body stream|unable to connect|the socket connection was closed|failed to connect)/i;

/** How Deno says that nothing was sent. */
const REFUSED = /connection refused|tcp connect error|dns error|failed to lookup|invalid peer certificate/i;

/** The verdict on an attempt that ended in this error; nothing for a fault of the caller's code. */
export function ofNetworkError(error: unknown): 'never_sent' | 'retryable_failure' | undefined {
  if (typeof error !== 'object' || error === null) return 'retryable_failure';
  const codes = [...chain(error)].map((cause) => cause.code).filter((code) => typeof code === 'string');
  if (codes.some((code) => FAULT_CODES.test(code))) return undefined;
  if (codes.some((code) => NEVER_SENT.has(code) || NEVER_SENT_PREFIX.test(code))) return 'never_sent';
  const message = String((error as { message?: unknown }).message);
  if (NETWORK.test(message)) return REFUSED.test(message) ? 'never_sent' : 'retryable_failure';
  return FAULTS.has((error as { name?: unknown }).name as string) && codes.length === 0 ? undefined : 'retryable_failure';
}

/** What programs throw that are wrong. */
const FAULTS = new Set(['TypeError', 'ReferenceError', 'SyntaxError', 'RangeError', 'EvalError', 'URIError']);

/** How Node words a request that cannot be sent: a bad URL, header or method. */
const FAULT_CODES = /^(?:ERR_INVALID_|UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED)/;

/** An error, its causes, and the errors of those that are several. */
function* chain(error: object): Generator<{ code?: unknown }> {
  let [at, depth]: [unknown, number] = [error, 0];
  while (typeof at === 'object' && at !== null && depth++ < 8) {
    yield at;
    const { cause, errors } = at as { cause?: unknown; errors?: unknown };
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
}
