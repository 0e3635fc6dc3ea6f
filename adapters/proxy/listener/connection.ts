/**
 * What is known of a client's connection, once for all its requests: who is at the other end, and whose turn it is.
 *
 * Requests of one HTTP/1.1 connection are worked off one after the other: "A server MAY process a sequence of pipelined
 * requests in parallel if they all have safe methods" (RFC 9112 §9.3.2), and one client must not have many at once.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { parseIpAddress } from '../../../src/address/ip-address.ts';
import type { Deadlines, Limited } from '../deadlines.ts';

/** A request whose turn comes. */
export interface Turn {
  begin(): void;
  /** The connection is gone. */
  closed(): void;
}

export class ClientConnection implements Limited {
  readonly peer: string;
  readonly peerTrusted: boolean;
  readonly localPort: number;
  readonly scheme: 'http' | 'https';
  readonly sni: string | undefined;
  readonly socket: Socket;
  /** No further request is taken: the connection ends with the answer under way. */
  closing = false;
  /** What comes next on it cannot be read. */
  failed = false;
  /** Requests that are not over yet. */
  inFlight = 0;
  /** Called instead of the next turn. */
  afterwards: (() => void) | undefined;
  deadline = Number.POSITIVE_INFINITY;
  deadlineAt = -1;
  readonly #turns: Turn[] = [];
  #paused = false;
  #idle: IdleLimit | undefined;
  /** Bytes that had come when it fell idle. */
  #readBefore = 0;

  constructor(socket: Socket, trusts: (address: string) => boolean) {
    this.socket = socket;
    // A dual-stack listener reports IPv4 peers as `::ffff:192.0.2.1`.
    this.peer = parseIpAddress(socket.remoteAddress ?? '') ?? socket.remoteAddress ?? '';
    this.peerTrusted = trusts(this.peer);
    this.localPort = socket.localPort ?? 0;
    const { encrypted, servername } = socket as Partial<TLSSocket> & { servername?: string | false };
    this.scheme = encrypted === true ? 'https' : 'http';
    this.sni = typeof servername === 'string' && servername !== '' ? servername : undefined;
    socket.on('close', () => {
      for (const turn of this.#turns.splice(0)) turn.closed();
    });
  }

  /** From now on it is ended when nothing was asked on it for so long. */
  limitIdle(limit: IdleLimit): void {
    this.#idle = limit;
    limit.deadlines.add(this);
    this.socket.on('close', () => limit.deadlines.remove(this));
  }

  /** Nothing was asked on it for too long. Where a head is on its way, or the rest of a body, it is given as long again. */
  expired(): void {
    if (this.#turns.length > 0) return;
    if (this.socket.bytesRead === this.#readBefore) this.socket.destroy();
    else this.#fallIdle();
  }

  /** The last request that was read, unless it is over. */
  get latest(): Turn | undefined {
    return this.#turns.at(-1);
  }

  /** Begins at once if nobody is before it. */
  enqueue(turn: Turn): void {
    this.deadline = Number.POSITIVE_INFINITY;
    if (this.#turns.push(turn) === 1) turn.begin();
    else if (this.#turns.length > mostWaiting) {
      this.#paused = true;
      this.socket.pause();
    }
  }

  /** The first one is through. */
  next(turn: Turn): void {
    if (this.#turns[0] !== turn) return;
    this.#turns.shift();
    if (this.#turns.length > 0) {
      this.#turns[0]!.begin();
      return;
    }
    this.#fallIdle();
    const { afterwards } = this;
    this.afterwards = undefined;
    if (this.#paused) {
      this.#paused = false;
      this.socket.resume();
    }
    afterwards?.();
  }

  #fallIdle(): void {
    if (this.#idle === undefined) return;
    this.#readBefore = this.socket.bytesRead;
    this.#idle.deadlines.set(this, this.#idle.milliseconds, performance.now());
  }

  /**
   * Ends a connection whose client may still be sending: it hears the answer first. A socket that is closed while bytes
   * lie unread in it is reset, and the answer is lost on the way (RFC 9112 §9.6).
   */
  linger(): void {
    const { socket } = this;
    this.closing = true;
    const before = socket.bytesRead;
    let rounds = 0;
    const look = setInterval(() => {
      if (++rounds >= lingerRounds || socket.bytesRead - before > lingerBytes) socket.destroy();
    }, lingerRound).unref();
    socket.once('close', () => clearInterval(look));
    socket.end();
    socket.resume();
  }
}

export interface IdleLimit {
  readonly deadlines: Deadlines;
  readonly milliseconds: number;
}

const mostWaiting = 8;
const lingerRounds = 20;
const lingerRound = 100;
const lingerBytes = 16 * 1024 * 1024;
