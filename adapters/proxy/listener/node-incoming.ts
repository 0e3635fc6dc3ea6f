/** A request that node:http or node:http2 parsed, its body as it arrives, and the response to the client. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import {
  bothEdits,
  changeable,
  type HeaderEdits,
  removeHeader as removeFrom,
  setHeader as setIn,
} from '../../../src/gateway/header-hygiene.ts';
import type { Exchange, Handover, ResponseHead } from '../../../src/gateway/plugin.ts';
import type { MaybePromise } from '../../../src/ports/maybe-promise.ts';
import type { Budget } from '../../../src/records/budget.ts';
import { HeldBody } from '../held-body.ts';
import {
  type BodyReceiver,
  BodyUnread,
  ClientGone,
  type Incoming,
  type IncomingObserver,
  type RequestProblem,
} from '../incoming.ts';
import { newRequestId } from '../request-id.ts';
import type { ClientConnection, QueuedRequest } from './connection.ts';
import { badRequest, examineHttp1, examineHttp2 } from './message.ts';
import type { GateHttp2Response, GateResponse } from './responses.ts';

/** Shared by all requests of a listener. */
export interface ListenerEnvironment {
  /** Begins the exchange of a request. */
  readonly begin: (incoming: Incoming) => void;
  /** Serves a request that a plugin hands over. If it throws, the client gets a 500. */
  readonly serveEndpoint: ServeEndpoint;
  readonly failed: (error: unknown, about: { readonly requestId: string; readonly routeId: string }) => void;
  /** Bytes of a head. node:http enforces the limit; node:http2 only announces it. */
  readonly headSize: number;
  /** Milliseconds between two pieces of a body, and until a client has read what was sent to it. */
  readonly clientBody: number;
  readonly clientSend: number;
  /** Bytes of bodies that are held in memory. */
  readonly bodyBytes: Budget;
  /** Whether responses close their connections, because the gate is stopping. */
  readonly isDraining: () => boolean;
}

export type ServeEndpoint = (
  handover: Handover,
  exchange: Exchange,
  request: IncomingMessage,
  response: ServerResponse,
) => PromiseLike<void> | void;

export class NodeIncoming implements Incoming, QueuedRequest {
  readonly requestId = newRequestId();
  readonly startedAt = performance.now();
  readonly method: string;
  readonly target: string;
  readonly httpVersion: '1.0' | '1.1' | '2';
  readonly rawHeaders: readonly string[];
  problem: RequestProblem | undefined;
  readonly upgrade: string | undefined;
  upstreamTarget = '';
  edits: HeaderEdits | undefined;
  wholeBody: Uint8Array | undefined;
  isClosed = false;
  bytesReceived = 0;
  bytesSent = 0;
  readonly #environment: ListenerEnvironment;
  readonly #connection: ClientConnection;
  readonly #request: IncomingMessage | Http2ServerRequest;
  readonly #response: GateResponse | GateHttp2Response;
  /** As the client framed it. */
  readonly #body: number | 'chunked' | 'none';
  readonly #expectsContinue: boolean;
  #observer: IncomingObserver | undefined;
  #handedOver = false;
  /** A client that expects 100 (Continue) got it, if it expected it. */
  #continueSent = false;
  #listensToDrain = false;
  /** The client must read the rest of the response in time. */
  #limited = false;
  /** The response is written; the rest of the request body may arrive until then. */
  #restTimer: NodeJS.Timeout | undefined;
  // The body, as far as it was read.
  #flow: 'still' | 'flowing' | 'ended' | 'discarded' = 'still';
  #receiver: BodyReceiver | undefined;
  #reading: Reading | undefined;
  readonly #held: HeldBody;

  constructor(
    environment: ListenerEnvironment,
    connection: ClientConnection,
    request: IncomingMessage | Http2ServerRequest,
    response: GateResponse | GateHttp2Response,
    refused?: RequestProblem,
  ) {
    this.#environment = environment;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    response.incoming = this;
    this.method = request.method!;
    const message = 'stream' in request ? examineHttp2(request, environment.headSize) : examineHttp1(request);
    this.target = message.target;
    this.httpVersion = message.httpVersion;
    this.rawHeaders = message.rawHeaders;
    this.problem = message.problem ?? refused;
    this.upgrade = message.upgrade;
    this.#body = message.body;
    this.#expectsContinue = message.expectsContinue;
    this.#held = new HeldBody(environment.bodyBytes);
    connection.inFlight++;
    response.on('close', whenClosed);
  }

