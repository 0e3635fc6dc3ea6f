/**
 * One request through the gate: matches it against the current snapshot, runs the plugins of its route, then responds,
 * hands it over to an OAuth endpoint, or forwards it. Synchronous while no plugin returns a promise.
 *
 *   match ──▶ access hooks ──▶ respond | hand over | forward ──▶ respond hooks ──▶ log
 */

import { errorResponse } from '../../src/gateway/error-response.ts';
import { clientAddress, onlyForwardedFor } from '../../src/gateway/forwarded.ts';
import { wireValue } from '../../src/gateway/header-hygiene.ts';
import type { AccessDecision, Handover, Identity, MatchedRows, ResponseHead } from '../../src/gateway/plugin.ts';
import type { DirectResponse } from '../../src/gateway/proxied-request.ts';
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';
import type { Match, UpstreamService } from '../../src/gateway/snapshot.ts';
import { isPending } from '../../src/ports/maybe-promise.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import type { PathCaptures } from '../../src/routing/criteria.ts';
import type { ExchangeEnvironment } from './environment.ts';
import { type ForwardedExchange, Forwarding } from './forward.ts';
import { BodyUnread, ClientGone, type Incoming, type IncomingObserver, type RequestProblem } from './incoming.ts';
import { FieldList } from './response-head.ts';

export function beginExchange(environment: ExchangeEnvironment, incoming: Incoming): void {
  new GateExchange(environment, incoming).begin();
}

class GateExchange implements ForwardedExchange, IncomingObserver {
  readonly request: Incoming;
  readonly environment: ExchangeEnvironment;
  readonly clientAddress: string;
  routeId = '';
  serviceId: string | undefined;
  rows: MatchedRows | undefined;
  path = '';
  captures: (() => PathCaptures) | undefined;
  identity: Identity | undefined;
  refusal: RefusalCode | undefined;
  clientId: string | undefined;
  status = 0;
  /** Milliseconds until the head of the upstream's response; -1: there was none. */
  upstreamLatency = -1;
  upstreamAttempts = 0;
  #match: Match | undefined;
  #forwarding: Forwarding | undefined;
  #logged = false;

  constructor(environment: ExchangeEnvironment, incoming: Incoming) {
    this.environment = environment;
    this.request = incoming;
    const { trusted, realIp } = environment;
    this.clientAddress = incoming.peerTrusted ? clientAddress(incoming, trusted, realIp) : incoming.peer;
    if (incoming.peerTrusted && onlyForwardedFor(incoming)) environment.forwardedForIgnored();
  }

  get requestId(): string {
    return this.request.requestId;
  }

