import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { expect } from 'chai';
import { WebSocket } from 'ws';

const root = join(import.meta.dirname, '..', '..');
const secret = 'a-secret-of-the-marketplace';

/** Runs an example while `use` runs, which receives the first line that the example prints. */
async function running(example: string, use: (line: string) => Promise<void>): Promise<void> {
  const service = spawn(process.execPath, ['--conditions=portcullis-source', example], {
    cwd: root,
    env: { PATH: process.env['PATH'], CLIENT_SECRET: secret, PORT: '0', TOKEN_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(service.stdout, 'data')) as [Buffer];
    await use(String(line).trim());
  } finally {
    service.kill('SIGTERM');
    await once(service, 'close');
  }
}

async function tokenFrom(endpoint: string, scope: string): Promise<string> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'marketplace',
    client_secret: secret,
    scope,
  });
  const response = await fetch(endpoint, { method: 'POST', body });
  return ((await response.json()) as { readonly access_token: string }).access_token;
}

describe('The example of a WebSocket service', () => {
  it('opens for a token in the header and in the subprotocol, and refuses a handshake without one over HTTP', () =>
    running('examples/ws-service.ts', async (base) => {
      const token = await tokenFrom(`${base}/oauth2/token`, 'ticker:read');
      const authorization = `Bearer ${token}`;
      const sockets = [
        new WebSocket(base.replace('http', 'ws'), { headers: { authorization } }),
        new WebSocket(base.replace('http', 'ws'), ['bearer', token], { origin: 'https://app.example' }),
      ];
      for (const socket of sockets) {
        const [message] = (await once(socket, 'message')) as [Buffer];
        expect(JSON.parse(String(message))).to.include({ item: 'iron hinge', for: 'marketplace' });
        socket.terminate();
      }
      const refused = new WebSocket(base.replace('http', 'ws'));
      const [error] = (await once(refused, 'error')) as [Error];
      expect(error.message).to.include('401');
    }));
});

describe('The example of a gRPC service', () => {
  it('admits calls and streams whose token has the scope, and names the missing scope otherwise', () =>
    running('examples/grpc-service/server.ts', async (line) => {
      const [target = '', endpoint = ''] = line.split(' ');
      const { orders } = loadPackageDefinition(loadSync(join(root, 'examples/grpc-service/orders.proto')));
      const Orders = (orders as GrpcObject)['Orders'] as ServiceClientConstructor;
      const client = new Orders(target, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${await tokenFrom(endpoint, 'orders:read')}`);
      try {
        const order = await new Promise<unknown>((resolve, reject) => {
          client['get']!({ id: 7 }, metadata, (error: ServiceError | null, order: unknown) =>
            error === null ? resolve(order) : reject(error),
          );
        });
        expect(order).to.include({ id: 7, item: 'iron hinge', for: 'marketplace' });

        const [narrow] = (await once(client['watch']!({}, metadata), 'error')) as [ServiceError];
        expect(narrow).to.include({
          code: status.PERMISSION_DENIED,
          details: 'The access token lacks scope: orders:watch',
        });

        metadata.set('authorization', `Bearer ${await tokenFrom(endpoint, 'orders:watch')}`);
        expect(await client['watch']!({}, metadata).toArray()).to.have.length(3);
      } finally {
        client.close();
      }
    }));
});
