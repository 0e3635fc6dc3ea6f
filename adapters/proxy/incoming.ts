/**
 * One request as the exchange uses it: what plugins see of it (`ProxiedRequest`), its body as it arrives, and the response
 * to the client. A listener makes it; the exchange does not depend on how the listener reads requests.
 */

import type { HeaderEdits } from '../../src/gateway/header-hygiene.ts';
import type { Exchange, Handover, ResponseHead } from '../../src/gateway/plugin.ts';
import type { ProxiedRequest } from '../../src/gateway/proxied-request.ts';
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';

export interface Incoming extends ProxiedRequest {
  upstreamTarget: string;
  /** When its head was read, on the clock of `performance.now()`. */
  readonly startedAt: number;
  readonly edits: HeaderEdits | undefined;
  /** The length of the body to send upstream; `none`: there is neither a body nor a field about its length. */
  readonly upstreamBody: number | 'chunked' | 'none';
  /** The whole body, when it was read or replaced: it can be sent again with a retry. */
  readonly wholeBody: Uint8Array | undefined;
  /** The protocol that the client asks to switch to: `websocket`. */
  readonly upgrade: string | undefined;
  /** The response is complete, or the client disconnected. */
  readonly isClosed: boolean;
  /** Bytes of the request body, and of the response body. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** A response head was written. */
  readonly hasResponded: boolean;
  /** Why this request cannot be served at all; `undefined` when it can. The response closes the connection. */
  readonly problem: RequestProblem | undefined;

  observe(observer: IncomingObserver): void;

  /** Starts the flow of the body. Asks the client for it first, if it waits for that (`Expect: 100-continue`). */
  sendBody(receiver: BodyReceiver): void;
  pauseBody(): void;
  resumeBody(): void;

  /** An interim response (103): names and values in turn. */
  sendInterimResponse(status: number, fields: readonly string[]): void;
  /** A whole response. `fields`: names and values in turn, without lengths and fields about the connection. */
  respond(status: number, reason: string, fields: string[], body: string, encoding: 'latin1' | 'utf8'): void;
  /** The response to a HEAD, or one that has no body by its status, with the length it would have; -1: unknown. */
  respondBodiless(status: number, reason: string, fields: string[], length: number): void;
  /** The head of a response whose body follows. `length` -1: unknown. */
  beginResponse(status: number, reason: string, fields: string[], length: number): void;
  /** False: the client reads too slowly. The observer's `drained` is called when there is room again. */
  write(bytes: Uint8Array): boolean;
  end(trailers: readonly string[]): void;
  /** Ends the response so that the client notices that it is incomplete. */
  abort(): void;

  /** Has an OAuth endpoint respond, after the body was read. `beforeHead` is called before it sends its head; false: the head must not be sent. */
  handOver(handover: Handover, exchange: Exchange, beforeHead: (head: ResponseHead) => boolean): void;
}

export interface RequestProblem {
  readonly status: number;
  readonly message: string;
  readonly refusal: RefusalCode;
  /** Seconds after which the client may try again. */
  readonly retryAfter?: number;
}

export interface IncomingObserver {
  /** The client has room for more of the response. */
  drained(): void;
  /** The rest of the request cannot be read. */
  requestFailed(problem: RequestProblem): void;
  /** The response is complete, or the client disconnected. Called once. */
  closed(): void;
}

export interface BodyReceiver {
  requestBodyReceived(bytes: Buffer): void;
  requestBodyEnded(): void;
}

/** The client disconnected while its body was read. */
export class ClientGone extends Error {}

/** The body could not be read: the client stopped sending, or the gate has no memory for it. */
export class BodyUnread extends Error {
  readonly problem: RequestProblem;

  constructor(problem: RequestProblem) {
    super(problem.message);
    this.problem = problem;
  }
}
