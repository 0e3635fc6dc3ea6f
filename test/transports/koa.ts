import { createServer } from 'node:http';
import Koa from 'koa';
import { bearer, bearerOf, oauthRoutes } from '../../adapters/http/koa.ts';
import { listening } from './listening.ts';
import type { CallOutcome, Transport } from './scenarios.ts';

/** A Koa app, and `fetch`. */
export const koa: Transport = {
  name: 'HTTP, with Koa',
  async open(gate, onError) {
    let handled = 0;
    const app = new Koa();
    app.on('error', onError);
    app.use(oauthRoutes(gate));
    app.use(bearer(gate, { scopes: ['read'] })).use((ctx) => {
      handled++;
      ctx.body = { subject: ctx.state.bearer.grant.subject, again: bearerOf(ctx).grant.subject };
    });
    const server = await listening(createServer(app.callback()));
    return {
      get handled() {
        return handled;
      },
      async call(authorization) {
        const response = await fetch(`http://127.0.0.1:${server.port}/orders`, {
          headers: authorization === undefined ? {} : { authorization },
        });
        const body = (await response.json()) as { readonly subject?: string; readonly error_description?: string };
        return {
          outcome: outcomeOf(response.status),
          subject: body.subject,
          challenge: response.headers.get('www-authenticate') ?? undefined,
          message: body.error_description,
        };
      },
      close: server.close,
    };
  },
};

export function outcomeOf(status: number | undefined): CallOutcome['outcome'] {
  const outcome = (
    { 200: 'passed', 400: 'invalid', 401: 'unauthenticated', 403: 'forbidden', 503: 'unavailable' } as const
  )[status ?? 0];
  if (outcome === undefined) throw new Error(`responded with status ${status}`);
  return outcome;
}
