/**
 * The token endpoint and the authorization endpoint behind Koa, routed by @koa/router: reads the request, asks the
 * authorization server, prints the response.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import type { AuthorizationServer } from '../../src/authorization-server.ts';
import type { Exchange, Handover } from '../../src/gateway/plugin.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import type { EndpointHandover } from '../../src/plugins/oauth2.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';
import { unavailable } from '../../src/wire/endpoint.ts';
import type { EndpointRequest, OAuthResponse } from '../../src/wire/response.ts';

export interface Endpoints {
  readonly server: AuthorizationServer;
  /** The path before `/token` and `/authorize`. */
  readonly prefix: string;
  /** The issuer, and the whole request. */
  read(ctx: Context): MaybePromise<{ readonly issuer: Issuer; readonly request: EndpointRequest }>;
  /** Receives each response of the authorization server, for the log. */
  responded?(ctx: Context, response: OAuthResponse): void;
  /** Receives the error where there was no response. The client gets 503. */
  failed(error: unknown, ctx: Context): void;
}

/** The routes of both endpoints. A request for another path goes on to the next middleware. */
export function oauthEndpoints({ server, prefix, read, responded, failed }: Endpoints): Middleware {
  const answer = (endpoint: 'token' | 'authorize') => async (ctx: Context) => {
    try {
      const { issuer, request } = await read(ctx);
      const response = await server[endpoint](issuer, request);
      responded?.(ctx, response);
      print(ctx, response);
    } catch (error) {
      // A client that disconnects during a request is not an error and gets no response.
      if (!ctx.req.complete && ctx.req.destroyed) return;
      failed(error, ctx);
      print(ctx, unavailable);
    }
  };
  const endpoints = { token: answer('token'), authorize: answer('authorize') };
  const router = new Router({ sensitive: true, strict: true });
  for (const [name, endpoint] of Object.entries(endpoints)) router.post(name, literal(`${prefix}/${name}`), endpoint);
  const routes = router.routes() as Middleware;
  return (ctx, next) =>
    routes(ctx, () => {
      // Any other method, also one that Node does not know: the authorization server refuses it in the words of the profile.
      const route = router.stack.find((layer) => ctx['matched'].includes(layer));
      return route === undefined ? next() : endpoints[route.name as keyof typeof endpoints](ctx);
    });
}

/** The path with the pattern characters of path-to-regexp escaped. */
function literal(path: string): string {
  return path.replace(/[\\{}()[\]+?!*:]/g, '\\$&');
}

/** Serves the requests that the gate's `oauth2` plugin hands over, on the connections that they came by. */
export function handedOverEndpoints(
  server: AuthorizationServer,
  failed: (error: unknown) => void,
  issued: (grantType: NonNullable<OAuthResponse['issued']>) => void = () => {},
): (handover: Handover, exchange: Exchange, req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const handedOver = new WeakMap<IncomingMessage, { readonly handover: Handover; readonly exchange: Exchange }>();
  const app = new Koa();
  app.silent = true;
  app.use((ctx, next) => {
    // The plugin matches paths as Kong does: anything may precede /oauth2, and a slash may follow. Here each endpoint has one path.
    ctx.path = `/oauth2/${handedOver.get(ctx.req)!.handover.handover}`;
    return next();
  });
  app.use(
    oauthEndpoints({
      server,
      prefix: '/oauth2',
      read(ctx) {
        const { handover, exchange } = handedOver.get(ctx.req)!;
        const { issuer, request } = handover.to as EndpointHandover;
        return { issuer, request: { ...request, body: exchange.request.wholeBody } };
      },
      responded(ctx, { refusal, clientId, issued: grantType }) {
        if (grantType !== undefined) issued(grantType);
        const { exchange } = handedOver.get(ctx.req)!;
        exchange.refusal = refusal?.reason;
        exchange.clientId = clientId;
      },
      failed,
    }),
  );
  const callback = app.callback();
  return async (handover, exchange, req, res) => {
    handedOver.set(req, { handover, exchange });
    await callback(req, res);
  };
}

export function print(ctx: Context, { status, headers, body }: OAuthResponse): void {
  ctx.status = status;
  for (const [name, value] of headers) ctx.append(name, value);
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = JSON.stringify(body);
}
