/** Requests as octets, and what a caller does after sending them: for whatever no HTTP client would send. */
import { Agent, request } from 'node:http';
import { connect } from 'node:net';

/**
 * `wait`: until the other side has ended the connection. `end`: the client sends no more octets and waits for the response.
 * `break`: the connection is cut off.
 */
export type Then = 'wait' | 'end' | 'break';

/** Writes `octets` (latin1) and gives all that came back. */
export function rawCall(port: number, octets: string, then: Then = 'wait'): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let response = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      response += text;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(response));
    // A gate may close the connection of a client that still sends too much.
    socket.on('error', () => {});
    socket.write(octets, 'latin1', () => {
      if (then === 'end') socket.end();
      if (then === 'break') socket.destroy();
    });
  });
}

/** The status in a raw response; 0: there was none. */
export const statusOf = (response: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(response)?.[1] ?? 0);

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Answered {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Sends over kept connections, so that many requests cost little. */
export function caller(): { send(sent: Sent): Promise<Answered>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  return {
    send: ({ method, url, headers, body }) =>
      new Promise((resolve, reject) => {
        const call = request(url, { method, headers, agent }, (response) => {
          const pieces: Buffer[] = [];
          response.on('data', (piece: Buffer) => pieces.push(piece));
          response.on('end', () =>
            resolve({
              status: response.statusCode!,
              type: response.headers['content-type'] ?? '',
              text: Buffer.concat(pieces).toString('utf8'),
            }),
          );
        });
        call.on('error', reject);
        call.end(body);
      }),
    close: () => agent.destroy(),
  };
}
