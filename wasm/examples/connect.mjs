// Connect-ES over several servers.
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { createBalancer } from 'evenkeel';

/**
 * A transport whose calls go to the endpoint that does best. Unary calls are POSTs, so only those are repeated that were not done for sure;
 * methods without side effects go as GET (`useHttpGet`), and are repeated after everything.
 */
export function transport(endpoints) {
  const lb = createBalancer({ endpoints });
  return createConnectTransport({ baseUrl: 'http://service', fetch: lb.fetch, useHttpGet: true });
}

/** The same by gRPC-Web, where an answer may be a refusal though its HTTP status is 200: one of trailers only says so in its headers. */
export function grpcWebTransport(endpoints) {
  const lb = createBalancer({ endpoints, accept: ofTrailers });
  return createGrpcWebTransport({ baseUrl: 'http://service', fetch: lb.fetch });
}

/** UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, UNKNOWN, INTERNAL and DATA_LOSS; all others but RESOURCE_EXHAUSTED are about the request. */
const VERDICTS = new Map([
  ['0', 'success'], ['14', 'retryable_failure'], ['4', 'timed_out'], ['1', 'canceled'],
  ...['2', '13', '15'].map((status) => [status, 'non_retryable_failure']),
]);

function ofTrailers({ headers }) {
  const status = headers.get('grpc-status');
  if (status === null) return undefined;
  if (status !== '8') return VERDICTS.get(status) ?? 'ignorable';
  const waitMs = headers.get('grpc-retry-pushback-ms') ?? '1000';
  // What is below 0, or no number of 32 bits, means not to try again (gRFC A6).
  return /^\d+$/.test(waitMs) && waitMs < 2 ** 31 ? { verdict: 'overloaded', waitMs: Number(waitMs) } : 'non_retryable_failure';
}
