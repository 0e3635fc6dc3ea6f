/**
 * A Koa app that is its own authorization server: clients get tokens at /oauth2/token (client credentials grant, RFC 6749
 * §4.4) and call /orders with them. Tokens are kept in memory; pass `createGate` a store to keep them over a restart.
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
// Mount it before middleware that reads request bodies. Over plain HTTP it accepts only clients on this machine.
app.use(oauthRoutes(gate));
// Every route below needs an access token with this scope.
app.use(bearer(gate, { scopes: ['orders:read'] }));
app.use((ctx) => {
  const { client, consumer } = bearerOf(ctx);
  ctx.body = { orders: [{ id: 1, item: 'iron hinge' }], for: client.clientId, of: consumer.username };
});

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => server.close());
