import type { MaybePromise } from '../ports/maybe-promise.ts';
import type { HeaderEdits } from './header-hygiene.ts';

/**
 * A request on its way through the gate, as the router, the plugins and the forwarder see it. No framework stands
 * behind it: a reader on top of node:http and one that reads the wire itself look alike from here.
 */
export interface ProxiedRequest {
  /** 32 hex digits, new for each request: X-Kong-Request-Id, and `request_id` in what the gate answers itself. */
  readonly requestId: string;
  readonly method: string;
  /** The request-target in origin form, as received: path and query (RFC 9112 §3.2.1). */
  readonly target: string;
  readonly scheme: 'http' | 'https';
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** The port of the listener it came in by. */
  readonly localPort: number;
  /** The address of the other end of the connection, without an IPv6-mapped prefix. */
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
  /** The whole body, once it was read; or what was put in its place. */
  readonly wholeBody?: Uint8Array | undefined;

  // What is sent upstream instead -------------------------------------------------------------------------------
  /** What was set and removed until now; see `standingHeader`. */
  readonly edits?: HeaderEdits | undefined;
  /** Another method for the upstream request. */
  upstreamMethod?: string | undefined;
  /**
   * Sets a header of the upstream request in the place of all of that name the client sent. `value` is text: what is
   * not ASCII goes out as UTF-8, and nothing in it can end the line.
   */
  setHeader(name: string, value: string): void;
  /** Takes a header out of the upstream request, in every spelling (case, `_` for `-`) the client may have used. */
  removeHeader(name: string): void;
  /** Many of these at once. The edits are not changed, so they can be prepared once for many requests. */
  editHeaders(edits: HeaderEdits): void;
  /** Path and query of the upstream request as it stands: `Match.upstreamTarget` until a plugin replaces it. Known before the hooks run. */
  readonly upstreamTarget: string;
  /** Another path and query for the upstream request. */
  replaceTarget(target: string): void;
  /** Another body for the upstream request. Only after `readBody`. */
  replaceBody(body: Uint8Array): void;
}

/** An answer made by the gate itself. */
export interface DirectResponse {
  readonly status: number;
  /** Names and values; a name may come twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}
