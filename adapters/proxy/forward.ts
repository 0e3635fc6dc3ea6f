/**
 * Forwards one request: head and body to the upstream, head and body of the answer back, each no faster than the other
 * side takes it. What failed before anything of it could have been done is tried again.
 *
 *   take a connection ──▶ head, body ──▶ answer's head ──▶ answer's body ──▶ given back
 *         ▲───────── refused, timed out, closed before it answered ─────┘
 *
 * Where the service is balanced, each try goes to a target that was not tried before, as long as there is one.
 */
import { parseHostAndPort, printedHost } from '../../src/address/host.ts';
import type { BalancedTarget } from '../../src/balancer/balancer.ts';
import type { Outcome } from '../../src/balancer/health.ts';
import { forwardedFields, viaName } from '../../src/gateway/forwarded.ts';
import { type HashInput, hashInput } from '../../src/gateway/hash-input.ts';
import { passesIdentity, upstreamHead } from '../../src/gateway/header-hygiene.ts';
import type { Exchange, ResponseHead } from '../../src/gateway/plugin.ts';
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';
import type { Balancing, Match, UpstreamService } from '../../src/gateway/snapshot.ts';
import type { ExchangeEnvironment } from './environment.ts';
import type { BodyReceiver, Incoming } from './incoming.ts';
import { FieldList } from './response-head.ts';
import type { UpstreamHead } from './upstream-head.ts';
import type { Origin, ResponseReceiver, UpstreamConnection, UpstreamFailure } from './upstream-pool.ts';

/** The exchange that a request is forwarded for, as this file uses it. */
export interface ForwardedExchange extends Exchange {
  readonly request: Incoming;
  readonly environment: ExchangeEnvironment;
  /** Of the response to the client; 0 until there is one. */
  status: number;
  /** How many times an upstream was asked. */
  tries: number;
  /** Milliseconds until the head of the upstream's answer had come; -1: there was none. */
  upstreamLatency: number;
  readonly hasRespondHooks: boolean;
  readonly hasBodyHooks: boolean;
  respond(head: ResponseHead): boolean;
  wantsBody(head: ResponseHead): boolean;
  changedBody(head: ResponseHead, body: Buffer): Buffer | undefined;
  refuse(status: number, message: string, refusal: RefusalCode, otherwise?: 'json' | 'text'): void;
}

export class Forwarding implements ResponseReceiver, BodyReceiver {
  readonly toHead: boolean;
  requestSent = false;
  readonly #exchange: ForwardedExchange;
  readonly #request: Incoming;
  readonly #match: Match;
  readonly #method: string;
  readonly #preservedHost: string | undefined;
  /** As it is spoken to in this try. */
  #service: UpstreamService;
  #origin: Origin | undefined;
  #head = '';
  #balanced: BalancedCall | undefined;
  #connection: UpstreamConnection | undefined;
  #sentAt = 0;
  #bodyStarted = false;
  #upstreamFull = false;
  #clientFull = false;
  #held: HeldResponse | undefined;

  constructor(exchange: ForwardedExchange, match: Match, service: UpstreamService) {
    const { request } = exchange;
    this.#exchange = exchange;
    this.#request = request;
    this.#match = match;
    this.#service = service;
    this.#method = request.upstreamMethod ?? request.method;
    this.toHead = this.#method === 'HEAD';
    this.#preservedHost = match.preserveHost ? request.header('host') : undefined;
    const { balancing } = service;
    if (balancing !== undefined) {
      const hash = hashInput(balancing.balancer.upstream, exchange);
      this.#balanced = { balancing, hash, tried: [], target: undefined };
    }
    if (balancing === undefined) this.#aim(service, undefined);
  }

