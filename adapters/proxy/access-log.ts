/** What is known of one exchange when it is complete, for the access log and for metrics. Nothing in it is secret. */
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';

export interface AccessLogEntry {
  /** The value of `X-Kong-Request-Id`. */
  readonly requestId: string;
  /** Empty where the request was malformed. */
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** Of the connection to the gate. */
  readonly scheme: 'http' | 'https';
  /** Of the request. */
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** The `Host` of the request. */
  readonly host: string;
  /** 499: the client disconnected before the response. */
  readonly status: number;
  /** Of the client, by the trusted proxies in front. */
  readonly clientAddress: string;
  /** The id of the matched route. */
  readonly routeId: string | undefined;
  /** The id of its service. */
  readonly serviceId: string | undefined;
  /** The id of the authenticated consumer. */
  readonly consumerId: string | undefined;
  /** The `client_id`, or another identifier of the credential. */
  readonly clientId: string | undefined;
  /** Why the gate itself refused or failed; `undefined` when it did not. */
  readonly refusal: RefusalCode | undefined;
  /** Of the request body. */
  readonly bytesReceived: number;
  /** Of the response body. */
  readonly bytesSent: number;
  /** From the request head to the end of the response. */
  readonly milliseconds: number;
  /** From sending the request to the response head. */
  readonly upstreamMilliseconds: number | undefined;
  /** How many times the request was sent upstream: 1, plus the retries. */
  readonly upstreamAttempts: number;
}
