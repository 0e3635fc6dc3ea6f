/** Listeners for operators: the Admin API and the status endpoints. Plain or TLS, over HTTP/1.1. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { targetReader } from '../raw-targets.ts';
import { respondMalformed } from './malformed.ts';

export interface OperatorAddress {
  readonly host: string;
  readonly port: number;
  readonly ssl?: boolean;
}

/** PEM. */
export interface OperatorCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface OpenListeners {
  readonly addresses: readonly (OperatorAddress & { readonly ssl: boolean })[];
  /** Changes the certificate of the TLS listeners, from the next handshake on. */
  setCertificate(certificate: OperatorCertificate): void;
  /**
   * Accepts no new requests and finishes those in flight, within `graceful` milliseconds (10,000). A request that has not
   * arrived completely is finished only if that happens before `othersClosed`: the gate does not wait for a slow caller.
   */
  close(how?: { readonly graceful?: number; readonly othersClosed?: Promise<void> }): Promise<void>;
}

/** Opens all listeners. If one fails, closes the others and throws its error. */
export async function openListeners(
  listen: readonly OperatorAddress[],
  certificate: OperatorCertificate | undefined,
  handle: RequestListener,
): Promise<OpenListeners> {
  const servers: (Server | TlsServer)[] = [];
  const sockets = new Set<Socket>();
  const inFlight = new Map<ServerResponse, IncomingMessage>();
  let completed = () => {};
  let closing = false;

  const begin: RequestListener = (request, response) => {
    inFlight.set(response, request);
    response.on('close', () => {
      inFlight.delete(response);
      if (closing) request.socket.destroySoon();
      completed();
    });
    handle(request, response);
  };

  /** Waits for the responses to requests that have arrived completely. */
  const responsesSent = (): Promise<void> =>
    new Promise((resolve) => {
      completed = () => {
        if ([...inFlight.values()].every((request) => !request.complete)) resolve();
      };
      completed();
    });

  async function close({ graceful = 10_000, othersClosed = Promise.resolve() } = {}): Promise<void> {
    closing = true;
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceful);
    });
    await Promise.race([othersClosed.then(responsesSent), limit]);
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  }

  try {
    for (const { host, port, ssl = false } of listen) {
      const server = ssl
        ? createTlsServer({ ...options, ...tlsOptions(certificate) }, begin)
        : createServer(options, begin);
      const arrivals = ssl ? 'secureConnection' : 'connection';
      const [read] = server.listeners(arrivals) as ((socket: Socket) => void)[];
      const targets = targetReader((socket) => read!.call(server, socket), { size: 16_384, milliseconds: 15_000 });
      server.removeAllListeners(arrivals).on(arrivals, targets.read);
      server.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      });
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
    await close({ graceful: 0 });
    throw error;
  }
  return {
    addresses: servers.map((server, at) => {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port, ssl: listen[at]!.ssl === true };
    }),
    setCertificate(changed) {
      for (const server of servers) {
        if ('setSecureContext' in server) server.setSecureContext(tlsOptions(changed));
      }
    },
    close,
  };
}

const options: ServerOptions = { requestTimeout: 60_000, headersTimeout: 15_000 };

function tlsOptions(certificate: OperatorCertificate | undefined) {
  if (certificate === undefined) throw new TypeError('a TLS listener needs a certificate');
  return {
    cert: certificate.certificate,
    key: certificate.key,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: 20_000,
  } as const;
}
