/** `import … from 'portcullis/koa'`: for a Koa app, a middleware that checks access tokens and the routes that issue them. */
import type { Context, Middleware, Request } from 'koa';
import type { Bearer } from '../../src/oauth/tokens.ts';
import { unavailable } from '../../src/wire/endpoint.ts';
import { admittedBearers } from '../library/admitted-bearers.ts';
import type { Gate } from '../library/create-gate.ts';
import { authorizationOf, targetOf } from '../library/incoming.ts';
import { type EndpointOptions, nodeEndpoint } from '../library/node-endpoint.ts';
import { gateArgument, knownOptions, pathOption, type Requirement } from '../library/options.ts';
import { oauthEndpoints, print } from './oauth-endpoints.ts';

export type { EndpointOptions } from '../library/node-endpoint.ts';
export type { Requirement } from '../library/options.ts';

/** What `bearer` sets in `ctx.state` for the middleware after it. */
export interface BearerState {
  /** The grant, the client and the consumer of the access token. */
  bearer: Bearer;
}

/**
 * Admits a request whose access token is valid and has the scopes of `requirement`, and sets `ctx.state.bearer`. Any other
 * request gets an error response (RFC 6750 §3): 401 or 403 with a challenge, 400 for two tokens. The token is read from the
 * header `Authorization`, with profile `kong` also from the query parameter `access_token`; never from a body or a cookie.
 *
 * If the store cannot be reached, the response is 503 and the app emits the error (`app.on('error', …)`).
 */
export function bearer(gate: Gate, requirement: Requirement = {}): Middleware<BearerState> {
  const required = gateArgument('bearer', gate).requirement(requirement);
  return async (ctx, next) => {
    let outcome: Awaited<ReturnType<Gate['checkRequest']>>;
    try {
      const { query } = targetOf(ctx.req);
      outcome = await gate.checkRequest({ authorization: authorizationOf(ctx.req), query }, required);
    } catch (error) {
      ctx.app.emit('error', error, ctx);
      return print(ctx, unavailable);
    }
    if (outcome.state === 'denied') return print(ctx, outcome.response);
    ctx.state.bearer = outcome.bearer;
    bearers.set(ctx.request, outcome.bearer);
    // "Resource servers SHOULD include a "Cache-Control" header with the "private" option" (RFC 6750 §2.3)
    if (outcome.foundIn === 'query') ctx.set('Cache-Control', 'private');
    await next();
  };
}

const bearers = admittedBearers<Request>('no bearer: this request did not pass the bearer middleware');

/** The bearer of the access token of this request. Throws if the request did not pass `bearer`, which is a bug of the app. */
export function bearerOf(ctx: Pick<Context, 'request'>): Bearer {
  return bearers.get(ctx?.request);
}

export interface OAuthRoutesOptions extends EndpointOptions {
  /** The path before `/token` and `/authorize`. `/oauth2` by default; `''`: none. */
  readonly prefix?: string | undefined;
}

/**
 * `POST {prefix}/token` (RFC 6749 §3.2), and `POST {prefix}/authorize` for a login page outside this app that knows the
 * provision key; a login page within the app calls `gate.authorize` instead. Any other method gets 405. Requests for other
 * paths go on to the next middleware. Mount it before the middleware that reads request bodies.
 *
 * If the store cannot be reached, the response is 503 and the app emits the error (`app.on('error', …)`).
 */
export function oauthRoutes(gate: Gate, options: OAuthRoutesOptions = {}): Middleware {
  knownOptions('oauthRoutes', options, ['prefix', 'audience', 'secure', 'bodyTimeout']);
  const { prefix = '/oauth2' } = options;
  const { issuer, read } = nodeEndpoint('oauthRoutes', gate, options);
  return oauthEndpoints({
    server: gate.server,
    prefix: prefix === '' ? '' : pathOption('prefix', prefix, '/oauth2'),
    // Koa knows the scheme and the address behind a proxy (`app.proxy`).
    read: async (ctx) => ({ issuer, request: await read(ctx.req, { secure: ctx.secure, from: ctx.ip }) }),
    failed: (error, ctx) => void ctx.app.emit('error', error, ctx),
  });
}
