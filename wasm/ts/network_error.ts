/** What an attempt's error says: nothing was sent, the network failed, or the caller's own code is at fault. */

/**
 * Codes of Node (in `cause`), Bun and Deno for what never left: names, routes and connections, certificates (`CERT_HAS_EXPIRED`,
 * `ERR_TLS_CERT_ALTNAME_INVALID`), and of OpenSSL's those of a handshake (`ERR_SSL_WRONG_VERSION_NUMBER`).
 */
const NEVER_SENT = new RegExp(
  '^(?:E(?:CONNREFUSED|NOTFOUND|AI_(?:AGAIN|NODATA)|(?:HOST|NET)(?:UNREACH|DOWN)|ADDRNOTAVAIL|PROTO)|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|' +
    'FailedToOpenSocket|(?:DEPTH_ZERO_)?SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_(?:CERT|HANDSHAKE)_|' +
    'ERR_SSL_\\w*(?:VERSION|UN\\w+_PROTOCOL|NO_\\w*(?:CIPHER|PROTOCOLS)|HANDSHAKE|CERTIFICATE_VERIFY|UNRECOGNIZED_NAME))',
);

/** How fetch words a broken connection: Node, Chromium, Firefox, Safari, React Native, Deno, workerd, Bun. */
const NETWORK =
  /^(?:fetch failed|terminated|failed to (?:fetch|connect)|load failed|client error|body stream|content-length |unable to connect|network ?(?:error|request failed)|error (?:in (?:body|input) stream|sending request|trying to connect|reading a body)|(?:the (?:internet |network |socket )?|network )?connection )/i;

/** How Deno says that nothing was sent. */
const REFUSED = /connection refused|tcp connect error|dns error|failed to lookup|invalid peer certificate/i;

/**
 * The verdict on an attempt that ended in this error; nothing for a fault of the caller's code, nor, where he reads a body that he sent for
 * himself, for what nobody but he throws: the reason for which he gave it up.
 */
export function ofNetworkError(error: unknown, mine?: boolean): 'never_sent' | 'retryable_failure' | undefined {
  const unknown = mine ? undefined : 'retryable_failure';
  if (typeof error !== 'object' || error === null) return unknown;
  const causes = [...chain(error)];
  const codes = causes.map((cause) => cause.code).filter((code) => typeof code === 'string');
  if (causes.some(({ code, message }) => FAULT.test(`${code as string} ${message as string}`))) return undefined;
  // On a connection that was there, something may have left before.
  if (causes.some(({ code, syscall }) => NEVER_SENT.test(code as string) && syscall !== 'read' && syscall !== 'write')) return 'never_sent';
  const message = String((error as { message?: unknown }).message);
  if (NETWORK.test(message)) return REFUSED.test(message) ? 'never_sent' : 'retryable_failure';
  if (codes.length > 0) return 'retryable_failure';
  return FAULTS.has((error as { name?: unknown }).name as string) ? undefined : unknown;
}

/**
 * Whether who was not reached is another than the endpoint, as Node tells: a redirect led there, and the endpoint has had the request. That must
 * not be sent again as if it had never left.
 */
export function isElsewhere(error: object, url: string): boolean {
  const { port, protocol, hostname } = new URL(url);
  const own = Number(port || (protocol === 'https:' ? 443 : 80));
  return [...chain(error)].some((cause) => (cause.port ?? own) !== own || (cause.hostname ?? hostname) !== hostname);
}

/** What programs throw that are wrong. */
const FAULTS = new Set(['TypeError', 'ReferenceError', 'SyntaxError', 'RangeError', 'EvalError', 'URIError']);

/** How Node and Bun word a request that cannot be sent (a bad URL, header or method), or whose `redirect: 'error'` was met. */
const FAULT = /^(?:ERR_INVALID_|UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED|UnexpectedRedirect|undefined unexpected redirect)/;

/** An error, its causes, and the errors of those that are several. */
function* chain(error: object): Generator<{ [Name in 'code' | 'syscall' | 'message' | 'port' | 'hostname']?: unknown }> {
  let [at, depth]: [unknown, number] = [error, 0];
  while (typeof at === 'object' && at !== null && depth++ < 8) {
    yield at;
    const { cause, errors } = at as { cause?: unknown; errors?: unknown };
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
}
