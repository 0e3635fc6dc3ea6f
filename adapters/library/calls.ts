/** The ways in which a program hands a request of its own transport to the gate, turned into what the core reads. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { EndpointRequest } from '../../src/wire/response.ts';
import { readBody } from '../request-body.ts';
import { authorizationOf, targetOf } from './incoming.ts';
import { InvalidOption, knownOptions } from './options.ts';

/** Parameters of a request (RFC 6749 §3.1, §3.2), decoded: as Koa's `ctx.query`, `URLSearchParams`, or by hand. */
export type ParametersGiven = URLSearchParams | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What stands beside the parameters. */
export interface CallContext {
  /** The value of the header `Authorization`, where a client may prove itself by HTTP Basic (RFC 6749 §2.3.1). */
  readonly authorization?: string | undefined;
  /** The address of the caller. Failed client authentications are counted by it; without it they are not. */
  readonly from?: string | undefined;
  /** The service for which tokens are wanted. The gate's own by default. */
  readonly audience?: string | undefined;
  /**
   * Whether the request came over TLS, where the gate cannot know: behind a proxy that ends it. By default that is so for
   * bare parameters, and for a `Request` what its URL says. Secrets in the clear are refused (RFC 6749 §3.2).
   */
  readonly secure?: boolean | undefined;
}

export const callContextOptions = ['authorization', 'from', 'audience', 'secure'] as const;

/** Together the parameters of an honest request have a few kilobytes. */
export const largestBody = 1_048_576;

/** The parameters as a form, with `more` in the place of whatever had those names. */
export function formRequest(
  parameters: ParametersGiven,
  context: CallContext,
  realm: string | undefined,
  more: Readonly<Record<string, string>> = {},
): EndpointRequest {
  // Nothing that was read from a query or a form has methods.
  if (!(parameters instanceof URLSearchParams) && typeof parameters['on'] === 'function') {
    throw new InvalidOption('parameters', "are those of the body, read: a request of Node's own servers is none");
  }
  const form = new URLSearchParams();
  for (const [name, value] of pairs(parameters)) {
    // `name[]` is how some write a repeated parameter.
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

function* pairs(parameters: ParametersGiven): Iterable<readonly [string, string]> {
  if (parameters instanceof URLSearchParams) {
    yield* parameters;
    return;
  }
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) yield [name, String(one)];
  }
}

/** A request of the Fetch API, whose body is read here. */
export async function fetchedRequest(
  request: Request,
  context: CallContext,
  realm: string | undefined,
): Promise<EndpointRequest> {
  const url = new URL(request.url);
  const secure = context.secure ?? url.protocol === 'https:';
  return {
    method: request.method,
    transport: secure ? 'secure' : 'plain',
    query: url.search.slice(1),
    contentType: request.headers.get('content-type') ?? undefined,
    body: await readBody(request.body, request.headers.get('content-length'), largestBody),
    authorization: context.authorization ?? request.headers.get('authorization') ?? undefined,
    realm,
    from: context.from,
  };
}

/** An access token as a request carries it (RFC 6750 §2). */
export interface PresentedRequest {
  /** Every value of the header `Authorization`, as they came. */
  readonly authorization?: string | readonly string[] | undefined;
  /** The query of the request-target, without `?`. */
  readonly query?: string | undefined;
}

/** A request of Node's own servers, as Express and Koa (`ctx.req`) and Fastify (`request.raw`) have it. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

export function presentedBy(request: PresentedRequest | Request | NodeRequest): PresentedRequest {
  if (isNodes(request)) return { authorization: authorizationOf(request), query: targetOf(request).query };
  if (!isFetched(request)) {
    // What carries its token elsewhere would be denied for ever, and nobody would know why.
    knownOptions('checkRequest', request, presentedOptions);
    if (request.query !== undefined && typeof request.query !== 'string') {
      throw new InvalidOption('query', 'must be the query of the request-target as it came, without ?');
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
