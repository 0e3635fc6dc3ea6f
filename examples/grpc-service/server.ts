/**
 * A gRPC service whose calls need an access token in the metadata `authorization`. Each method has its own scope. Clients
 * get their tokens from an HTTP server in the same process, because OAuth's token endpoint is HTTP (RFC 6749 §3.2).
 *
 *   CLIENT_SECRET=… PORT=50051 TOKEN_PORT=3000 node server.ts
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createGate } from 'portcullis';
import { bearerInterceptor, bearerOf } from 'portcullis/grpc';
import { tokenRoute } from 'portcullis/ws';

const { CLIENT_SECRET, PORT = '50051', TOKEN_PORT = '3000' } = process.env;
if (CLIENT_SECRET === undefined) throw new Error('CLIENT_SECRET is not set; openssl rand -hex 24 makes one');

interface Order {
  readonly id: number;
  readonly item: string;
  readonly for: string;
}

const gate = createGate({
  audience: 'orders',
  scopes: ['orders:read', 'orders:watch'],
  grantTypes: ['client_credentials'],
  clients: [{ clientId: 'marketplace', clientSecret: CLIENT_SECRET, owner: 'ada' }],
});

const { orders } = loadPackageDefinition(loadSync(join(import.meta.dirname, 'orders.proto')));
const { service } = (orders as GrpcObject)['Orders'] as ServiceClientConstructor;

const server = new Server({
  interceptors: [
    bearerInterceptor(gate, {
      scopes: (path) => (path === '/orders.Orders/Watch' ? ['orders:watch'] : ['orders:read']),
    }),
  ],
});
server.addService(service, {
  get(call: ServerUnaryCall<{ readonly id: number }, Order>, respond: sendUnaryData<Order>) {
    respond(null, { id: call.request.id, item: 'iron hinge', for: bearerOf(call).client.clientId });
  },
  watch(call: ServerWritableStream<object, Order>) {
    const { client } = bearerOf(call);
    for (const id of [1, 2, 3]) call.write({ id, item: 'iron hinge', for: client.clientId });
    call.end();
  },
});

const token = tokenRoute(gate);
const http = createServer((request, response) => {
  if (!token(request, response)) response.writeHead(404).end();
});
server.bindAsync(`127.0.0.1:${PORT}`, ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  http.listen(Number(TOKEN_PORT), '127.0.0.1', () => {
    console.log(`127.0.0.1:${port} http://127.0.0.1:${(http.address() as AddressInfo).port}/oauth2/token`);
  });
});
process.once('SIGTERM', () => {
  http.close();
  server.forceShutdown();
});
