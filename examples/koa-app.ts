/**
 * A Koa app that is its own authorization server: clients get tokens at /oauth2/token (client credentials grant, RFC 6749
 * §4.4) and call /orders with them. Tokens live in memory here; give `createGate` a store to keep them.
 *
 *   CLIENT_SECRET=… PORT=3000 node koa-app.ts
 */
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { createGate } from 'portcullis';
import { bearer, bearerOf, oauthRoutes } from 'portcullis/koa';

const { CLIENT_SECRET, PORT = '3000' } = process.env;
if (CLIENT_SECRET === undefined) throw new Error('CLIENT_SECRET is not set; openssl rand -hex 24 makes one');

const gate = createGate({
  scopes: ['orders:read', 'orders:write'],
  grantTypes: ['client_credentials'],
  clients: [{ clientId: 'marketplace', clientSecret: CLIENT_SECRET, owner: 'ada' }],
});

const app = new Koa();
// Before whatever reads bodies. Over plain HTTP it answers callers on this machine only.
app.use(oauthRoutes(gate));
// From here on nobody passes without a token for this scope.
app.use(bearer(gate, { scopes: ['orders:read'] }));
app.use((ctx) => {
  const { client, consumer } = bearerOf(ctx);
  ctx.body = { orders: [{ id: 1, item: 'iron hinge' }], for: client.clientId, of: consumer.username };
});

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => server.close());
