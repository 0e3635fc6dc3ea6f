/**
 * Connections to upstreams: raw sockets, one request in flight on each, kept when idle and taken again the latest first.
 *
 *   open ──▶ (connecting) ──▶ in use ⇄ idle ──▶ closed
 *
 * All sockets read into one buffer: every callback is done with it when it returns, so an answer that comes in one piece
 * costs no allocation but its text, and no stream machinery stands between.
 */
import { connect as connectPlain, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { parseHost, serverNameFor } from '../../src/address/host.ts';
import type { UpstreamService } from '../../src/gateway/snapshot.ts';
import { ChunkedReader, type ChunkReceiver } from './chunked.ts';
import type { Deadlines, Limited } from './deadlines.ts';
import { type Framing, readTrailers, readUpstreamHead, type UpstreamHead } from './upstream-head.ts';

export interface UpstreamSettings {
  /** What stands for a service whose `tls_verify` is not set. */
  readonly tlsVerify: boolean;
  /** Authorities to verify by, in PEM, in the place of those Node knows. */
  readonly ca: string | readonly string[] | undefined;
  /** Authorities and certificates of services, by their ids, asked at each handshake. */
  readonly certificates?: UpstreamCertificates | undefined;
  /** Idle connections kept for one upstream, and for how many milliseconds. */
  readonly idleLimit: number;
  readonly idleTimeout: number;
  /** Requests on one connection; 0: no limit. */
  readonly requestLimit: number;
  /** Looks names up in the place of the system's resolver. */
  readonly lookup: LookupFunction | undefined;
}

export interface UpstreamCertificates {
  /** In PEM. */
  authorities(ids: readonly string[]): readonly string[];
  /** `undefined`: there is none, and none is shown. */
  pair(id: string): { readonly cert: string; readonly key: string } | undefined;
}

/** Who waits for an answer on a connection. */
export interface ResponseReceiver {
  /** An answer to HEAD has no body. */
  readonly toHead: boolean;
  /** The whole request is written, so the connection can take another one after the answer. */
  readonly requestSent: boolean;
  connected(): void;
  /** What was written has been taken: there is room again. */
  drained(): void;
  /** An interim answer (1xx). */
  informed(head: UpstreamHead): void;
  /** The head; with `whole` (latin1) the body too, and then the connection is given back already. */
  answered(head: UpstreamHead, whole: string | undefined): void;
  received(bytes: Buffer): void;
  /** The end of the body. The connection is given back already. */
  finished(trailers: string[]): void;
  /** There will be no (more of the) answer. The connection is closed. */
  failed(failure: UpstreamFailure): void;
  /** The time set by `limit` is over. */
  expired(): void;
}

export interface UpstreamFailure {
  readonly kind: 'unresolved' | 'unreachable' | 'closed' | 'malformed';
  /** For the log. */
  readonly cause: string;
  /** The connection was there, so that the upstream may have seen the request. */
  readonly sent: boolean;
  /** It was an idle one, and has perhaps died just then. */
  readonly reused: boolean;
  /** Something of the answer had come. */
  readonly answered: boolean;
}

/** One place where upstream connections lead to. */
export interface OriginTls {
  readonly servername: string;
  readonly verify: boolean;
  /** Ids of the authorities to verify by; `undefined`: those of the settings. */
  readonly authorities: readonly string[] | undefined;
  /** Id of the certificate to show. */
  readonly shown: string | undefined;
}

export class Origin {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly tls: OriginTls | undefined;
  readonly idle: UpstreamConnection[] = [];
  connections = 0;
  /** The last TLS session, so that the next handshake is a short one. */
  session: Buffer | undefined;

  constructor(key: string, host: string, port: number, tls: Origin['tls']) {
    this.key = key;
    this.host = host;
    this.port = port;
    this.tls = tls;
  }
}

export class UpstreamPool {
  readonly settings: UpstreamSettings;
  readonly deadlines: Deadlines;
  readonly #origins = new Map<string, Origin>();
  readonly #ofService = new WeakMap<UpstreamService, Origin>();
  readonly #open = new Set<UpstreamConnection>();
  #closed = false;

  constructor(settings: UpstreamSettings, deadlines: Deadlines) {
    this.settings = settings;
    this.deadlines = deadlines;
  }

  /** `serverName`: the host that the client asked for, where it is passed on; it is then the one TLS is asked for too. */
  origin(service: UpstreamService, serverName: string | undefined): Origin {
    const secure = service.protocol === 'https' || service.protocol === 'wss';
    const ofService = secure && serverName !== undefined ? undefined : this.#ofService.get(service);
    if (ofService !== undefined) return ofService;
    const host = parseHost(service.host) ?? service.host;
    const name = serverName ?? host;
    const tls = secure
      ? {
          servername: serverNameFor(name),
          verify: service.tlsVerify ?? this.settings.tlsVerify,
          authorities: service.caCertificates,
          shown: service.clientCertificate,
        }
      : undefined;
    const key = `${tls === undefined ? 'http' : `https ${tls.servername} ${tls.verify} ${tls.authorities?.join() ?? '*'} ${tls.shown ?? ''}`} ${host} ${service.port}`;
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      origin = new Origin(key, host, service.port, tls);
      this.#origins.set(key, origin);
    }
    if (!secure || serverName === undefined) this.#ofService.set(service, origin);
    return origin;
  }

  /** A connection for one request. `fresh`: not an idle one, of which one has just turned out to be dead. */
  take(origin: Origin, receiver: ResponseReceiver, fresh: boolean): UpstreamConnection {
    const idle = fresh ? undefined : origin.idle.pop();
    if (idle !== undefined) {
      idle.use(receiver);
      return idle;
    }
    const connection = new UpstreamConnection(this, origin, receiver);
    origin.connections++;
    this.#open.add(connection);
    this.deadlines.add(connection);
    return connection;
  }

  /** Puts a connection by for the next request, or closes it. */
  keep(connection: UpstreamConnection, milliseconds: number): void {
    const { idle } = connection.origin;
    if (this.#closed || milliseconds <= 0 || idle.length >= this.settings.idleLimit) {
      connection.destroy();
      return;
    }
    idle.push(connection);
    connection.limit(milliseconds, performance.now());
  }

  gone(connection: UpstreamConnection): void {
    if (!this.#open.delete(connection)) return;
    const { origin } = connection;
    this.deadlines.remove(connection);
    const at = origin.idle.lastIndexOf(connection);
    if (at !== -1) origin.idle.splice(at, 1);
    // Names that clients chose must not pile up.
    if (--origin.connections === 0) this.#origins.delete(origin.key);
  }

  /** Closes what is idle now and, when they are through, what is in use. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#open) if (connection.isIdle) connection.destroy();
  }

  destroy(): void {
    this.#closed = true;
    for (const connection of this.#open) connection.destroy();
  }
}

const buffer = Buffer.allocUnsafeSlow(65_536);
const longestHead = 65_536;
/** Up to this length head and body are read as one text. */
const oneText = 16_384;
const mostInterimResponses = 32;

export class UpstreamConnection implements Limited, ChunkReceiver {
  deadline = Number.POSITIVE_INFINITY;
  deadlineAt = -1;
  readonly origin: Origin;
  isConnected = false;
  readonly #pool: UpstreamPool;
  readonly #socket: Socket | TLSSocket;
  #receiver: ResponseReceiver | undefined;
  #requests = 0;
  #error: NodeJS.ErrnoException | undefined;
  #unresolved = false;
  // The answer that is being read
  #partial: Buffer | undefined;
  #framing: Framing | undefined;
  #left = 0;
  #chunked: ChunkedReader | undefined;
  #persistent = false;
  #idleSeconds = -1;
  #anything = false;
  #interim = 0;
  #paused = false;

  constructor(pool: UpstreamPool, origin: Origin, receiver: ResponseReceiver) {
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
    const { host, port, tls } = origin;
    const where = {
      host,
      port,
      noDelay: true,
      onread,
      ...(settings.lookup === undefined ? {} : { lookup: settings.lookup }),
    };
    if (tls === undefined) {
      this.#socket = connectPlain(where);
      this.#socket.on('connect', () => this.#connected());
    } else {
      const socket = connectTls({
        ...where,
        servername: tls.servername,
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: tls.verify,
        ...certificatesFor(tls, settings),
        // A session would go on by a certificate or an authority that is another one by now.
        ...(origin.session === undefined || tls.authorities !== undefined || tls.shown !== undefined
          ? {}
          : { session: origin.session }),
      });
      socket.on('secureConnect', () => this.#connected());
      socket.on('session', (session) => {
        origin.session = session;
      });
      this.#socket = socket;
    }
    this.#socket.on('lookup', (error) => {
      if (error) this.#unresolved = true;
    });
    this.#socket.on('drain', () => this.#receiver?.drained());
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#closed());
  }

  get isIdle(): boolean {
    return this.#receiver === undefined;
  }

  use(receiver: ResponseReceiver): void {
    this.#receiver = receiver;
    this.#requests++;
    this.#framing = undefined;
    this.#anything = false;
    this.#interim = 0;
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

  /** Nobody waits for an answer any more. */
  destroy(): void {
    this.#receiver = undefined;
    this.#socket.destroy();
    this.#pool.gone(this);
  }

  #connected(): void {
    this.isConnected = true;
    this.#receiver?.connected();
  }

  #read(bytes: Buffer, length: number): void {
    const receiver = this.#receiver;
    if (receiver === undefined) {
      // An answer that nobody asked for. It must never be taken for the next one's.
      this.destroy();
      return;
    }
    this.#anything = true;
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
        if (to - from > longestHead) this.#fail('malformed', 'its head is too long');
        else this.#partial = Buffer.from(bytes.subarray(from, to));
        return;
      }
      const head = readUpstreamHead(text, end + 2, receiver.toHead);
      if (head === undefined) {
        this.#fail('malformed', 'its head is malformed');
        return;
      }
      from += end + 4;
      if (head.status >= 200) {
        this.#begin(receiver, head, text, end + 4, bytes, from, to);
        return;
      }
      if (head.status === 101 || ++this.#interim > mostInterimResponses) {
        this.#fail('malformed', 'an interim answer that was not asked for');
        return;
      }
      receiver.informed(head);
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
    this.#persistent = head.persistent;
    this.#idleSeconds = head.idleSeconds;
    this.#framing = head.framing;
    const length = head.framing === 'length' ? head.length : head.framing === 'none' ? 0 : -1;
    if (length >= 0 && text.length - textFrom >= length) {
      const whole = text.slice(textFrom, textFrom + length);
      this.#giveBack(receiver, to - from > length);
      receiver.answered(head, whole);
      return;
    }
    if (head.framing === 'length') this.#left = head.length;
    else if (head.framing === 'chunked') this.#chunked = new ChunkedReader();
    receiver.answered(head, undefined);
    if (from < to && this.#receiver === receiver) this.#readBody(receiver, bytes, from, to);
  }

  #readBody(receiver: ResponseReceiver, bytes: Buffer, from: number, to: number): void {
    if (this.#framing === 'length') {
      const end = Math.min(to, from + this.#left);
      this.#left -= end - from;
      receiver.received(Buffer.from(bytes.subarray(from, end)));
      if (this.#left === 0 && this.#receiver === receiver) {
        this.#giveBack(receiver, end < to);
        receiver.finished([]);
      }
    } else if (this.#framing === 'chunked') {
      const chunked = this.#chunked!;
      const end = chunked.read(bytes, from, to, this);
      if (this.#receiver !== receiver) return;
      const trailers = chunked.done ? readTrailers(chunked.trailers) : [];
      if (end === -1 || trailers === undefined) {
        this.#fail('malformed', 'its chunked body is malformed');
      } else if (chunked.done) {
        this.#chunked = undefined;
        this.#giveBack(receiver, end < to);
        receiver.finished(trailers);
      }
    } else {
      receiver.received(Buffer.from(bytes.subarray(from, to)));
    }
  }

  chunk(bytes: Buffer, from: number, to: number): void {
    this.#receiver?.received(Buffer.from(bytes.subarray(from, to)));
  }

  /** The answer is over. `more`: something came after it, which no request has asked for. */
  #giveBack(receiver: ResponseReceiver, more: boolean): void {
    this.#receiver = undefined;
    const { requestLimit, idleTimeout } = this.#pool.settings;
    const used = requestLimit > 0 && this.#requests + 1 >= requestLimit;
    if (more || used || !this.#persistent || !receiver.requestSent) {
      this.destroy();
      return;
    }
    // The one it was held back for is through. Whoever takes it next waits for an answer, and while nobody has it the
    // upstream may close it.
    if (this.#paused) this.resume();
    // A second before the upstream closes it: a request that is under way just then would be lost.
    const hinted = this.#idleSeconds === -1 ? idleTimeout : this.#idleSeconds * 1000 - 1000;
    this.#pool.keep(this, Math.min(idleTimeout, hinted));
  }

  #ended(): void {
    const receiver = this.#receiver;
    if (receiver !== undefined && this.#framing === 'close') {
      this.#receiver = undefined;
      this.destroy();
      receiver.finished([]);
    } else this.#closed();
  }

  #closed(): void {
    if (this.#receiver === undefined) this.destroy();
    else if (this.isConnected) this.#fail('closed', this.#error?.code ?? 'it closed the connection');
    else this.#fail(this.#unresolved ? 'unresolved' : 'unreachable', causeOf(this.#error));
  }

  #fail(kind: UpstreamFailure['kind'], cause: string): void {
    const receiver = this.#receiver;
    const failure = {
      kind,
      cause,
      sent: this.isConnected,
      reused: this.#requests > 0,
      answered: this.#anything,
    };
    this.destroy();
    receiver?.failed(failure);
  }
}

/** Of several addresses that were tried each has an error; the first is as good as any. */
function causeOf(error: (NodeJS.ErrnoException & { readonly errors?: NodeJS.ErrnoException[] }) | undefined): string {
  return error?.code ?? error?.errors?.[0]?.code ?? 'no connection';
}

function certificatesFor(
  { authorities, shown }: OriginTls,
  { ca, certificates }: UpstreamSettings,
): { ca?: string | string[]; cert?: string; key?: string } {
  const by = authorities === undefined ? ca : (certificates?.authorities(authorities) ?? []);
  const pair = shown === undefined ? undefined : certificates?.pair(shown);
  return { ...(by === undefined ? {} : { ca: by as string | string[] }), ...pair };
}
