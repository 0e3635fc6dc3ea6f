import type { MaybePromise } from '../ports/maybe-promise.ts';
import type { HeaderEdits } from './header-hygiene.ts';
import type { RefusalCode } from './refusal-codes.ts';

/**
 * A request on its way through the gate, as the router, the plugins and the forwarder see it. It depends on no framework:
 * a request that node:http parsed and one that the gate parsed itself have the same interface.
 */
export interface ProxiedRequest {
  /** 32 hex digits, new for each request: X-Kong-Request-Id, and `request_id` in the gate's own error responses. */
  readonly requestId: string;
  readonly method: string;
  /** The request-target in origin form, as received: path and query (RFC 9112 §3.2.1). */
  readonly target: string;
  readonly scheme: 'http' | 'https';
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** The port of the listener that received it. */
  readonly localPort: number;
  /** The address of the other end of the connection, in normal form. */
  readonly peer: string;
  /** Whether `peer` is one of the trusted proxies (`trusted_ips`). */
  readonly peerTrusted: boolean;
  /** The server name of the TLS handshake, if any. */
  readonly sni: string | undefined;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** The value of a header as received, by its name in lower case; several are joined by `, `. */
  header(name: string): string | undefined;
  /** Each value of a header as received, by its name in lower case. */
  headerValues(name: string): readonly string[];

  /** Reads the whole body, which is still sent upstream afterwards. `undefined`: it is larger than `limit` bytes. */
  readBody(limit: number): MaybePromise<Uint8Array | undefined>;
  /** The whole body, once it was read, or its replacement. */
  readonly wholeBody?: Uint8Array | undefined;

  // Changes to the upstream request ------------------------------------------------------------------------------
  /** The headers that were set and removed so far; see `standingHeader`. */
  readonly edits?: HeaderEdits | undefined;
  /** Another method for the upstream request. */
  upstreamMethod?: string | undefined;
  /**
   * Sets a header of the upstream request and replaces all of that name that the client sent. `value` is text: it is sent
   * as UTF-8, and no character in it can end the line.
   */
  setHeader(name: string, value: string): void;
  /** Removes a header from the upstream request, in every spelling (case, `_` for `-`) that the client may have used. */
  removeHeader(name: string): void;
  /** Sets and removes many headers at once. The edits are not changed, so they can be prepared once for many requests. */
  editHeaders(edits: HeaderEdits): void;
  /** The current path and query of the upstream request: `Match.upstreamTarget` until a plugin replaces it. */
  readonly upstreamTarget: string;
  /** Sets another path and query for the upstream request. */
  replaceTarget(target: string): void;
  /** Sets another body for the upstream request. Only after `readBody`. */
  replaceBody(body: Uint8Array): void;
}

/** A response that the gate makes itself. */
export interface DirectResponse {
  readonly status: number;
  /** Names and values; a name may occur twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Why the gate refused the request, where the response comes before any plugin; else `unmatched`. */
  readonly refusal?: RefusalCode;
}
