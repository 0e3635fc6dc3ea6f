/** The listeners of the Admin API. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { targetReader } from '../raw-targets.ts';
import { type AdminApiOptions, adminApi } from './admin-api.ts';
import { respondMalformed } from './malformed.ts';

export interface OpenAdmin {
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Finishes the requests in flight and accepts no new ones. */
  close(): Promise<void>;
}

export async function openAdmin(
  listen: readonly { readonly host: string; readonly port: number }[],
  options: AdminApiOptions & { readonly failed: (error: unknown) => void },
): Promise<OpenAdmin> {
  const app = adminApi(options);
  app.silent = true;
  app.on('error', options.failed);
  const handle = app.callback();
  const servers: Server[] = [];
  const close = async () => {
    await Promise.all(
      servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeIdleConnections();
          }),
      ),
    );
  };
  try {
    for (const { host, port } of listen) {
      const server = createServer({ requestTimeout: 60_000, headersTimeout: 15_000 }, handle);
      const [read] = server.listeners('connection') as ((socket: Socket) => void)[];
      const targets = targetReader((socket) => read!.call(server, socket), { size: 16_384, milliseconds: 15_000 });
      server.removeAllListeners('connection').on('connection', targets.read);
      server.on('clientError', (error, socket) => {
        if (!targets.readAgain(error, socket as Socket)) respondMalformed(error, socket);
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses: servers.map((server) => {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    }),
    close,
  };
}