  // The connection ---------------------------------------------------------------------------------------------

  get scheme(): 'http' | 'https' {
    return this.#connection.scheme;
  }

  get localPort(): number {
    return this.#connection.localPort;
  }

  get peer(): string {
    return this.#connection.peer;
  }

  get peerTrusted(): boolean {
    return this.#connection.peerTrusted;
  }

  get sni(): string | undefined {
    return this.#connection.sni;
  }

  observe(observer: IncomingObserver): void {
    this.#observer = observer;
  }

  begin(): void {
    this.#environment.begin(this);
  }

  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#connection.inFlight--;
    if (this.#limited) this.#connection.socket.setTimeout(0);
    const reading = this.#reading;
    this.#reading = undefined;
    clearTimeout(reading?.timer);
    clearTimeout(this.#restTimer);
    this.#receiver = undefined;
    this.#held.release();
    this.#observer?.closed();
    reading?.reject(new ClientGone());
    this.#connection.completed(this);
    // A response that had begun before the gate began to stop could not announce the end of its connection.
    if (this.#environment.isDraining() && !('stream' in this.#response)) this.#connection.endIfIdle();
  }

  /** The rest of this request cannot be parsed. */
  failRequest(problem: RequestProblem): void {
    this.#connection.closing = true;
    this.#receiver = undefined;
    if (this.#handedOver && !this.#response.headersSent) {
      // The endpoint is still reading. Its response is no longer wanted.
      this.#handedOver = false;
      this.#response.beforeHead = undefined;
    }
    // If the request is still queued, it gets its response when its turn comes.
    this.problem = problem;
    this.#observer?.requestFailed(problem);
  }

  get isComplete(): boolean {
    return this.#request.complete;
  }

  // The head ---------------------------------------------------------------------------------------------------

  header(name: string): string | undefined {
    const { rawHeaders } = this;
    let found: string | undefined;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const each = rawHeaders[i]!;
      if (each.length !== name.length || each.toLowerCase() !== name) continue;
      found = found === undefined ? rawHeaders[i + 1]! : `${found}, ${rawHeaders[i + 1]}`;
    }
    return found;
  }

  headerValues(name: string): readonly string[] {
    const { rawHeaders } = this;
    const values: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      if (rawHeaders[i]!.length === name.length && rawHeaders[i]!.toLowerCase() === name)
        values.push(rawHeaders[i + 1]!);
    }
    return values;
  }

  setHeader(name: string, value: string): void {
    this.edits = changeable(this.edits);
    setIn(this.edits, name, value);
  }

  removeHeader(name: string): void {
    this.edits = changeable(this.edits);
    removeFrom(this.edits, name);
  }

  editHeaders(edits: HeaderEdits): void {
    this.edits = bothEdits(this.edits, edits);
  }

  replaceTarget(target: string): void {
    // Characters that would end the request line must not get into it, from any source.
    if (!/^\/[\x21-\x7e\x80-\xff]*$/.test(target)) throw new TypeError('not a request-target');
    this.upstreamTarget = target;
  }

  // The body ---------------------------------------------------------------------------------------------------

  get upstreamBody(): number | 'chunked' | 'none' {
    if (this.wholeBody === undefined) return this.#body;
    return this.#body === 'none' && this.wholeBody.length === 0 ? 'none' : this.wholeBody.length;
  }