  begin(): void {
    const { request } = this;
    request.observe(this);
    if (request.problem !== undefined) {
      this.requestFailed(request.problem);
      return;
    }
    try {
      const found = this.environment.snapshot().match(request);
      if ('status' in found) {
        this.refusal = found.refusal ?? 'unmatched';
        this.respond(found);
        return;
      }
      this.#match = found;
      this.routeId = found.routeId;
      this.serviceId = found.service?.id;
      this.rows = found.rows;
      this.path = found.path;
      this.captures = found.captures;
      request.upstreamTarget = found.upstreamTarget;
      this.#access(found, 0);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends a response of the gate itself. Does nothing once a response has begun. */
  respond(response: DirectResponse): void {
    if (this.request.hasResponded || this.request.isClosed) return;
    const fields: string[] = [];
    for (const [name, value] of response.headers) {
      // The listener frames the response.
      if (!isFraming(name) || (response.status === 426 && isUpgrade(name))) fields.push(name, wireValue(value));
    }
    const head = new FieldList(response.status, fields);
    this.#addGateFields(head);
    if (!this.runRespondHooks(head)) return;
    const { body } = response;
    if (!this.wantsBody(head)) this.#send(response.status, fields, body, 'utf8');
    else {
      const changed = this.changedBody(head, Buffer.from(body, 'utf8'));
      if (changed !== undefined) this.#send(response.status, fields, changed.toString('latin1'), 'latin1');
    }
  }

  #send(status: number, fields: string[], body: string, encoding: 'latin1' | 'utf8'): void {
    this.status = status;
    this.request.respond(status, '', fields, body, encoding);
  }

  /** Runs the plugins' hooks on a response head. False: one failed, and another response was sent. */
  runRespondHooks(head: ResponseHead): boolean {
    const match = this.#match;
    if (match === undefined) return true;
    try {
      for (const hooks of match.hooks) hooks.respond?.(this, head);
      return true;
    } catch (error) {
      // A plugin that fails must not leak what it was to remove from the response.
      this.#match = undefined;
      this.fail(error);
      return false;
    }
  }

  /** Whether a plugin reads the body of this response. */
  wantsBody(head: ResponseHead): boolean {
    return this.#match?.hooks.some(({ body }) => body?.wants(this, head)) ?? false;
  }

  /** The body for the client. `undefined`: a plugin failed, and another response was sent. */
  changedBody(head: ResponseHead, body: Buffer): Buffer | undefined {
    let changed: Uint8Array = body;
    try {
      for (const { body: hook } of this.#match?.hooks ?? []) {
        if (hook?.wants(this, head)) changed = hook.change(this, head, changed);
      }
    } catch (error) {
      this.#match = undefined;
      this.fail(error);
      return undefined;
    }
    return Buffer.from(changed.buffer, changed.byteOffset, changed.byteLength);
  }

  get hasBodyHooks(): boolean {
    return this.#match?.hooks.some((hooks) => hooks.body !== undefined) ?? false;
  }

  get hasRespondHooks(): boolean {
    return this.#match?.hooks.some((hooks) => hooks.respond !== undefined) ?? false;
  }

  /** An internal error: the client gets a 500, the log gets the error. */
  fail(error: unknown): void {
    if (error instanceof Unavailable) {
      this.#unavailable(error);
      return;
    }
    this.refusal = 'internal_error';
    this.environment.failed(error, { requestId: this.requestId, routeId: this.routeId });
    this.#forwarding?.cancel();
    if (this.request.hasResponded) this.request.abort();
    else this.respond(errorResponse(this.request, 500, 'An unexpected error occurred'));
  }

  /** The store cannot be reached: no request passes, and clients may retry (RS-22). */
  #unavailable(error: Unavailable): void {
    this.refusal = 'store_unavailable';
    this.environment.failed(error, { requestId: this.requestId, routeId: this.routeId });
    if (this.request.hasResponded) {
      this.request.abort();
      return;
    }
    const response = errorResponse(this.request, 503, 'The gate cannot reach its store; try again');
    this.respond({ ...response, headers: [...response.headers, ['Retry-After', '1']] });
  }

  refuse(status: number, message: string, refusal: RefusalCode, otherwise: 'json' | 'text' = 'json'): void {
    this.refusal = refusal;
    this.respond(errorResponse(this.request, status, message, { otherwise }));
  }

  drained(): void {
    this.#forwarding?.clientDrained();
  }

  requestFailed({ status, message, refusal, retryAfter }: RequestProblem): void {
    this.#forwarding?.cancel();
    if (this.request.hasResponded) {
      this.request.abort();
      return;
    }
    this.refusal = refusal;
    // In Kong, nginx itself responds to these, in plain text unless the client accepts another type.
    const headers = retryAfter === undefined ? [] : ([['Retry-After', String(retryAfter)]] as const);
    this.respond(errorResponse(this.request, status, message, { otherwise: 'text', headers }));
  }

  closed(): void {
    if (this.#logged) return;
    this.#logged = true;
    const aborted = this.#forwarding?.cancel() ?? false;
    const { log } = this.environment;
    if (log === undefined) return;
    const { request, identity } = this;
    const query = request.target.indexOf('?');
    log({
      requestId: request.requestId,
      method: request.method,
      // The query may hold a token (SE-02).
      path: query === -1 ? request.target : request.target.slice(0, query),
      scheme: request.scheme,
      httpVersion: request.httpVersion,
      host: request.header('host') ?? '',
      status: this.status === 0 ? 499 : this.status,
      clientAddress: this.clientAddress,
      routeId: this.routeId === '' ? undefined : this.routeId,
      serviceId: this.serviceId,
      consumerId: identity?.consumer?.id,
      clientId: this.clientId ?? identity?.credential?.identifier,
      refusal: this.refusal ?? (aborted || this.status === 0 ? 'client_gone' : undefined),
      bytesReceived: request.bytesReceived,
      bytesSent: request.bytesSent,
      milliseconds: Math.round(performance.now() - request.startedAt),
      upstreamMilliseconds: this.upstreamLatency === -1 ? undefined : this.upstreamLatency,
      upstreamAttempts: this.upstreamAttempts,
    });
  }

  #access(match: Match, from: number): void {
    const { hooks } = match;
    for (let i = from; i < hooks.length; i++) {
      const plugin = hooks[i]!;
      if (plugin.access === undefined) continue;
      const decision = plugin.access(this);
      if (decision === undefined) continue;
      if (isPending(decision)) {
        this.#wait(decision, (later) => this.#decided(match, later, i + 1));
        return;
      }
      this.#decided(match, decision, i + 1);
      return;
    }
    this.#forward(match);
  }

