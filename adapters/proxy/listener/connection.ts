/**
 * A client's connection, for all its requests: the address of the peer, and the queue of pipelined requests.
 *
 * Requests of one HTTP/1.1 connection are processed one after the other: "A server MAY process a sequence of pipelined
 * requests in parallel if they all have safe methods" (RFC 9112 §9.3.2), and one client must not have many at once.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { parseIpAddress } from '../../../src/address/ip-address.ts';
import type { Deadlines, Limited } from '../../deadlines.ts';
import type { RequestProblem } from '../incoming.ts';

/** A request in the queue of its connection. */
export interface QueuedRequest {
  begin(): void;
  /** The connection is closed. */
  closed(): void;
}

export class ClientConnection implements Limited {
  readonly peer: string;
  readonly peerTrusted: boolean;
  readonly localPort: number;
  readonly scheme: 'http' | 'https';
  readonly sni: string | undefined;
  readonly socket: Socket;
  /** Why all its requests are refused: there are too many connections. */
  readonly refused: RequestProblem | undefined;
  /** No further request is accepted: the connection ends with the response in progress. */
  closing = false;
  /** The bytes that come next cannot be parsed. */
  failed = false;
  /** Requests in progress. */
  inFlight = 0;
  /** Called once, when the queue is empty. */
  whenIdle: (() => void) | undefined;
  deadline = Number.POSITIVE_INFINITY;
  deadlineAt = -1;
  readonly #queue: QueuedRequest[] = [];
  #paused = false;
  #idle: IdleLimit | undefined;
  /** Bytes received when it became idle. */
  #bytesReadWhenIdle = 0;

  constructor(socket: Socket, trusts: (address: string) => boolean, refused?: RequestProblem) {
    this.socket = socket;
    this.refused = refused;
    // A dual-stack listener reports IPv4 peers as `::ffff:192.0.2.1`.
    this.peer = parseIpAddress(socket.remoteAddress ?? '') ?? socket.remoteAddress ?? '';
    this.peerTrusted = trusts(this.peer);
    this.localPort = socket.localPort ?? 0;
    const { encrypted, servername } = socket as Partial<TLSSocket> & { servername?: string | false };
    this.scheme = encrypted === true ? 'https' : 'http';
    this.sni = typeof servername === 'string' && servername !== '' ? servername : undefined;
    socket.on('close', () => {
      for (const request of this.#queue.splice(0)) request.closed();
    });
  }

  /** Closes the connection when it was idle for this time. */
  limitIdle(limit: IdleLimit): void {
    this.#idle = limit;
    limit.deadlines.add(this);
    this.socket.on('close', () => limit.deadlines.remove(this));
  }

  /** The idle time is over. Where bytes have arrived (a head, or the rest of a body), it starts again. */
  expired(): void {
    if (this.#queue.length > 0) return;
    if (this.socket.bytesRead === this.#bytesReadWhenIdle) this.socket.destroy();
    else this.#becomeIdle();
  }

  /** The last request read, if it is still in progress. */
  get latest(): QueuedRequest | undefined {
    return this.#queue.at(-1);
  }

  /** Begins at once if the queue is empty. */
  enqueue(request: QueuedRequest): void {
    this.deadline = Number.POSITIVE_INFINITY;
    if (this.#queue.push(request) === 1) request.begin();
    else if (this.#queue.length > longestQueue) {
      this.#paused = true;
      this.socket.pause();
    }
  }

  /** The first request of the queue is complete: begins the next one. */
  completed(request: QueuedRequest): void {
    if (this.#queue[0] !== request) return;
    this.#queue.shift();
    if (this.#queue.length > 0) {
      this.#queue[0]!.begin();
      return;
    }
    this.#becomeIdle();
    const { whenIdle } = this;
    this.whenIdle = undefined;
    if (this.#paused) {
      this.#paused = false;
      this.socket.resume();
    }
    whenIdle?.();
  }

  endIfIdle(): void {
    if (this.#queue.length === 0 && !this.closing && !this.socket.destroyed) this.linger();
  }

  #becomeIdle(): void {
    if (this.#idle === undefined) return;
    this.#bytesReadWhenIdle = this.socket.bytesRead;
    this.#idle.deadlines.set(this, this.#idle.milliseconds, performance.now());
  }

  /**
   * Ends a connection whose client may still be sending, so that the client gets the response first. Closing a socket with
   * unread bytes resets the connection, and the response is lost (RFC 9112 §9.6).
   */
  linger(): void {
    const { socket } = this;
    this.closing = true;
    const before = socket.bytesRead;
    let rounds = 0;
    const timer = setInterval(() => {
      if (++rounds >= lingerRounds || socket.bytesRead - before > lingerBytes) socket.destroy();
    }, lingerRound).unref();
    socket.once('close', () => clearInterval(timer));
    socket.end();
    socket.resume();
  }
}

export interface IdleLimit {
  readonly deadlines: Deadlines;
  readonly milliseconds: number;
}

const longestQueue = 8;
const lingerRounds = 20;
const lingerRound = 100;
const lingerBytes = 16 * 1024 * 1024;