  #aim(service: UpstreamService, hostHeader: string | undefined): void {
    const request = this.#request;
    const preserved = this.#preservedHost;
    const told = preserved ?? hostHeader;
    this.#service = service;
    this.#origin = this.#exchange.environment.pool.origin(
      service,
      told === undefined ? undefined : parseHostAndPort(told)?.host,
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
    this.#try(false);
  }

  /** The client is gone, or nothing more is wanted of the upstream. Whether there still was something. */
  cancel(): boolean {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
    this.#leaveTarget();
    return connection !== undefined;
  }

  /** One of the tries. A balanced one begins with the choice of a target. */
  #try(fresh: boolean): void {
    if (this.#balanced !== undefined && !this.#aimAtTarget(this.#balanced)) {
      this.#exchange.refuse(503, 'failure to get a peer from the ring-balancer', 'no_healthy_target');
    } else this.#attempt(fresh);
  }

  /** False: there is no target that could be called. */
  #aimAtTarget(balanced: BalancedCall): boolean {
    const { balancing, hash, tried } = balanced;
    const { balancer } = balancing;
    this.#leaveTarget();
    const target = balancer.pick(hash.key, tried);
    if (target === undefined) return false;
    tried.push(target);
    balanced.target = target;
    balancer.begun(target);
    this.#aim(balancing.at(target), balancer.upstream.hostHeader);
    return true;
  }

  #leaveTarget(): void {
    const balanced = this.#balanced;
    if (balanced?.target === undefined) return;
    balanced.balancing.balancer.ended(balanced.target);
    balanced.target = undefined;
  }

  /** What came of a try is a passive check. */
  #report(outcome: Outcome): void {
    const balanced = this.#balanced;
    if (balanced?.target === undefined) return;
    const { balancer } = balanced.balancing;
    if (outcome.outcome === 'answered') balancer.measured(balanced.target, this.#exchange.upstreamLatency);
    if (balancer.report(balanced.target, 'passive', outcome)) {
      this.#exchange.environment.targetTurned({
        upstream: balancer.upstream.name,
        target: balanced.target.name,
        healthy: balanced.target.state.health.healthy,
      });
    }
  }

  #attempt(fresh: boolean): void {
    const { pool } = this.#exchange.environment;
    const connection = pool.take(this.#origin!, this, fresh);
    this.#connection = connection;
    this.#exchange.tries++;
    this.#upstreamFull = false;
    this.#held = undefined;
    this.#sentAt = performance.now();
    const { upstreamBody, wholeBody } = this.#request;
    connection.send(this.#head);
    if (wholeBody !== undefined && wholeBody.length > 0) this.#upstreamFull = !connection.write(wholeBody);
    this.requestSent = upstreamBody === 'none' || upstreamBody === 0 || wholeBody !== undefined;
    if (connection.isConnected) this.connected();
    else connection.limit(this.#service.connectTimeout, this.#sentAt);
  }

  // The request, on its way to the upstream --------------------------------------------------------------------

  connected(): void {
    this.#waitOn();
    // The body of a request can be had only once: it is not touched before there is somebody to take it.
    if (this.requestSent || this.#bodyStarted) return;
    this.#bodyStarted = true;
    this.#request.sendBody(this);
  }

  bodyReceived(bytes: Buffer): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const room = this.#request.upstreamBody === 'chunked' ? connection.writeChunk(bytes) : connection.write(bytes);
    if (!room) {
      this.#upstreamFull = true;
      this.#request.pauseBody();
    }
    this.#waitOn();
  }

  bodyEnded(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#request.upstreamBody === 'chunked') connection.send('0\r\n\r\n');
    this.requestSent = true;
    this.#waitOn();
  }

  drained(): void {
    if (!this.#upstreamFull) return;
    this.#upstreamFull = false;
    if (!this.requestSent) this.#request.resumeBody();
    this.#waitOn();
  }

  // The answer, on its way to the client -----------------------------------------------------------------------

  informed(head: UpstreamHead): void {
    // "A proxy MUST forward 1xx responses unless the proxy itself requested the generation of the 1xx response."
    // (RFC 9110 §15.2) 100 is our own affair: the client's wish for it ends here. 102 says nothing that is of use.
    if (head.status === 103 && !this.#request.hasResponded) this.#request.inform(103, head.fields);
    this.#waitOn();
  }

  answered(head: UpstreamHead, whole: string | undefined): void {
    if (whole !== undefined) this.#connection = undefined;
    const exchange = this.#exchange;
    const request = this.#request;
    const now = performance.now();
    const { status, reason, fields } = head;
    exchange.upstreamLatency = Math.round(now - this.#sentAt);
    const setCookie = this.#balanced?.hash.setCookie;
    if (setCookie !== undefined) fields.push('Set-Cookie', setCookie);
    this.#report({ outcome: 'answered', status });
    if (head.viaAt === -1) fields.push('Via', viaName);
    else fields[head.viaAt] += `, ${viaName}`;
    fields.push(
      'X-Kong-Upstream-Latency',
      String(exchange.upstreamLatency),
      'X-Kong-Proxy-Latency',
      String(Math.round(this.#sentAt - request.startedAt)),
      'X-Kong-Request-Id',
      request.requestId,
    );
    const list = new FieldList(status, fields);
    if (exchange.hasRespondHooks && !exchange.respond(list)) return;
    const isHeld = exchange.hasBodyHooks && exchange.wantsBody(list);
    exchange.status = status;
    if (head.framing === 'none') {
      // The length of a body that would have been changed is not known, and what the client did not ask a HEAD for is empty.
      const isEmpty = this.toHead && request.method !== 'HEAD' && status !== 304;
      request.respondBodiless(status, reason, fields, isHeld ? -1 : isEmpty ? 0 : head.length);
    } else if (isHeld) {
      this.#held = { head: list, reason, fields, pieces: [], length: 0 };
      if (whole !== undefined) {
        this.received(Buffer.from(whole, 'latin1'));
        this.finished([]);
      } else if (head.length > largestHeld) this.#refuseTooLarge();
      else this.#waitOn();
    } else if (whole !== undefined) request.answer(status, reason, fields, whole, 'latin1');
    else {
      request.beginResponse(status, reason, fields, head.framing === 'length' ? head.length : -1);
      this.#waitOn();
    }
  }

  received(bytes: Buffer): void {
    const held = this.#held;
    if (held !== undefined) {
      held.pieces.push(bytes);
      held.length += bytes.length;
      if (held.length > largestHeld) this.#refuseTooLarge();
      else this.#waitOn();
      return;
    }
    if (!this.#request.write(bytes)) {
      this.#clientFull = true;
      this.#connection?.pause();
    }
    this.#waitOn();
  }

  finished(trailers: string[]): void {
    this.#connection = undefined;
    const held = this.#held;
    if (held === undefined) {
      this.#request.end(trailers);
      return;
    }
    this.#held = undefined;
    const { head, reason, fields } = held;
    const body = this.#exchange.changedBody(head, Buffer.concat(held.pieces, held.length));
    if (body === undefined) return;
    if (trailers.length === 0) this.#request.answer(head.status, reason, fields, body.toString('latin1'), 'latin1');
    else {
      this.#request.beginResponse(head.status, reason, fields, -1);
      this.#request.write(body);
      this.#request.end(trailers);
    }
  }

  /** A part of an answer that was to be changed must not get out unchanged. */
  #refuseTooLarge(): void {
    this.#held = undefined;
    this.cancel();
    this.#exchange.refuse(
      502,
      'The answer of the upstream is too large to be changed',
      'upstream_answer_too_large',
      'text',
    );
  }

  clientDrained(): void {
    if (!this.#clientFull) return;
    this.#clientFull = false;
    this.#connection?.resume();
    this.#waitOn();
  }

  // What goes wrong --------------------------------------------------------------------------------------------

  failed({ kind, cause, sent, reused, answered }: UpstreamFailure): void {
    this.#connection = undefined;
    const wasStale = reused && kind === 'closed' && !answered;
    if (!wasStale) this.#report({ outcome: kind === 'malformed' ? 'malformed' : 'tcpFailure' });
    if (this.#request.hasResponded) {
      // A part of an answer must never look like a whole one.
      this.#exchange.refusal = `upstream_${kind}`;
      this.#request.abort();
    } else if (wasStale && this.#mayRepeat(answered)) {
      // It had been closed before we wrote, and we had not heard of it yet: nobody's failure, and not one of the tries.
      this.#exchange.tries--;
      this.#attempt(true);
    } else if (this.#exchange.tries <= this.#service.retries && this.#mayTryAgain(kind, sent, answered)) {
      this.#try(true);
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
    this.#report({ outcome: 'timeout' });
    this.cancel();
    if (this.#request.hasResponded) {
      this.#exchange.refusal = 'upstream_timeout';
      this.#request.abort();
    } else if (this.#exchange.tries <= this.#service.retries && (!sent || this.#mayRepeat(false))) this.#try(true);
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

  #mayTryAgain(kind: UpstreamFailure['kind'], sent: boolean, answered: boolean): boolean {
    if (kind === 'malformed') return false;
    // Another target may have a name that is known.
    if (kind === 'unresolved') return this.#balanced !== undefined;
    return !sent || this.#mayRepeat(answered);
  }

  /** "A proxy MUST NOT automatically retry non-idempotent requests." (RFC 9110 §9.2.2) Nor one whose body is gone. */
  #mayRepeat(answered: boolean): boolean {
    return !answered && !this.#bodyStarted && idempotent.has(this.#method);
  }

  /** Starts the time anew for what is being waited for now. */
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

/** A call of a balanced service. */
interface BalancedCall {
  readonly balancing: Balancing;
  readonly hash: HashInput;
  readonly tried: BalancedTarget[];
  /** Where the request is now. */
  target: BalancedTarget | undefined;
}

/** An answer whose body plugins are to change, as far as it has come. */
interface HeldResponse {
  readonly head: FieldList;
  readonly reason: string;
  readonly fields: string[];
  readonly pieces: Buffer[];
  length: number;
}

/** The most that is held back of an answer. */
const largestHeld = 8 * 1_048_576;

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** What the upstream is called in Host: the port only where it is not that of the scheme. */
function authority({ host, port, protocol }: UpstreamService, hostHeader: string | undefined): string {
  if (hostHeader !== undefined && parseHostAndPort(hostHeader)?.port !== undefined) return hostHeader;
  const called = hostHeader ?? host;
  const name = called.startsWith('[') ? called : printedHost(called);
  return port === (protocol === 'https' ? 443 : 80) ? name : `${name}:${port}`;
}
