/** The forms of a request that a program may pass to the gate, and what the core reads from them. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { isLoopbackCall } from '../../src/wire/loopback.ts';
import type { EndpointRequest } from '../../src/wire/response.ts';
import { readBody } from '../request-body.ts';
import { authorizationOf, targetOf } from './incoming.ts';
import { booleanOption, InvalidOption, knownOptions } from './options.ts';

/** The decoded parameters of an OAuth request (RFC 6749 §3.1, §3.2): Koa's `ctx.query`, `URLSearchParams`, or an object. */
export type ParametersGiven = URLSearchParams | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What the gate needs to know of a request besides its parameters. */
export interface CallContext {
  /** The value of the header `Authorization`, for clients that authenticate with HTTP Basic (RFC 6749 §2.3.1). */
  readonly authorization?: string | undefined;
  /**
   * The IP address of the caller, as the connection has it (`socket.remoteAddress`). Failed client authentications are
   * counted by it, and without it not at all. A `Request` over plain HTTP is accepted only from a loopback address.
   */
  readonly from?: string | undefined;
  /** The service that the tokens are for, as in `IssuerOptions.audience`. The gate's own by default. */
  readonly audience?: string | undefined;
  /**
   * Whether the request came over TLS: `false` is refused, because its secrets came in plain text (RFC 6749 §3.2). By
   * default `true` for parameters. A `Request` over plain HTTP is refused by default, unless `from` is a loopback address,
   * its header `Host` is a loopback name, and no proxy forwarded it. Set `true` behind a proxy that terminates TLS.
   */
  readonly secure?: boolean | undefined;
}

export function checkCallContext(of: string, context: CallContext): void {
  knownOptions(of, context, ['authorization', 'from', 'audience', 'secure']);
  const { authorization, from, secure } = context;
  for (const [name, value] of Object.entries({ authorization, from })) {
    if (value !== undefined && typeof value !== 'string') throw new InvalidOption(name, 'must be a string');
  }
  if (secure !== undefined) booleanOption('secure', secure);
}

/** Bytes of a form. The parameters of a valid request have a few kilobytes. */
export const largestBody = 1_048_576;

/** The parameters as a form. `more` replaces parameters of the same names. */
export function formRequest(
  parameters: ParametersGiven,
  context: CallContext,
  realm: string | undefined,
  more: Readonly<Record<string, string>> = {},
): EndpointRequest {
  checkParameters(parameters);
  const form = new URLSearchParams();
  for (const [name, value] of pairs(parameters)) {
    // Some clients write a repeated parameter as `name[]`.
    if (!Object.hasOwn(more, name.replace(/\[[^\]]*\]$/, ''))) form.append(name, value);
  }
  for (const [name, value] of Object.entries(more)) form.set(name, value);
  return {
    method: 'POST',
    transport: context.secure === false ? 'plain' : 'secure',
    query: '',
    contentType: 'application/x-www-form-urlencoded',
    body: Buffer.from(form.toString()),
    authorization: context.authorization,
    realm,
    from: context.from,
  };
}

/** Throws where the names and values of an object are not parameters. Without this check they would count as missing. */
function checkParameters(parameters: ParametersGiven): void {
  if (parameters instanceof URLSearchParams) return;
  if (typeof parameters !== 'object' || parameters === null || Symbol.iterator in parameters) {
    throw new InvalidOption('parameters', 'must be URLSearchParams or an object with a value for each name');
  }
  // No parameter is a function.
  if (typeof parameters['on'] === 'function' || isFetched(parameters)) {
    throw new InvalidOption('parameters', 'must be the parsed parameters of the request, not the request itself');
  }
}

function* pairs(parameters: ParametersGiven): Iterable<readonly [string, string]> {
  if (parameters instanceof URLSearchParams) {
    yield* parameters;
    return;
  }
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) yield [name, String(one)];
  }
}

/** A request of the Fetch API. Reads its body. */
export async function fetchedRequest(
  request: Request,
  context: CallContext,
  realm: string | undefined,
): Promise<EndpointRequest> {
  if (request.bodyUsed || request.body?.locked) {
    throw new InvalidOption('request', 'has a body that was read before; pass the Request, or the parsed parameters');
  }
  const url = new URL(request.url);
  const secure = context.secure ?? (url.protocol === 'https:' || isLoopback(request, context));
  return {
    method: request.method,
    transport: secure ? 'secure' : 'plain',
    query: url.search.slice(1),
    contentType: request.headers.get('content-type') ?? undefined,
    body: await readBody(request.body, request.headers.get('content-length'), { size: largestBody }),
    authorization: context.authorization ?? request.headers.get('authorization') ?? undefined,
    realm,
    from: context.from,
  };
}

/** Never by `request.url`: frameworks make it of the header `Host`, which the caller chooses. */
function isLoopback({ headers }: Request, { from }: CallContext): boolean {
  return from !== undefined && isLoopbackCall(from, (name) => headers.get(name) ?? undefined);
}

/** The parts of a request that may carry an access token (RFC 6750 §2). */
export interface PresentedRequest {
  /** The value of the header `Authorization`, or all of them if there are several. */
  readonly authorization?: string | readonly string[] | undefined;
  /** The query of the request-target, not decoded, without `?`. */
  readonly query?: string | undefined;
}

/** A request of Node's own servers, as Express and Koa (`ctx.req`) and Fastify (`request.raw`) have it. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

export function presentedBy(request: PresentedRequest | Request | NodeRequest): PresentedRequest {
  if (isNodes(request)) return { authorization: authorizationOf(request), query: targetOf(request).query };
  if (!isFetched(request)) {
    // Without this check a misspelt option would deny every request as one without a token.
    knownOptions('checkRequest', request, presentedOptions);
    if (request.query !== undefined && typeof request.query !== 'string') {
      throw new InvalidOption('query', 'must be the query of the request-target, not decoded, without ?');
    }
    for (const value of [request.authorization ?? []].flat()) {
      if (typeof value !== 'string') throw new InvalidOption('authorization', 'must be a string or a list of strings');
    }
    return request;
  }
  return {
    authorization: request.headers.get('authorization') ?? undefined,
    query: new URL(request.url).search.slice(1),
  };
}

const presentedOptions = ['authorization', 'query'] as const;

function isNodes(request: object): request is NodeRequest {
  return Array.isArray((request as Partial<NodeRequest> | undefined)?.rawHeaders);
}

export function isFetched(request: object): request is Request {
  return typeof (request as Request | undefined)?.headers?.get === 'function';
}
