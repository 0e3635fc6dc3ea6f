/**
 * One connection to an upstream: a raw socket with one request in flight, which writes requests and reads responses.
 *
 *   connecting ──▶ in use ⇄ idle ──▶ closed
 *
 * All sockets read into one buffer, since every callback is done with it when it returns. So a response that arrives in
 * one piece costs no allocation except its text, and no stream machinery.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Deadlines, Limited } from '../deadlines.ts';
import { ChunkedReader, type ChunkReceiver } from './chunked.ts';
import { type Framing, readTrailers, readUpstreamHead, type UpstreamHead } from './head.ts';
import {
  causeOf,
  type OriginTls,
  openSocket,
  type UpstreamSettings,
  uncork,
  type Waiting,
  waitingOn,
} from './socket.ts';

/** Receives the response to a request on a connection. */
export interface ResponseReceiver {
  /** The request is a HEAD: its response has no body. */
  readonly toHead: boolean;
  /** The whole request is written, so the connection can carry another one after the response. */
  readonly requestSent: boolean;
  /** The request can be sent again if its connection turns out to be closed. If not, the connection is checked before use. */
  readonly isRepeatable: boolean;
  connected(): void;
  /** The socket's write buffer is empty again. */
  drained(): void;
  /** An interim response (1xx). */
  interimResponseReceived(head: UpstreamHead): void;
  /** With `whole` (latin1), the body is complete and the connection is already released. */
  responseHeadReceived(head: UpstreamHead, whole: string | undefined): void;
  responseBodyReceived(bytes: Buffer): void;
  /** The connection is already released. */
  responseEnded(trailers: string[]): void;
  /** The rest of the response will not come. The connection is closed. */
  failed(failure: UpstreamFailure): void;
  /** The time set by `limit` is over. */
  expired(): void;
}

export interface UpstreamFailure {
  readonly kind: 'unresolved' | 'unreachable' | 'closed' | 'malformed';
  /** For the log. */
  readonly cause: string;
  /** Bytes of the request were written, so the upstream may have seen them. */
  readonly sent: boolean;
  /** It was an idle connection, which the upstream may have closed at that moment. */
  readonly reused: boolean;
  /** Bytes of the response had arrived. */
  readonly responseStarted: boolean;
}

/** What a connection uses of its pool. */
export interface ConnectionPool {
  readonly settings: UpstreamSettings;
  readonly deadlines: Deadlines;
  /** Keeps a connection for the next request, for some time (0: without a limit), or closes it. */
  release(connection: UpstreamConnection, milliseconds: number): void;
  /** The connection is closed. */
  remove(connection: UpstreamConnection): void;
}

/** A host and port, with the TLS that connections to it share. */
export class Origin {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly tls: OriginTls | undefined;
  readonly idle: UpstreamConnection[] = [];
  connections = 0;
  /** The last TLS session, so that the next handshake is shorter. */
  session: Buffer | undefined;

  constructor(key: string, host: string, port: number, tls: Origin['tls']) {
    this.key = key;
    this.host = host;
    this.port = port;
    this.tls = tls;
  }
}

const buffer = Buffer.allocUnsafeSlow(65_536);
const longestHead = 65_536;
/** Up to this length, head and body are decoded as one text. */
const oneText = 16_384;
const mostInterimResponses = 32;
/** Reads ahead in a body whose response head is not delivered yet. */
const lookahead = new ChunkedReader();
const noReceiver: ChunkReceiver = { chunk: () => {} };

export class UpstreamConnection implements Limited, ChunkReceiver {
  deadline = Number.POSITIVE_INFINITY;
  deadlineAt = -1;
  readonly origin: Origin;
  isConnected = false;
  readonly #pool: ConnectionPool;
  readonly #socket: Socket | TLSSocket;
  #receiver: ResponseReceiver | undefined;
  #requests = 0;
  #error: NodeJS.ErrnoException | undefined;
  #unresolved = false;
  // The response being read
  #partial: Buffer | undefined;
  #framing: Framing | undefined;
  #left = 0;
  #chunked: ChunkedReader | undefined;
  /** This response is the last one on the connection. */
  #closes = false;
  #idleSeconds = -1;
  #responseStarted = false;
  #interimResponses = 0;
  #paused = false;

