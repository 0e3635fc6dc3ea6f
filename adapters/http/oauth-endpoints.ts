/**
 * The token endpoint and the authorization endpoint for Koa: reads the request, asks the authorization server, prints
 * the response. Which issuer is meant is for whoever mounts it to say.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa, { type Context, type Middleware } from 'koa';
import type { AuthorizationServer } from '../../src/authorization-server.ts';
import type { Exchange, Handover } from '../../src/gateway/plugin.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import type { EndpointHandover } from '../../src/plugins/oauth2.ts';
import type { EndpointRequest, OAuthResponse } from '../../src/wire/response.ts';
import { largestBody } from '../library/calls.ts';
import { unavailable } from '../library/incoming.ts';
import { readBody } from '../request-body.ts';

export interface MountedEndpoint {
  readonly endpoint: 'token' | 'authorize';
  readonly issuer: Issuer;
  readonly request: Omit<EndpointRequest, 'body'>;
  /** The body, where somebody before had to read it. */
  readonly body?: Uint8Array | undefined;
  /** Told what was answered, for the log. */
  readonly answered?: (response: OAuthResponse) => void;
}

export function oauthEndpoint(server: AuthorizationServer, mounted: (ctx: Context) => MountedEndpoint): Middleware {
  return async (ctx) => {
    const { endpoint, issuer, request, answered, ...read } = mounted(ctx);
    const body = read.body ?? (await readBody(ctx.req, ctx.req.headers['content-length'], largestBody));
    const response = await server[endpoint](issuer, { ...request, body });
    answered?.(response);
    print(ctx, response);
  };
}

/** Serves what the gate's `oauth2` plugin hands over, on the very connection the request came in by. */
export function handedOverEndpoints(
  server: AuthorizationServer,
  failed: (error: unknown) => void,
): (handover: Handover, exchange: Exchange, req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const inHand = new WeakMap<IncomingMessage, { readonly handover: Handover; readonly exchange: Exchange }>();
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      // Who has gone away in the middle of a request is no failure, and hears no answer.
      if (!ctx.req.complete && ctx.req.destroyed) return;
      failed(error);
      print(ctx, unavailable);
    }
  });
  app.use(
    oauthEndpoint(server, (ctx) => {
      const { handover, exchange } = inHand.get(ctx.req)!;
      const { issuer, request } = handover.to as EndpointHandover;
      return {
        endpoint: handover.handover,
        issuer,
        request,
        body: exchange.request.wholeBody,
        answered: ({ refusal, clientId }) => {
          exchange.refusal = refusal?.reason;
          exchange.clientId = clientId;
        },
      };
    }),
  );
  const callback = app.callback();
  return async (handover, exchange, req, res) => {
    inHand.set(req, { handover, exchange });
    await callback(req, res);
  };
}

export function print(ctx: Context, { status, headers, body }: OAuthResponse): void {
  ctx.status = status;
  for (const [name, value] of headers) ctx.append(name, value);
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = JSON.stringify(body);
}
