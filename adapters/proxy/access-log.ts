/** What is known of one exchange when it is complete, for the access log and for metrics. Nothing in it is secret. */
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';

export interface AccessLogEntry {
  readonly requestId: string;
  /** Empty where the request was malformed. */
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly httpVersion: '1.0' | '1.1' | '2';
  readonly host: string;
  /** 499: the client disconnected before the response. */
  readonly status: number;
  readonly clientAddress: string;
  readonly routeId: string | undefined;
  readonly serviceId: string | undefined;
  readonly consumerId: string | undefined;
  /** The `client_id`, or another identifier of the credential. */
  readonly clientId: string | undefined;
  /** Why the gate itself refused or failed; `undefined` when it did not. */
  readonly refusal: RefusalCode | undefined;
  /** Of the bodies. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly milliseconds: number;
  /** From sending the request to the response head. */
  readonly upstreamMilliseconds: number | undefined;
  /** How many times the request was sent upstream: 1, plus the retries. */
  readonly upstreamAttempts: number;
}
