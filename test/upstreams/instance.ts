/** One instance of a service: tells its name, counts its requests, and can die and come back on the same port. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Instance {
  readonly name: string;
  readonly target: string;
  /** Requests, without the probes. */
  count: number;
  readonly hosts: string[];
  /** What it does instead of telling its name. */
  serve: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  die(): Promise<void>;
  comeBack(): Promise<void>;
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
    async die() {
      const dying = server;
      server = undefined;
      if (dying === undefined) return;
      const closed = new Promise((resolve) => dying.close(resolve));
      dying.closeAllConnections();
      await closed;
    },
    async comeBack() {
      const coming = createServer((request, response) => {
        if (request.url === '/probe') {
          response.end();
          return;
        }
        one.count++;
        one.hosts.push(request.headers.host ?? '');
        if (one.serve !== undefined) one.serve(request, response);
        else response.end(name);
      });
      await new Promise<void>((resolve) => coming.listen(port, '127.0.0.1', resolve));
      port = (coming.address() as AddressInfo).port;
      server = coming;
    },
  };
  await one.comeBack();
  return one;
}
