/**
 * Forwards one request to the upstream and its response to the client, each no faster than the receiver reads. Retries
 * requests whose method is idempotent, and others only where no byte of them was written.
 *
 *   acquire connection ──▶ request head, body ──▶ response head, body ──▶ release
 *         ▲── retry: refused, timed out, closed before a response ──┘
 *
 * With a balanced service, each attempt goes to a target that has not been tried yet, while there is one.
 */
import { parseHostAndPort } from '../../src/address/host.ts';
import type { Outcome } from '../../src/balancer/health.ts';
import { forwardedFields, viaName } from '../../src/gateway/forwarded.ts';
import { hashInput } from '../../src/gateway/hash-input.ts';
import { passesIdentity, upstreamHead } from '../../src/gateway/header-hygiene.ts';
import type { Exchange, ResponseHead } from '../../src/gateway/plugin.ts';
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';
import type { Match, UpstreamService } from '../../src/gateway/snapshot.ts';
import type { Origin, ResponseReceiver, UpstreamConnection, UpstreamFailure } from '../upstream/connection.ts';
import type { UpstreamHead } from '../upstream/head.ts';
import { authority } from './authority.ts';
import { BalancedCall } from './balanced-call.ts';
import type { ExchangeEnvironment } from './environment.ts';
import type { BodyReceiver, Incoming } from './incoming.ts';
import { isIdempotent, mayFit, SentBody } from './repeat.ts';
import { FieldList } from './response-head.ts';

/** What forwarding uses of the exchange. */
export interface ForwardedExchange extends Exchange {
  readonly request: Incoming;
  readonly environment: ExchangeEnvironment;
  /** Of the response to the client; 0 until there is one. */
  status: number;
  /** How many times the request was sent upstream: 1, plus the retries. */
  upstreamAttempts: number;
  /** Milliseconds until the head of the upstream's response; -1: there was none. */
  upstreamLatency: number;
  readonly hasRespondHooks: boolean;
  readonly hasBodyHooks: boolean;
  runRespondHooks(head: ResponseHead): boolean;
  wantsBody(head: ResponseHead): boolean;
  changedBody(head: ResponseHead, body: Buffer): Buffer | undefined;
  refuse(status: number, message: string, refusal: RefusalCode, otherwise?: 'json' | 'text'): void;
}

export class Forwarding implements ResponseReceiver, BodyReceiver {
  readonly toHead: boolean;
  requestSent = false;
  /** An idle connection may turn out to be closed. This request can then be sent again as a whole. */
  readonly isRepeatable: boolean;
  readonly #exchange: ForwardedExchange;
  readonly #request: Incoming;
  readonly #match: Match;
  readonly #method: string;
  readonly #preservedHost: string | undefined;
  /** For a balanced service, with the target of this attempt. */
  #service: UpstreamService;
  #origin: Origin | undefined;
  #head = '';
  #balanced: BalancedCall | undefined;
  #connection: UpstreamConnection | undefined;
  #sentAt = 0;
  #bodyStarted = false;
  #bodyEnded = false;
  /** The body as far as it was sent, for a retry; `undefined`: it cannot be sent again. */
  #sentBody: SentBody | undefined;
  #upstreamFull = false;
  #clientFull = false;
  #buffered: BufferedResponse | undefined;

