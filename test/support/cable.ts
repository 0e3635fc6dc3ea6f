/** A connection between a gate and its database that the test controls: it can cut it, slow it down, or lose a response. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface Cable {
  /** The same URL, through the cable. */
  readonly url: string;
  /** Closes all connections and refuses new ones. */
  cut(): void;
  /** Keeps the connections, but passes no more data. */
  silence(): void;
  /** Delays every chunk by this many milliseconds, in each direction. */
  slowDown(milliseconds: number): void;
  /** Passes all data again. Closed connections stay closed. */
  repair(): void;
  /**
   * Passes the next request that contains all these texts to the database, loses the response and closes the connection.
   * Resolves when that has happened.
   */
  loseResponseTo(...texts: readonly string[]): Promise<void>;
  close(): void;
}

export async function layCable(url: string): Promise<Cable> {
  const [, host = '127.0.0.1', port = '27017', path = ''] =
    /^mongodb:\/\/(?:[^@/]*@)?([^:/,]+):(\d+)([^?]*)/.exec(url) ?? [];
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  let delay = 0;
  let losing: { readonly texts: readonly string[]; readonly done: () => void } | undefined;

  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(Number(port), host);
    const pair = [near, far] as const;
    pairs.add(pair);
    let lost: (() => void) | undefined;
    const pass = (to: Socket, chunk: Buffer) => {
      if (state === 'silent') return;
      if (delay === 0) to.write(chunk);
      else setTimeout(() => to.writable && to.write(chunk), delay).unref();
    };
    near.on('data', (chunk: Buffer) => {
      if (losing?.texts.every((text) => chunk.includes(text))) {
        lost = losing.done;
        losing = undefined;
      }
      pass(far, chunk);
    });
    far.on('data', (chunk: Buffer) => {
      if (lost === undefined) pass(near, chunk);
      else {
        lost();
        end();
      }
    });
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const breakAll = () => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
    pairs.clear();
  };
  return {
    url: `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}${path}?directConnection=true`,
    cut() {
      state = 'cut';
      breakAll();
    },
    silence() {
      state = 'silent';
    },
    slowDown(milliseconds) {
      delay = milliseconds;
    },
    repair() {
      // The driver would wait without end for the data that was dropped.
      if (state === 'silent') breakAll();
      state = 'whole';
      delay = 0;
    },
    loseResponseTo: (...texts) =>
      new Promise((done) => {
        losing = { texts, done };
      }),
    close() {
      server.close();
      breakAll();
    },
  };
}