  readBody(limit: number): MaybePromise<Uint8Array | undefined> {
    if (this.wholeBody !== undefined) return this.wholeBody.length <= limit ? this.wholeBody : undefined;
    if (this.#body === 'none' || this.#body === 0) {
      this.wholeBody = new Uint8Array(0);
      return this.wholeBody;
    }
    if (this.#held.length > limit || (this.#body !== 'chunked' && this.#body > limit)) return undefined;
    if (this.#reading !== undefined) throw new Error('the body is being read already');
    return new Promise((resolve, reject) => {
      const { clientBody } = this.#environment;
      const timer =
        clientBody > 0
          ? setTimeout(() => this.#stopReading()?.reject(new BodyUnread(bodyTimeout)), clientBody).unref()
          : undefined;
      this.#reading = { limit, resolve, reject, timer };
      this.#start();
    });
  }

  replaceBody(body: Uint8Array): void {
    if (this.wholeBody === undefined) throw new Error('a body can be replaced after it was read as a whole');
    this.wholeBody = body;
  }

  sendBody(receiver: BodyReceiver): void {
    const { bytes } = this.#held;
    this.#held.release();
    this.#receiver = receiver;
    if (bytes.length > 0) receiver.requestBodyReceived(bytes);
    if (this.#flow === 'ended') receiver.requestBodyEnded();
    else this.#start();
  }

  pauseBody(): void {
    this.#request.pause();
  }

  resumeBody(): void {
    this.#request.resume();
  }

  #start(): void {
    const request: Readable = this.#request;
    if (this.#flow === 'flowing') {
      request.resume();
      return;
    }
    this.#flow = 'flowing';
    this.#sendContinue();
    request.on('data', (piece: Buffer) => this.#received(piece));
    request.on('end', () => this.#ended());
  }

  #sendContinue(): void {
    // "The 100 (Continue) status code indicates that the initial part of a request has been received and has not yet been
    // rejected by the server." (RFC 9110 §15.2.1) So it is sent only when the body is read.
    if (this.#expectsContinue && !this.#continueSent) this.#response.writeContinue();
    this.#continueSent = true;
  }

  #received(piece: Buffer): void {
    this.bytesReceived += piece.length;
    const reading = this.#reading;
    if (reading !== undefined) {
      if (!this.#held.add(piece)) {
        this.#request.pause();
        this.#held.release();
        this.#stopReading()?.reject(new BodyUnread(bodyMemoryFull));
        return;
      }
      reading.timer?.refresh();
      if (this.#held.length > reading.limit) {
        this.#request.pause();
        this.#stopReading()?.resolve(undefined);
      }
    } else if (this.#receiver !== undefined) this.#receiver.requestBodyReceived(piece);
    else if (this.#flow !== 'discarded' && !this.#held.add(piece)) this.failRequest(bodyMemoryFull);
  }

  #ended(): void {
    // node:http2 emits `end` for a truncated body too.
    if (this.#flow === 'discarded' || this.isClosed) return;
    if (this.#body !== 'chunked' && this.bytesReceived !== this.#body) {
      this.failRequest(badRequest);
      return;
    }
    this.#flow = 'ended';
    const reading = this.#stopReading();
    if (reading !== undefined) {
      this.wholeBody = this.#held.bytes;
      reading.resolve(this.wholeBody);
    } else this.#receiver?.requestBodyEnded();
  }

  #stopReading(): Reading | undefined {
    const reading = this.#reading;
    this.#reading = undefined;
    clearTimeout(reading?.timer);
    return reading;
  }

  // The response -----------------------------------------------------------------------------------------------

  get hasResponded(): boolean {
    return this.#handedOver || this.#response.headersSent;
  }

  sendInterimResponse(_status: number, fields: readonly string[]): void {
    // HTTP/1.0 has no interim responses (RFC 9110 §15.2).
    if (this.httpVersion === '1.0') return;
    const links: string[] = [];
    for (let i = 0; i < fields.length; i += 2) if (fields[i]!.toLowerCase() === 'link') links.push(fields[i + 1]!);
    if (links.length > 0 && links.every((link) => earlyHint.test(link)))
      this.#response.writeEarlyHints({ link: links });
  }

  respond(status: number, reason: string, fields: string[], body: string, encoding: 'latin1' | 'utf8'): void {
    if (status === 204 || status === 304 || status < 200) {
      this.respondBodiless(status, reason, fields, -1);
      return;
    }
    // One text of octets: the head is written together with the body, in one piece.
    const octets = encoding === 'latin1' || isAscii(body) ? body : Buffer.from(body, 'utf8').toString('latin1');
    if (!this.#head(status, reason, fields, octets.length)) return;
    if (this.method === 'HEAD') this.#response.end();
    else {
      const response = this.#response;
      this.bytesSent = octets.length;
      if ('stream' in response) response.end(octets, 'latin1');
      else response.endWith(octets);
    }
    this.#responseWritten();
  }

  respondBodiless(status: number, reason: string, fields: string[], length: number): void {
    if (!this.#head(status, reason, fields, status === 204 || status < 200 ? -1 : length)) return;
    this.#response.end();
    this.#responseWritten();
  }

  beginResponse(status: number, reason: string, fields: string[], length: number): void {
    if (!this.#head(status, reason, fields, length)) return;
    // If the body begins in this tick, it is sent together with the head; otherwise the head is sent alone.
    if (!('stream' in this.#response)) process.nextTick(flush, this.#response);
  }

  write(bytes: Uint8Array): boolean {
    this.bytesSent += bytes.length;
    const response: Writable = this.#response;
    if (response.write(bytes)) return true;
    if (!this.#listensToDrain) {
      this.#listensToDrain = true;
      response.on('drain', () => this.#observer?.drained());
    }
    return false;
  }

  end(trailers: readonly string[]): void {
    if (trailers.length > 0) {
      const byName: Record<string, string> = Object.create(null);
      for (let i = 0; i < trailers.length; i += 2) {
        const name = trailers[i]!.toLowerCase();
        byName[name] = byName[name] === undefined ? trailers[i + 1]! : `${byName[name]}, ${trailers[i + 1]}`;
      }
      this.#response.addTrailers(byName);
    }
    this.#response.end();
    this.#responseWritten();
  }

  abort(): void {
    const response = this.#response;
    if ('stream' in response) {
      response.stream.close(internalError);
      return;
    }
    this.#connection.closing = true;
    const { socket } = this.#connection;
    // Where the end of the connection ends the response, only a reset shows that the response is incomplete.
    if (this.httpVersion === '1.0' && this.scheme === 'http') socket.resetAndDestroy();
    else socket.destroy();
  }

  handOver(handover: Handover, exchange: Exchange, beforeHead: (head: ResponseHead) => boolean): void {
    this.#handedOver = true;
    const response = this.#response;
    response.beforeHead = beforeHead;
    if (this.#mustClose() && !('stream' in response)) {
      response.setHeader('Connection', 'close');
      this.#lingerAfterResponse();
    }
    // A body that was too long for the endpoint still arrives.
    response.once('finish', () => this.#responseWritten());
    const failed = (error: unknown): void => {
      this.#environment.failed(error, { requestId: this.requestId, routeId: exchange.routeId });
      if (response.headersSent) this.abort();
      else if (!this.isClosed) {
        response.statusCode = 500;
        response.setHeader('Content-Type', 'application/json; charset=utf-8');
        response.end(JSON.stringify({ message: 'An unexpected error occurred', request_id: this.requestId }));
      }
    };
    try {
      const { serveEndpoint } = this.#environment;
      const serving = serveEndpoint(handover, exchange, this.#request as IncomingMessage, response as GateResponse);
      Promise.resolve(serving).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** An OAuth endpoint has written its response head. */
  noteResponse(length: number): void {
    this.bytesReceived = typeof this.#body === 'number' ? this.#body : 0;
    this.bytesSent = this.method === 'HEAD' ? 0 : length;
  }

  /** False: Node refused to write something in it, and the connection was closed without a response. */
  #head(status: number, reason: string, fields: string[], length: number): boolean {
    try {
      this.#writeHead(status, reason, fields, length);
      return true;
    } catch (error) {
      this.#environment.failed(error, { requestId: this.requestId, routeId: '' });
      this.abort();
      return false;
    }
  }

  #writeHead(status: number, reason: string, fields: string[], length: number): void {
    const response = this.#response;
    if ('stream' in response) {
      if (length !== -1) fields.push('content-length', String(length));
      // "A client that receives a response with an invalid status code SHOULD process the response as if it had a 5xx
      // (Server Error) status code." (RFC 9110 §15) node:http2 does not write such codes.
      response.writeHead(status > 599 ? 502 : status, fields as unknown as Record<string, string>);
      return;
    }
    // A client that did not send in time does not get another chance on this connection (RFC 9110 §15.5.9).
    const closes = status === 408 || this.#mustClose();
    if (closes) fields.push('Connection', 'close');
    const chunks = length === -1 && this.httpVersion === '1.1' && this.method !== 'HEAD' && hasBody(status);
    if (!chunks) withoutTrailer(fields);
    // Last: once node:http knows a length, it re-encodes Content-Disposition and garbles it.
    if (length !== -1) fields.push('Content-Length', String(length));
    if (reason === '') response.writeHead(status, fields);
    else response.writeHead(status, reason, fields);
    if (closes) this.#lingerAfterResponse();
  }

  #lingerAfterResponse(): void {
    this.#connection.closing = true;
    // node:http calls this when the last response is written.
    this.#connection.socket.destroySoon = () => this.#connection.linger();
  }

  /** The response is written. The rest of the request is read and dropped, or the connection ends. */
  #responseWritten(): void {
    this.#receiver = undefined;
    if (this.wholeBody === undefined) this.#held.release();
    if (this.#flow === 'flowing') {
      this.#flow = 'discarded';
      this.#request.resume();
    }
    if ('stream' in this.#response && this.#flow !== 'ended' && this.#body !== 'none')
      this.#endStream(this.#response.stream);
    const { clientSend } = this.#environment;
    if (clientSend === 0 || this.#response.writableLength === 0) return;
    // The client has not read all of it. It may be slow, but not stall.
    if ('stream' in this.#response) {
      const { stream } = this.#response;
      stream.setTimeout(clientSend, () => stream.close(cancelled));
    } else {
      this.#limited = true;
      this.#connection.socket.setTimeout(clientSend);
    }
  }

  /**
   * Waits for the rest of a body if it is not long, even if only its end mark is missing: some clients treat a stream reset
   * as a failure and drop the response, though they "MUST NOT discard responses" for it (RFC 9113 §8.1).
   */
  #endStream(stream: ServerHttp2Stream): void {
    // "the server MAY request that the client abort transmission of a request without error by sending a RST_STREAM with
    // an error code of NO_ERROR after sending a complete response" (RFC 9113 §8.1)
    const reset = (): void => stream.close(noError);
    const awaited = !this.#expectsContinue || this.#continueSent;
    const late = this.#response.statusCode === 408;
    const large = this.#body !== 'chunked' && this.#body !== 'none' && this.#body - this.bytesReceived > longRest;
    if (!awaited || late || large || this.problem !== undefined) {
      reset();
      return;
    }
    const most = this.bytesReceived + longRest;
    const isCounted = this.#flow !== 'still';
    this.#flow = 'discarded';
    this.#request.on('data', (piece: Buffer) => {
      if (!isCounted) this.bytesReceived += piece.length;
      if (this.bytesReceived > most) reset();
    });
    this.#request.resume();
    const { clientBody } = this.#environment;
    const wait = clientBody > 0 ? Math.min(clientBody, longestRest) : longestRest;
    this.#restTimer = setTimeout(reset, wait).unref();
  }

  /** Whether the connection cannot or must not carry another request after this response. */
  #mustClose(): boolean {
    if (this.problem !== undefined || this.#connection.closing || this.#environment.isDraining()) return true;
    if (this.#body === 'none' || this.#body === 0 || this.#flow === 'ended' || this.#request.complete) return false;
    // Reading and dropping a small rest costs less than a new connection.
    return this.#body === 'chunked' || this.#body - this.bytesReceived > smallRest;
  }
}

const bodyTimeout: RequestProblem = { status: 408, message: 'Request timeout', refusal: 'body_timeout' };
const bodyMemoryFull: RequestProblem = {
  status: 503,
  message: 'The gate has no memory for another request body; try again',
  refusal: 'body_memory_full',
  retryAfter: 1,
};

interface Reading {
  readonly limit: number;
  readonly resolve: (body: Uint8Array | undefined) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

const smallRest = 65_536;
/** How much of a body is read and dropped before a stream reset: bytes, and milliseconds. */
const longRest = 1_048_576;
const longestRest = 2000;
/** Error codes of RFC 9113 §7. */
const noError = 0;
const internalError = 2;
const cancelled = 8;
/** The Link values that Node accepts for early hints. */
const earlyHint = /^<[^>]*>(?:\s*;\s*[^;"\s]+(?:=(")?[^;"\s]*\1)?)*$/;

function whenClosed(this: GateResponse | GateHttp2Response): void {
  this.incoming?.closed();
}

function flush(response: GateResponse): void {
  if (!response.writableEnded && !response.destroyed) response.flushHeaders();
}

function hasBody(status: number): boolean {
  return status !== 204 && status !== 304 && status >= 200;
}

/** Removes Trailer from a response that cannot have trailers. */
function withoutTrailer(fields: string[]): void {
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    if (fields[i]!.length === 7 && fields[i]!.toLowerCase() === 'trailer') fields.splice(i, 2);
  }
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}
