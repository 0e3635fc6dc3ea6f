/**
 * What happens to one request: matched with the snapshot of its moment, led through the plugins of its route, then
 * answered, handed to one of our endpoints, or forwarded. Synchronous as long as every plugin answers at once.
 *
 *   match ──▶ access, access … ──▶ answer | hand over | forward ──▶ respond, respond … ──▶ log
 */

import { errorResponse } from '../../src/gateway/error-response.ts';
import { clientAddress } from '../../src/gateway/forwarded.ts';
import { wireValue } from '../../src/gateway/header-hygiene.ts';
import type { AccessDecision, Handover, Identity, ResponseHead } from '../../src/gateway/plugin.ts';
import type { DirectResponse } from '../../src/gateway/proxied-request.ts';
import type { RefusalCode } from '../../src/gateway/refusal-codes.ts';
import type { Match } from '../../src/gateway/snapshot.ts';
import { isPending } from '../../src/ports/maybe-promise.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import type { PathCaptures } from '../../src/routing/criteria.ts';
import type { ExchangeEnvironment } from './environment.ts';
import { type ForwardedExchange, Forwarding } from './forward.ts';
import { BodyTimeout, ClientGone, type Incoming, type IncomingObserver, type RequestProblem } from './incoming.ts';
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
  path = '';
  captures: (() => PathCaptures) | undefined;
  identity: Identity | undefined;
  refusal: RefusalCode | undefined;
  clientId: string | undefined;
  status = 0;
  /** Milliseconds until the head of the upstream's answer had come; -1: there was none. */
  upstreamLatency = -1;
  tries = 0;
  #match: Match | undefined;
  #forwarding: Forwarding | undefined;
  #ended = false;

  constructor(environment: ExchangeEnvironment, incoming: Incoming) {
    this.environment = environment;
    this.request = incoming;
    this.clientAddress = incoming.peerTrusted ? clientAddress(incoming, environment.trusted) : incoming.peer;
  }

  get requestId(): string {
    return this.request.requestId;
  }

  begin(): void {
    const { request } = this;
    request.observe(this);
    if (request.problem !== undefined) {
      this.broken(request.problem);
      return;
    }
    try {
      const found = this.environment.snapshot().match(request);
      if ('status' in found) {
        this.refusal = 'unmatched';
        this.answer(found);
        return;
      }
      this.#match = found;
      this.routeId = found.routeId;
      this.serviceId = found.service?.id;
      this.path = found.path;
      this.captures = found.captures;
      request.upstreamTarget = found.upstreamTarget;
      this.#access(found, 0);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Answers in the gate's own name. Does nothing once an answer is under way. */
  answer(answer: DirectResponse): void {
    if (this.request.hasResponded || this.request.isOver) return;
    const fields: string[] = [];
    for (const [name, value] of answer.headers) {
      // How the answer is framed is the listener's to say.
      if (!isFraming(name) || (answer.status === 426 && isUpgrade(name))) fields.push(name, wireValue(value));
    }
    const head = new FieldList(answer.status, fields);
    this.#sign(head);
    if (!this.respond(head)) return;
    const { body } = answer;
    if (!this.wantsBody(head)) this.#send(answer.status, fields, body, 'utf8');
    else {
      const changed = this.changedBody(head, Buffer.from(body, 'utf8'));
      if (changed !== undefined) this.#send(answer.status, fields, changed.toString('latin1'), 'latin1');
    }
  }

  #send(status: number, fields: string[], body: string, encoding: 'latin1' | 'utf8'): void {
    this.status = status;
    this.request.answer(status, '', fields, body, encoding);
  }

  /** Lets the plugins see the head of an answer. False: one of them has failed, and another answer was given. */
  respond(head: ResponseHead): boolean {
    const match = this.#match;
    if (match === undefined) return true;
    try {
      for (const hooks of match.hooks) hooks.respond?.(this, head);
      return true;
    } catch (error) {
      // What a plugin was to take out of the answer must not get out because it failed.
      this.#match = undefined;
      this.fail(error);
      return false;
    }
  }

  /** Whether a plugin is to see the body of this answer. */
  wantsBody(head: ResponseHead): boolean {
    return this.#match?.hooks.some(({ body }) => body?.wants(this, head)) ?? false;
  }

  /** The body that goes to the client. `undefined`: a plugin has failed, and another answer was given. */
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

  /** An error of ours. The client learns that there was one, the operator learns which. */
  fail(error: unknown): void {
    if (error instanceof Unavailable) {
      this.#unavailable(error);
      return;
    }
    this.refusal = 'internal_error';
    this.environment.failed(error, { requestId: this.requestId, routeId: this.routeId });
    this.#forwarding?.cancel();
    if (this.request.hasResponded) this.request.abort();
    else this.answer(errorResponse(this.request, 500, 'An unexpected error occurred'));
  }

  /** The store cannot be asked: nothing is known of the caller, who may try again. Nobody passes (RS-22). */
  #unavailable(error: Unavailable): void {
    this.refusal = 'store_unavailable';
    this.environment.failed(error, { requestId: this.requestId, routeId: this.routeId });
    if (this.request.hasResponded) {
      this.request.abort();
      return;
    }
    const answer = errorResponse(this.request, 503, 'The gate cannot reach its store; try again');
    this.answer({ ...answer, headers: [...answer.headers, ['Retry-After', '1']] });
  }

  refuse(status: number, message: string, refusal: RefusalCode, otherwise: 'json' | 'text' = 'json'): void {
    this.refusal = refusal;
    this.answer(errorResponse(this.request, status, message, { otherwise }));
  }

  drained(): void {
    this.#forwarding?.clientDrained();
  }

  broken({ status, message, refusal }: RequestProblem): void {
    this.#forwarding?.cancel();
    if (this.request.hasResponded) this.request.abort();
    // Where Kong's nginx answers before Kong does.
    else this.refuse(status, message, refusal, 'text');
  }

  over(): void {
    if (this.#ended) return;
    this.#ended = true;
    const aborted = this.#forwarding?.cancel() ?? false;
    const { log } = this.environment;
    if (log === undefined) return;
    const { request, identity } = this;
    const query = request.target.indexOf('?');
    log({
      requestId: request.requestId,
      method: request.method,
      // What stands behind `?` may be a token (SE-02).
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
      tries: this.tries,
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

  /** The plugins that have not had their turn see what becomes of the request, and may stop it. */
  #handOver(match: Match, handover: Handover, from: number): void {
    const { hooks } = match;
    for (let i = from; i < hooks.length; i++) {
      const answer = hooks[i]!.handover?.(this, handover);
      if (answer === undefined) continue;
      if (isPending(answer)) {
        this.#wait(answer, (later) => {
          if (later === undefined) this.#handOver(match, handover, i + 1);
          else this.#refuse(later);
        });
        return;
      }
      this.#refuse(answer);
      return;
    }
    this.request.handOver(handover, this, (head) => {
      this.status = head.status;
      this.#sign(head);
      return this.respond(head);
    });
  }

  #refuse(answer: DirectResponse): void {
    this.refusal ??= 'plugin';
    this.answer(answer);
  }

  #wait<T>(pending: PromiseLike<T>, goOn: (value: T) => void): void {
    pending.then(
      (value) => {
        // Nobody is there any more to be answered, and nothing was sent upstream.
        if (this.request.isOver) return;
        try {
          goOn(value);
        } catch (error) {
          this.fail(error);
        }
      },
      (error) => this.#interrupted(error),
    );
  }

  #interrupted(error: unknown): void {
    if (error instanceof ClientGone) return;
    if (error instanceof BodyTimeout) this.refuse(408, 'Request timeout', 'body_timeout', 'text');
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
    } else {
      this.#forwarding = new Forwarding(this, match, service);
      this.#forwarding.begin();
    }
  }

  #sign(head: ResponseHead): void {
    head.setHeader('X-Kong-Response-Latency', String(Math.round(performance.now() - this.request.startedAt)));
    if (head.header('server') === undefined) head.setHeader('Server', this.environment.serverName);
    head.setHeader('X-Kong-Request-Id', this.requestId);
  }
}

// "The server MUST send an Upgrade header field in a 426 response to indicate the required protocol(s)" (RFC 9110 §15.5.22)
function isUpgrade(name: string): boolean {
  return /^(?:upgrade|connection)$/i.test(name);
}

function isFraming(name: string): boolean {
  return /^(?:content-length|transfer-encoding|connection|keep-alive|trailer|upgrade)$/i.test(name);
}