  #decided(match: Match, decision: AccessDecision, next: number): void {
    if (decision === undefined) this.#access(match, next);
    else if ('status' in decision) this.#refuse(decision);
    else this.#handOver(match, decision, next);
  }

  /** The plugins after `from` see where the request goes, and may refuse it. */
  #handOver(match: Match, handover: Handover, from: number): void {
    const { hooks } = match;
    for (let i = from; i < hooks.length; i++) {
      const response = hooks[i]!.handover?.(this, handover);
      if (response === undefined) continue;
      if (isPending(response)) {
        this.#wait(response, (later) => {
          if (later === undefined) this.#handOver(match, handover, i + 1);
          else this.#refuse(later);
        });
        return;
      }
      this.#refuse(response);
      return;
    }
    // The limits of a body (time, size, memory) are those of every other route.
    const body = this.request.readBody(handover.largestBody);
    if (isPending(body)) this.#wait(body, () => this.#toEndpoint(handover));
    else this.#toEndpoint(handover);
  }

  #toEndpoint(handover: Handover): void {
    this.request.handOver(handover, this, (head) => {
      this.status = head.status;
      this.#addGateFields(head);
      return this.runRespondHooks(head);
    });
  }

  #refuse(response: DirectResponse): void {
    this.refusal ??= 'plugin';
    this.respond(response);
  }

  #wait<T>(pending: PromiseLike<T>, proceed: (value: T) => void): void {
    pending.then(
      (value) => {
        // The client disconnected, and nothing was sent upstream.
        if (this.request.isClosed) return;
        try {
          proceed(value);
        } catch (error) {
          this.fail(error);
        }
      },
      (error) => this.#interrupted(error),
    );
  }

  #interrupted(error: unknown): void {
    if (error instanceof ClientGone) return;
    if (error instanceof BodyUnread) this.requestFailed(error.problem);
    else this.fail(error);
  }

  #forward(match: Match): void {
    const { service } = match;
    if (service === undefined) {
      this.refuse(503, 'no Service found with those values', 'no_service');
    } else if (service.protocol !== 'http' && service.protocol !== 'https') {
      this.refuse(503, `Services of protocol ${service.protocol} are not proxied`, 'protocol_unsupported');
    } else if (this.request.upgrade !== undefined) {
      this.refuse(400, `Upgrading to ${this.request.upgrade} is not possible here`, 'upgrade_unsupported');
    } else if (match.requestBuffering === true && this.request.upstreamBody === 'chunked') {
      // A larger body streams, as one whose length the client sent.
      const body = this.request.readBody(largestBuffered);
      if (isPending(body)) this.#wait(body, () => this.#startForwarding(match, service));
      else this.#startForwarding(match, service);
    } else this.#startForwarding(match, service);
  }

  #startForwarding(match: Match, service: UpstreamService): void {
    this.#forwarding = new Forwarding(this, match, service);
    this.#forwarding.begin();
  }

  #addGateFields(head: ResponseHead): void {
    const { headers, serverName } = this.environment;
    if (headers.responseLatency) {
      head.setHeader('X-Kong-Response-Latency', String(Math.round(performance.now() - this.request.startedAt)));
    }
    if (headers.server && head.header('server') === undefined) head.setHeader('Server', serverName);
    if (headers.requestId) head.setHeader('X-Kong-Request-Id', this.requestId);
  }
}

/** Bytes of a request body without a length that the gate reads as a whole, to send its length. */
const largestBuffered = 1_048_576;

// "The server MUST send an Upgrade header field in a 426 response to indicate the required protocol(s)" (RFC 9110 §15.5.22)
function isUpgrade(name: string): boolean {
  return /^(?:upgrade|connection)$/i.test(name);
}

function isFraming(name: string): boolean {
  return /^(?:content-length|transfer-encoding|connection|keep-alive|trailer|upgrade)$/i.test(name);
}
