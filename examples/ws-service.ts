/**
 * A WebSocket service whose handshakes need an access token. The same server has a token route, where clients get the token
 * first (client credentials grant, RFC 6749 §4.4).
 *
 *   CLIENT_SECRET=… PORT=3000 node ws-service.ts
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGate } from 'portcullis';
import { bearerOf, guardUpgrade, tokenRoute } from 'portcullis/ws';
import { WebSocketServer } from 'ws';

const { CLIENT_SECRET, PORT = '3000', ORIGIN = 'https://app.example' } = process.env;
if (CLIENT_SECRET === undefined) throw new Error('CLIENT_SECRET is not set; openssl rand -hex 24 makes one');

const gate = createGate({
  audience: 'ticker',
  scopes: ['ticker:read'],
  grantTypes: ['client_credentials'],
  clients: [{ clientId: 'marketplace', clientSecret: CLIENT_SECRET, owner: 'ada' }],
});

const sockets = new WebSocketServer({ noServer: true });
sockets.on('connection', (socket, request) => {
  const { client } = bearerOf(request);
  socket.send(JSON.stringify({ item: 'iron hinge', price: 4.2, for: client.clientId }));
});

const token = tokenRoute(gate);
const server = createServer((request, response) => {
  if (!token(request, response)) response.writeHead(404).end();
});
// A page in a browser cannot set headers on its handshake. It sends the token as a subprotocol: ['bearer', token].
server.on(
  'upgrade',
  guardUpgrade(gate, { sockets, scopes: ['ticker:read'], origins: [ORIGIN], tokenFrom: ['header', 'subprotocol'] }),
);
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => {
  for (const socket of sockets.clients) socket.close(1001);
  server.close();
});
