/** What is known of one exchange when it is over, for the access log and for metrics. Nothing in it is secret. */
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';
export interface AccessLogEntry {
  readonly requestId: string;
  /** Empty where the request could not be read. */
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly httpVersion: '1.0' | '1.1' | '2';
  readonly host: string;
  /** 499: the client went away before there was an answer. */
  readonly status: number;
  readonly clientAddress: string;
  readonly routeId: string | undefined;
  readonly serviceId: string | undefined;
  readonly consumerId: string | undefined;
  /** The `client_id`, or by what else the credential is known. */
  readonly clientId: string | undefined;
  /** Why the gate itself refused or failed; `undefined` when it did not. */
  readonly refusal: RefusalCode | undefined;
  /** Of the bodies. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly milliseconds: number;
  /** From when the request was sent to the head of the answer. */
  readonly upstreamMilliseconds: number | undefined;
  /** How often an upstream was tried. */
  readonly tries: number;
}