  constructor(exchange: ForwardedExchange, match: Match, service: UpstreamService) {
    const { request } = exchange;
    this.#exchange = exchange;
    this.#request = request;
    this.#match = match;
    this.#service = service;
    this.#method = request.upstreamMethod ?? request.method;
    this.toHead = this.#method === 'HEAD';
    this.isRepeatable = isIdempotent(this.#method) && request.upstreamBody !== 'chunked' && mayFit(request);
    this.#preservedHost = match.preserveHost ? request.header('host') : undefined;
    const { balancing } = service;
    if (balancing !== undefined) {
      const hash = hashInput(balancing.balancer.upstream, exchange);
      this.#balanced = new BalancedCall(balancing, hash);
    } else this.#prepareRequest(service, undefined);
  }

  /** Chooses the origin and writes the request head for it. */
  #prepareRequest(service: UpstreamService, hostHeader: string | undefined): void {
    const request = this.#request;
    const preserved = this.#preservedHost;
    const hostSent = preserved ?? hostHeader;
    this.#service = service;
    this.#origin = this.#exchange.environment.pool.origin(
      service,
      hostSent === undefined ? undefined : parseHostAndPort(hostSent)?.host,
    );
    this.#head = upstreamHead({
      method: this.#method,
      target: request.upstreamTarget,
      host: preserved ?? authority(service, hostHeader),
      rawHeaders: request.rawHeaders,
      gateFields: forwardedFields(request, {
        clientAddress: this.#exchange.clientAddress,
        strippedPrefix: this.#match.strippedPrefix,
      }),
      edits: request.edits,
      identityPasses: passesIdentity(request.peerTrusted, this.#match.authenticates),
      peerTrusted: request.peerTrusted,
      body: request.upstreamBody,
      upgrade: undefined,
    });
  }

  begin(): void {
    this.#startAttempt(false);
  }

  /** Ends all attempts. Returns whether there was an upstream connection. */
  cancel(): boolean {
    this.#sentBody?.release();
    return this.#endAttempt();
  }

  #endAttempt(): boolean {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
    this.#balanced?.leave();
    return connection !== undefined;
  }

  /** The first attempt or a retry. With a balanced service, it begins with the choice of a target. */
  #startAttempt(fresh: boolean): void {
    if (this.#balanced !== undefined && !this.#chooseTarget(this.#balanced)) {
      this.#exchange.refuse(503, 'failure to get a peer from the ring-balancer', 'no_healthy_target');
    } else this.#sendRequest(fresh);
  }

  /** False: no target is healthy. */
  #chooseTarget(balanced: BalancedCall): boolean {
    const service = balanced.choose();
    if (service === undefined) return false;
    this.#prepareRequest(service, balanced.hostHeader);
    return true;
  }

  /** The outcome of each attempt is a passive health check. */
  #report(outcome: Outcome): void {
    const change = this.#balanced?.report(outcome, this.#exchange.upstreamLatency);
    if (change !== undefined) this.#exchange.environment.targetHealthChanged(change);
  }

  #sendRequest(fresh: boolean): void {
    const { pool } = this.#exchange.environment;
    const connection = pool.acquire(this.#origin!, this, fresh);
    this.#connection = connection;
    this.#exchange.upstreamAttempts++;
    this.#upstreamFull = false;
    this.#buffered = undefined;
    this.#sentAt = performance.now();
    const { upstreamBody, wholeBody } = this.#request;
    const isBodiless = upstreamBody === 'none' || upstreamBody === 0;
    this.requestSent = isBodiless || wholeBody !== undefined;
    if (!isBodiless) connection.hold();
    connection.send(this.#head);
    if (!isBodiless && wholeBody !== undefined) {
      this.#upstreamFull = !connection.write(wholeBody);
      connection.flush();
    } else if (this.#bodyStarted) {
      this.#sendBodyAgain(connection);
      connection.flush();
    }
    if (connection.isConnected) this.connected();
    else connection.limit(this.#service.connectTimeout, this.#sentAt);
  }

  // The request, to the upstream -------------------------------------------------------------------------------

  connected(): void {
    this.#waitOn();
    // A request body can be read only once, so reading starts when the upstream connection is ready.
    if (this.requestSent || this.#bodyStarted) return;
    this.#bodyStarted = true;
    const { sentBodies } = this.#exchange.environment;
    if (isIdempotent(this.#method) && mayFit(this.#request)) this.#sentBody = new SentBody(sentBodies);
    this.#request.sendBody(this);
    this.#connection?.flushSoon();
  }

  #sendBodyAgain(connection: UpstreamConnection): void {
    const { bytes } = this.#sentBody!;
    if (bytes.length > 0) this.#upstreamFull = !this.#writePiece(connection, bytes);
    if (this.#bodyEnded) this.#endBody(connection);
    else if (this.#upstreamFull) this.#request.pauseBody();
    else this.#request.resumeBody();
  }

  #writePiece(connection: UpstreamConnection, bytes: Buffer): boolean {
    return this.#request.upstreamBody === 'chunked' ? connection.writeChunk(bytes) : connection.write(bytes);
  }

  #endBody(connection: UpstreamConnection): void {
    if (this.#request.upstreamBody === 'chunked') connection.send('0\r\n\r\n');
    this.requestSent = true;
  }

  requestBodyReceived(bytes: Buffer): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#sentBody?.add(bytes) === false) this.#sentBody = undefined;
    if (!this.#writePiece(connection, bytes)) {
      this.#upstreamFull = true;
      this.#request.pauseBody();
    }
    this.#waitOn();
  }

  requestBodyEnded(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#bodyEnded = true;
    this.#endBody(connection);
    this.#waitOn();
  }

  drained(): void {
    if (!this.#upstreamFull) return;
    this.#upstreamFull = false;
    if (!this.requestSent) this.#request.resumeBody();
    this.#waitOn();
  }

  // The response, to the client --------------------------------------------------------------------------------

  interimResponseReceived(head: UpstreamHead): void {
    // "A proxy MUST forward 1xx responses unless the proxy itself requested the generation of the 1xx response."
    // (RFC 9110 §15.2) The gate itself sends 100 to clients that expect it. 102 tells a client nothing useful.
    if (head.status === 103 && !this.#request.hasResponded) this.#request.sendInterimResponse(103, head.fields);
    this.#waitOn();
  }

  responseHeadReceived(head: UpstreamHead, whole: string | undefined): void {
    if (whole !== undefined) this.#connection = undefined;
    this.#sentBody = this.#sentBody?.release();
    const exchange = this.#exchange;
    const request = this.#request;
    const now = performance.now();
    const { status, reason, fields } = head;
    exchange.upstreamLatency = Math.round(now - this.#sentAt);
    const setCookie = this.#balanced?.setCookie;
    if (setCookie !== undefined) fields.push('Set-Cookie', setCookie);
    this.#report({ outcome: 'responded', status });
    const { headers } = exchange.environment;
    if (headers.via) {
      if (head.viaAt === -1) fields.push('Via', viaName);
      else fields[head.viaAt] += `, ${viaName}`;
    }
    if (headers.upstreamLatency) fields.push('X-Kong-Upstream-Latency', String(exchange.upstreamLatency));
    if (headers.proxyLatency) {
      fields.push('X-Kong-Proxy-Latency', String(Math.round(this.#sentAt - request.startedAt)));
    }
    if (headers.upstreamStatus) fields.push('X-Kong-Upstream-Status', String(status));
    if (headers.requestId) fields.push('X-Kong-Request-Id', request.requestId);
    const list = new FieldList(status, fields);
    if (exchange.hasRespondHooks && !exchange.runRespondHooks(list)) return;
    const isBuffered = exchange.hasBodyHooks && exchange.wantsBody(list);
    exchange.status = status;
    if (head.framing === 'none') {
      // The length after a change by plugins is unknown. Where a plugin made a HEAD of the request, the body is empty.
      const isEmpty = this.toHead && request.method !== 'HEAD' && status !== 304;
      request.respondBodiless(status, reason, fields, isBuffered ? -1 : isEmpty ? 0 : head.length);
    } else if (isBuffered) {
      this.#buffered = { head: list, reason, fields, pieces: [], length: 0 };
      if (whole !== undefined) {
        this.responseBodyReceived(Buffer.from(whole, 'latin1'));
        this.responseEnded([]);
      } else if (head.length > largestBuffered) this.#refuseTooLarge();
      else this.#waitOn();
    } else if (whole !== undefined) request.respond(status, reason, fields, whole, 'latin1');
    else {
      request.beginResponse(status, reason, fields, head.framing === 'length' ? head.length : -1);
      this.#waitOn();
    }
  }

  responseBodyReceived(bytes: Buffer): void {
    const buffered = this.#buffered;
    if (buffered !== undefined) {
      buffered.pieces.push(bytes);
      buffered.length += bytes.length;
      if (buffered.length > largestBuffered) this.#refuseTooLarge();
      else this.#waitOn();
      return;
    }
    if (!this.#request.write(bytes)) {
      this.#clientFull = true;
      this.#connection?.pause();
    }
    this.#waitOn();
  }

  responseEnded(trailers: string[]): void {
    this.#connection = undefined;
    const buffered = this.#buffered;
    if (buffered === undefined) {
      this.#request.end(trailers);
      return;
    }
    this.#buffered = undefined;
    const { head, reason, fields } = buffered;
    const body = this.#exchange.changedBody(head, Buffer.concat(buffered.pieces, buffered.length));
    if (body === undefined) return;
    if (trailers.length === 0) this.#request.respond(head.status, reason, fields, body.toString('latin1'), 'latin1');
    else {
      this.#request.beginResponse(head.status, reason, fields, -1);
      this.#request.write(body);
      this.#request.end(trailers);
    }
  }

  /** The client must not get a part of a response that plugins were to change. */
  #refuseTooLarge(): void {
    this.#buffered = undefined;
    this.cancel();
    this.#exchange.refuse(
      502,
      'The response of the upstream is too large for a plugin to change',
      'upstream_response_too_large',
      'text',
    );
  }

  clientDrained(): void {
    if (!this.#clientFull) return;
    this.#clientFull = false;
    this.#connection?.resume();
    this.#waitOn();
  }

  // Failures and retries ---------------------------------------------------------------------------------------

  failed({ kind, cause, sent, reused, responseStarted }: UpstreamFailure): void {
    this.#connection = undefined;
    const wasStale = reused && kind === 'closed' && !responseStarted;
    if (!wasStale) this.#report({ outcome: kind === 'malformed' ? 'malformed' : 'tcpFailure' });
    if (this.#request.hasResponded) {
      // A truncated response must never look complete.
      this.#exchange.refusal = `upstream_${kind}`;
      this.#request.abort();
    } else if (wasStale && this.#mayRepeat(responseStarted)) {
      // The upstream closed the idle connection while the request was on its way. That is no failure and no attempt.
      this.#exchange.upstreamAttempts--;
      this.#sendRequest(true);
    } else if (this.#hasRetries && this.#mayRetry(kind, sent, responseStarted)) {
      this.#startAttempt(true);
    } else this.#giveUp(kind, cause);
  }

  expired(): void {
    const connection = this.#connection!;
    if (!connection.isConnected) this.#timedOut(false);
    else if (this.#clientFull) {
      this.#exchange.refusal = 'client_timeout';
      this.cancel();
      this.#request.abort();
    } else if (!this.requestSent && !this.#upstreamFull) {
      this.cancel();
      if (this.#request.hasResponded) this.#request.abort();
      else this.#exchange.refuse(408, 'Request timeout', 'body_timeout', 'text');
    } else this.#timedOut(true);
  }

  #timedOut(sent: boolean): void {
    const responseStarted = this.#connection!.responseStarted;
    this.#report({ outcome: 'timeout' });
    this.#endAttempt();
    if (this.#request.hasResponded) {
      this.#exchange.refusal = 'upstream_timeout';
      this.#request.abort();
    } else if (this.#hasRetries && (!sent || this.#mayRepeat(responseStarted))) this.#startAttempt(true);
    else this.#exchange.refuse(504, 'The upstream server is timing out', 'upstream_timeout', 'text');
  }

  #giveUp(kind: UpstreamFailure['kind'], cause: string): void {
    const { environment } = this.#exchange;
    environment.upstreamFailed({
      requestId: this.#request.requestId,
      serviceId: this.#service.id,
      host: this.#service.host,
      port: this.#service.port,
      kind,
      cause,
    });
    if (kind === 'unresolved') this.#exchange.refuse(503, 'name resolution failed', 'upstream_unresolved');
    else {
      this.#exchange.refuse(
        502,
        'An invalid response was received from the upstream server',
        `upstream_${kind}`,
        'text',
      );
    }
  }

  get #hasRetries(): boolean {
    return this.#exchange.upstreamAttempts <= this.#service.retries;
  }

  #mayRetry(kind: UpstreamFailure['kind'], sent: boolean, responseStarted: boolean): boolean {
    if (kind === 'malformed') return false;
    // The name of another target may resolve.
    if (kind === 'unresolved') return this.#balanced !== undefined;
    return !sent || this.#mayRepeat(responseStarted);
  }

  /** "A proxy MUST NOT automatically retry non-idempotent requests." (RFC 9110 §9.2.2) Nor one whose body is gone. */
  #mayRepeat(responseStarted: boolean): boolean {
    return !responseStarted && isIdempotent(this.#method) && (!this.#bodyStarted || this.#sentBody !== undefined);
  }

  /** Restarts the time limit, for what the connection waits for now. */
  #waitOn(): void {
    const connection = this.#connection;
    if (connection === undefined || !connection.isConnected) return;
    const { limits } = this.#exchange.environment;
    const { readTimeout, writeTimeout } = this.#service;
    const limit = this.#clientFull
      ? limits.clientSend
      : this.#upstreamFull
        ? writeTimeout
        : this.requestSent
          ? readTimeout
          : limits.clientBody;
    connection.limit(limit, performance.now());
  }
}

/** A response whose body plugins are to change, as far as it has arrived. */
interface BufferedResponse {
  readonly head: FieldList;
  readonly reason: string;
  readonly fields: string[];
  readonly pieces: Buffer[];
  length: number;
}

/** Bytes of a response body that plugins may change. */
const largestBuffered = 8 * 1_048_576;