  constructor(pool: ConnectionPool, origin: Origin, receiver: ResponseReceiver) {
    this.#pool = pool;
    this.origin = origin;
    this.#receiver = receiver;
    const { settings } = pool;
    const onread = {
      buffer,
      callback: (length: number, bytes: Uint8Array): boolean => {
        this.#read(bytes as Buffer, length);
        return true;
      },
    };
    this.#socket = openSocket(origin, settings, onread);
    this.#socket.on(origin.tls === undefined ? 'connect' : 'secureConnect', () => this.#connected());
    this.#socket.on('lookup', (error) => {
      if (error) this.#unresolved = true;
    });
    this.#socket.on('drain', () => this.#receiver?.drained());
    // The event `close` follows only at the end of the turn. Until then an idle connection would still be taken.
    this.#socket.on('error', (error) => {
      this.#error = error;
      this.#socketClosed();
    });
    this.#socket.on('end', () => this.#socketEnded());
    this.#socket.on('close', () => this.#socketClosed());
  }

  get isIdle(): boolean {
    return this.#receiver === undefined;
  }

  /** Bytes of the response to the current request have arrived. */
  get responseStarted(): boolean {
    return this.#responseStarted;
  }

  /** What has arrived that the event loop has not delivered yet. A system call: requests that can be repeated do without. */
  waiting(): Waiting {
    return waitingOn(this.#socket);
  }

  use(receiver: ResponseReceiver): void {
    this.#receiver = receiver;
    this.#requests++;
    this.#framing = undefined;
    this.#closes = false;
    this.#responseStarted = false;
    this.#interimResponses = 0;
  }

  /** Holds back what is written, so that head and body go out together: one system call, and one moment. */
  hold(): void {
    this.#socket.cork();
  }

  flush(): void {
    this.#socket.uncork();
  }

  /** Flushes after the current callback: what arrived together with the head is then written too. */
  flushSoon(): void {
    process.nextTick(uncork, this.#socket);
  }

  /** Head, or head and body, as latin1. */
  send(text: string): boolean {
    return this.#socket.write(text, 'latin1');
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes);
  }

  /** A piece of a chunked body (RFC 9112 §7.1). */
  writeChunk(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
    socket.write(bytes);
    const room = socket.write('\r\n', 'latin1');
    socket.uncork();
    return room;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  limit(milliseconds: number, now: number): void {
    this.#pool.deadlines.set(this, milliseconds, now);
  }

  expired(): void {
    if (this.#receiver === undefined) this.destroy();
    else this.#receiver.expired();
  }

  /** Closes the connection without a call of its receiver. */
  destroy(): void {
    this.#receiver = undefined;
    this.#socket.destroy();
    this.#pool.remove(this);
  }

  #connected(): void {
    // What a TLS connection has waiting may be a session ticket.
    const waiting = this.origin.tls === undefined ? this.waiting() : 'nothing';
    if (waiting === 'bytes') this.#fail('malformed', 'the upstream sent bytes before it received a request');
    else if (waiting === 'end') this.#fail('closed', closedByUpstream);
    else {
      this.isConnected = true;
      this.#receiver?.connected();
    }
  }

  #read(bytes: Buffer, length: number): void {
    const receiver = this.#receiver;
    if (receiver === undefined) {
      // A response without a request. It must never pass for the response to the next request.
      this.destroy();
      return;
    }
    this.#responseStarted = true;
    if (this.#framing === undefined) this.#readHead(receiver, bytes, length);
    else this.#readBody(receiver, bytes, 0, length);
  }

  #readHead(receiver: ResponseReceiver, arrived: Buffer, length: number): void {
    let bytes = arrived;
    let to = length;
    if (this.#partial !== undefined) {
      bytes = Buffer.concat([this.#partial, arrived.subarray(0, length)]);
      to = bytes.length;
      this.#partial = undefined;
    }
    for (let from = 0; ; ) {
      let text = bytes.toString('latin1', from, Math.min(to, from + oneText));
      let end = text.indexOf('\r\n\r\n');
      if (end === -1 && to - from > oneText) {
        text = bytes.toString('latin1', from, to);
        end = text.indexOf('\r\n\r\n');
      }
      if (end === -1) {
        if (to - from > longestHead) this.#fail('malformed', 'the response head is too long');
        else this.#partial = Buffer.from(bytes.subarray(from, to));
        return;
      }
      const head = readUpstreamHead(text, end + 2, receiver.toHead);
      if (head === undefined) {
        this.#fail('malformed', 'the response head is malformed');
        return;
      }
      from += end + 4;
      if (head.status >= 200) {
        this.#begin(receiver, head, text, end + 4, bytes, from, to);
        return;
      }
      if (head.status === 101 || ++this.#interimResponses > mostInterimResponses) {
        this.#fail('malformed', 'an unexpected interim response');
        return;
      }
      if (!head.persistent) this.#closes = true;
      receiver.interimResponseReceived(head);
      if (this.#receiver !== receiver || from === to) return;
    }
  }

  #begin(
    receiver: ResponseReceiver,
    head: UpstreamHead,
    text: string,
    textFrom: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    if (!head.persistent) this.#closes = true;
    this.#idleSeconds = head.idleSeconds;
    this.#framing = head.framing;
    const length = head.framing === 'length' ? head.length : head.framing === 'none' ? 0 : -1;
    if (length >= 0 && text.length - textFrom >= length) {
      const whole = text.slice(textFrom, textFrom + length);
      this.#release(receiver, to - from > length);
      receiver.responseHeadReceived(head, whole);
      return;
    }
    if (head.framing === 'length') this.#left = head.length;
    else if (head.framing === 'chunked') {
      // The client can still get a 502, as long as its response has not begun.
      if (from < to && !isWellFormed(bytes, from, to)) {
        this.#fail('malformed', malformedBody);
        return;
      }
      this.#chunked = new ChunkedReader();
    }
    receiver.responseHeadReceived(head, undefined);
    if (from < to && this.#receiver === receiver) this.#readBody(receiver, bytes, from, to);
  }

  #readBody(receiver: ResponseReceiver, bytes: Buffer, from: number, to: number): void {
    if (this.#framing === 'length') {
      const end = Math.min(to, from + this.#left);
      this.#left -= end - from;
      receiver.responseBodyReceived(Buffer.from(bytes.subarray(from, end)));
      if (this.#left === 0 && this.#receiver === receiver) {
        this.#release(receiver, end < to);
        receiver.responseEnded([]);
      }
    } else if (this.#framing === 'chunked') {
      const chunked = this.#chunked!;
      const end = chunked.read(bytes, from, to, this);
      if (this.#receiver !== receiver) return;
      const trailers = chunked.done ? readTrailers(chunked.trailers) : [];
      if (end === -1 || trailers === undefined) {
        this.#fail('malformed', malformedBody);
      } else if (chunked.done) {
        this.#chunked = undefined;
        if (/^connection[\t ]*:/im.test(chunked.trailers)) this.#closes = true;
        this.#release(receiver, end < to);
        receiver.responseEnded(trailers);
      }
    } else {
      receiver.responseBodyReceived(Buffer.from(bytes.subarray(from, to)));
    }
  }

  chunk(bytes: Buffer, from: number, to: number): void {
    this.#receiver?.responseBodyReceived(Buffer.from(bytes.subarray(from, to)));
  }

  /** The response is complete. `more`: bytes came after it, which belong to no request. */
  #release(receiver: ResponseReceiver, more: boolean): void {
    this.#receiver = undefined;
    const { requestLimit, idleTimeout } = this.#pool.settings;
    const used = requestLimit > 0 && this.#requests + 1 >= requestLimit;
    if (more || used || this.#closes || !receiver.requestSent) {
      this.destroy();
      return;
    }
    // Reading was paused for a slow client, whose response is complete. The next request needs it to flow, and so does an
    // idle connection, to notice that the upstream closes it.
    if (this.#paused) this.resume();
    // A second less than the upstream keeps it: a request in flight at that moment would be lost.
    const hinted = this.#idleSeconds === -1 ? idleTimeout : this.#idleSeconds * 1000 - 1000;
    if (hinted <= 0 && this.#idleSeconds !== -1) this.destroy();
    else this.#pool.release(this, idleTimeout === 0 ? hinted : Math.min(idleTimeout, hinted));
  }

  #socketEnded(): void {
    const receiver = this.#receiver;
    if (receiver !== undefined && this.#framing === 'close') {
      this.#receiver = undefined;
      this.destroy();
      receiver.responseEnded([]);
    } else this.#socketClosed();
  }

  #socketClosed(): void {
    if (this.#receiver === undefined) this.destroy();
    else if (this.isConnected) this.#fail('closed', this.#error?.code ?? closedByUpstream);
    else this.#fail(this.#unresolved ? 'unresolved' : 'unreachable', causeOf(this.#error));
  }

  #fail(kind: UpstreamFailure['kind'], cause: string): void {
    const receiver = this.#receiver;
    const failure = {
      kind,
      cause,
      sent: this.isConnected,
      reused: this.#requests > 0,
      responseStarted: this.#responseStarted,
    };
    this.destroy();
    receiver?.failed(failure);
  }
}

const closedByUpstream = 'the upstream closed the connection';
const malformedBody = 'the chunked body is malformed';

/** Whether a chunked body can begin with these bytes. */
function isWellFormed(bytes: Buffer, from: number, to: number): boolean {
  lookahead.reset();
  const end = lookahead.read(bytes, from, to, noReceiver);
  return end !== -1 && (!lookahead.done || readTrailers(lookahead.trailers) !== undefined);
}
