import { createServer, type IncomingMessage } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import type { Gate } from '../../adapters/library/create-gate.ts';
import { bearerOf, type GuardUpgradeOptions, guardUpgrade, tokenRoute } from '../../adapters/websocket/ws.ts';
import type { Bearer } from '../../src/oauth/tokens.ts';
import { outcomeOf } from './koa.ts';
import { listening } from './listening.ts';
import type { CallOutcome, Transport } from './scenarios.ts';

export interface WsWorld {
  readonly port: number;
  /** The requests whose handshake was admitted. */
  readonly admitted: readonly IncomingMessage[];
  /** Opens a WebSocket, and returns its first message or how the handshake was refused. */
  connect(how: {
    readonly path?: string;
    readonly protocols?: readonly string[];
    readonly headers?: Readonly<Record<string, string>>;
  }): Promise<CallOutcome & { readonly protocol?: string }>;
  close(): Promise<void>;
}

export async function openWs(
  gate: Gate,
  options: Partial<GuardUpgradeOptions> = { scopes: ['read'] },
): Promise<WsWorld> {
  const admitted: IncomingMessage[] = [];
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket: WebSocket, request: IncomingMessage, bearer: Bearer) => {
    admitted.push(request);
    socket.send(JSON.stringify({ subject: bearer.grant.subject, again: bearerOf(request).grant.subject }));
  });
  const token = tokenRoute(gate);
  const http = createServer((request, response) => {
    if (!token(request, response)) response.writeHead(404).end();
  });
  http.on('upgrade', guardUpgrade(gate, { sockets, ...options }));
  const server = await listening(http);
  return {
    port: server.port,
    admitted,
    async connect({ path = '/', protocols = [], headers = {} }) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, [...protocols], { headers: { ...headers } });
      const result = await new Promise<CallOutcome & { readonly protocol?: string }>((resolve, reject) => {
        socket.on('message', (data) => {
          const { subject } = JSON.parse(String(data)) as { readonly subject?: string };
          resolve({ outcome: 'passed', subject, protocol: socket.protocol });
        });
        socket.on('unexpected-response', async (_request, response: IncomingMessage) => {
          const text = (await response.setEncoding('utf8').toArray()).join('');
          const { error_description: message } = JSON.parse(text) as { readonly error_description: string };
          resolve({
            outcome: outcomeOf(response.statusCode),
            challenge: response.headers['www-authenticate'],
            message,
          });
        });
        socket.on('error', reject);
      });
      socket.on('error', () => undefined);
      socket.terminate();
      return result;
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      await server.close();
    },
  };
}

/** A WebSocket server of the package `ws`, and its client. */
export const ws: Transport = {
  name: 'WebSocket, with ws',
  async open(gate, onError) {
    const world = await openWs(gate, { scopes: ['read'], onError });
    return {
      get handled() {
        return world.admitted.length;
      },
      call: (authorization) => world.connect({ headers: authorization === undefined ? {} : { authorization } }),
      close: world.close,
    };
  },
};
