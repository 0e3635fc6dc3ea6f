/** The service that `portcullis demo` guards. It does no OAuth: it reads the identity of the caller from header fields. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SampleService {
  readonly url: string;
  /** How many calls the gate has admitted. */
  calls(): number;
  close(): Promise<void>;
}

export async function sampleService(): Promise<SampleService> {
  let calls = 0;
  const server = createServer((request, response) => {
    calls += 1;
    const body = {
      orders: [
        { id: 1, item: 'iron hinge', quantity: 12 },
        { id: 2, item: 'oak beam', quantity: 4 },
      ],
      calledBy: {
        consumer: request.headers['x-consumer-username'],
        client: request.headers['x-credential-identifier'],
        scope: request.headers['x-authenticated-scope'],
      },
    };
    response.setHeader('Content-Type', 'application/json');
    response.end(`${JSON.stringify(body)}\n`);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => calls,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
