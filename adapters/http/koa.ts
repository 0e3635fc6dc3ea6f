/** `import … from 'portcullis/koa'`: the gate in a Koa app, as a middleware that checks tokens and as the routes that issue them. */
import type { Context, Middleware, Request } from 'koa';
import type { Bearer } from '../../src/oauth/tokens.ts';
import type { Gate } from '../library/create-gate.ts';
import {
  authorizationOf,
  type EndpointOptions,
  isSafe,
  secureOption,
  targetOf,
  unavailable,
} from '../library/incoming.ts';
import {
  audienceOption,
  InvalidOption,
  knownOptions,
  type Requirement,
  readRequirement,
  requirementOptions,
} from '../library/options.ts';
import { oauthEndpoint, print } from './oauth-endpoints.ts';

export type { EndpointOptions } from '../library/incoming.ts';
export type { Requirement } from '../library/options.ts';

/** What `bearer` leaves in `ctx.state` for the middleware after it. */
export interface BearerState {
  /** Whom the access token stands for. */
  bearer: Bearer;
}

/**
 * Lets a request pass whose access token is good for `requirement`, with `ctx.state.bearer`; answers any other as RFC 6750
 * §3 has it: 401 or 403 with a challenge, 400 for two tokens. The token is looked for in the header `Authorization`, in
 * profile `kong` in the query as well, and never in a body or a cookie.
 *
 * If the store cannot be asked the answer is 503, and the app hears the error (`app.on('error', …)`).
 */
export function bearer(gate: Gate, requirement: Requirement = {}): Middleware<BearerState> {
  knownOptions('bearer', requirement, requirementOptions);
  const required = readRequirement(requirement);
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

const bearers = new WeakMap<Request, Bearer>();

/** Whom the access token of this request stands for. Throws if `bearer` does not stand before, which is a bug of the app. */
export function bearerOf(ctx: Pick<Context, 'request'>): Bearer {
  const found = bearers.get(ctx.request);
  if (found === undefined) throw new Error('no bearer: this request did not pass the bearer middleware');
  return found;
}

export interface OAuthRoutesOptions extends EndpointOptions {
  /** The path before `/token` and `/authorize`. `/oauth2` by default. */
  readonly prefix?: string | undefined;
}

/**
 * `POST {prefix}/token` (RFC 6749 §3.2), and `POST {prefix}/authorize` for a login page elsewhere that knows the provision
 * key; a login page within the app calls `gate.authorize` instead. To be mounted before whatever reads bodies.
 */
export function oauthRoutes(gate: Gate, options: OAuthRoutesOptions = {}): Middleware {
  knownOptions('oauthRoutes', options, ['prefix', 'audience', 'secure']);
  const secure = secureOption(options);
  const prefix = prefixOption(options.prefix ?? '/oauth2');
  const issuer = gate.issuerFor(
    options.audience === undefined ? undefined : audienceOption('audience', options.audience),
  );
  const endpoints: ReadonlyMap<string, 'token' | 'authorize'> = new Map([
    [`${prefix}/token`, 'token'],
    [`${prefix}/authorize`, 'authorize'],
  ]);
  const answer = oauthEndpoint(gate.server, (ctx) => ({
    endpoint: endpoints.get(ctx.path) ?? 'token',
    issuer,
    request: {
      method: ctx.method,
      transport: secure || ctx.secure || isSafe(ctx.req) ? 'secure' : 'plain',
      query: ctx.querystring,
      contentType: ctx.get('content-type') || undefined,
      authorization: authorizationOf(ctx.req)[0],
      realm: gate.realm,
      from: ctx.ip,
    },
  }));
  return async (ctx, next) => {
    if (!endpoints.has(ctx.path)) return next();
    try {
      if (ctx.req.readableDidRead)
        throw new Error('oauthRoutes must be mounted before what reads the bodies of requests');
      await answer(ctx, next);
    } catch (error) {
      ctx.app.emit('error', error, ctx);
      print(ctx, unavailable);
    }
  };
}

function prefixOption(prefix: unknown): string {
  if (typeof prefix !== 'string' || (prefix !== '' && !/^(\/[^/?#\s]+)+$/.test(prefix))) {
    throw new InvalidOption('prefix', "must be a path like '/oauth2', or ''");
  }
  return prefix;
}
