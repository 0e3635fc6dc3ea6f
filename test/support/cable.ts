/** The cable between a gate and its database, in the hand of the test: cut, slow, dead, or losing one answer. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface Cable {
  /** The same URL, by way of the cable. */
  readonly url: string;
  /** Connections break, and new ones are refused. */
  cut(): void;
  /** Connections stay, and nothing comes through any more. */
  silence(): void;
  /** Every piece takes this many milliseconds longer, in each direction. */
  slowDown(milliseconds: number): void;
  /** As new. Connections that broke stay broken. */
  mend(): void;
  /**
   * The next request that holds all these texts reaches the database; its answer is lost and the connection breaks.
   * Resolves when it has happened.
   */
  loseAnswerTo(...texts: readonly string[]): Promise<void>;
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
    const pass = (to: Socket, piece: Buffer) => {
      if (state === 'silent') return;
      if (delay === 0) to.write(piece);
      else setTimeout(() => to.writable && to.write(piece), delay).unref();
    };
    near.on('data', (piece: Buffer) => {
      if (losing?.texts.every((text) => piece.includes(text))) {
        lost = losing.done;
        losing = undefined;
      }
      pass(far, piece);
    });
    far.on('data', (piece: Buffer) => {
      if (lost === undefined) pass(near, piece);
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
    mend() {
      // What was swallowed would be waited for in vain.
      if (state === 'silent') breakAll();
      state = 'whole';
      delay = 0;
    },
    loseAnswerTo: (...texts) =>
      new Promise((done) => {
        losing = { texts, done };
      }),
    close() {
      server.close();
      breakAll();
    },
  };
}
