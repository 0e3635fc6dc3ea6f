/** One instance of a service: it responds with its name, counts its requests, and can stop and start on the same port. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Instance {
  readonly name: string;
  readonly target: string;
  /** Requests, without the probes. */
  count: number;
  readonly hosts: string[];
  /** What it does instead of responding with its name. */
  serve: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function instance(name: string): Promise<Instance> {
  let server: Server | undefined;
  let port = 0;
  const one: Instance = {
    name,
    get target() {
      return `127.0.0.1:${port}`;
    },
    count: 0,
    hosts: [],
    serve: undefined,
    async stop() {
      const stopping = server;
      server = undefined;
      if (stopping === undefined) return;
      const closed = new Promise((resolve) => stopping.close(resolve));
      stopping.closeAllConnections();
      await closed;
    },
    async start() {
      const starting = createServer((request, response) => {
        if (request.url === '/probe') {
          response.end();
          return;
        }
        one.count++;
        one.hosts.push(request.headers.host ?? '');
        if (one.serve !== undefined) one.serve(request, response);
        else response.end(name);
      });
      await new Promise<void>((resolve) => starting.listen(port, '127.0.0.1', resolve));
      port = (starting.address() as AddressInfo).port;
      server = starting;
    },
  };
  await one.start();
  return one;
}
