/**
 * One request as the exchange has it in hand: what plugins see of it (`ProxiedRequest`), its body as it comes in, and the
 * way back to the client. A listener makes it; whether node:http stands behind it or a reader of our own, nobody knows.
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
  /** The length of the body that is to be sent upstream; `none`: there is neither a body nor a word about its length. */
  readonly upstreamBody: number | 'chunked' | 'none';
  /** The whole body, when it was read or replaced: it can be sent as often as need be. */
  readonly wholeBody: Uint8Array | undefined;
  /** The client asks to go on in another protocol: `websocket`. */
  readonly upgrade: string | undefined;
  /** The client is gone, or everything was answered. */
  readonly isOver: boolean;
  /** Bytes of the body received, and of the answer's body sent. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** The head of an answer was written. */
  readonly hasResponded: boolean;
  /** Why this request cannot be served at all; `undefined` when it can. The connection is closed with the answer. */
  readonly problem: RequestProblem | undefined;

  observe(observer: IncomingObserver): void;

  /** Starts the flow of the body. Asks the client for it first, if it waits for that (`Expect: 100-continue`). */
  sendBody(receiver: BodyReceiver): void;
  pauseBody(): void;
  resumeBody(): void;

  /** An interim answer (103): names and values in turn. */
  inform(status: number, fields: readonly string[]): void;
  /** A whole answer. `fields`: names and values in turn, without lengths and what concerns the connection. */
  answer(status: number, reason: string, fields: string[], body: string, encoding: 'latin1' | 'utf8'): void;
  /** The answer to a HEAD, or one that has no body by its status, with the length it would have; -1: not known. */
  respondBodiless(status: number, reason: string, fields: string[], length: number): void;
  /** The head of an answer whose body follows. `length` -1: not known. */
  beginResponse(status: number, reason: string, fields: string[], length: number): void;
  /** False: the client is slower than us. `drained` is told when there is room. */
  write(bytes: Uint8Array): boolean;
  end(trailers: readonly string[]): void;
  /** There is no honest end to this answer: the client must notice that it was cut off. */
  abort(): void;

  /** Has one of our own endpoints answer. `heading` is called when it is about to send its head; false: it must not. */
  handOver(handover: Handover, exchange: Exchange, heading: (head: ResponseHead) => boolean): void;
}

export interface RequestProblem {
  readonly status: number;
  readonly message: string;
  readonly refusal: RefusalCode;
}

export interface IncomingObserver {
  /** The client can take more. */
  drained(): void;
  /** The rest of the request cannot be read. */
  broken(problem: RequestProblem): void;
  /** It is over: answered in full, or the client is gone. Told once. */
  over(): void;
}

export interface BodyReceiver {
  bodyReceived(bytes: Buffer): void;
  bodyEnded(): void;
}

/** The client went away while its body was read. */
export class ClientGone extends Error {}

/** The client stopped sending while its body was read. */
export class BodyTimeout extends Error {}
