/** Errors of sockets that the driver passes on as they are: an operation is repeated, or the store is unavailable. */
import { expect } from 'chai';
import type { MongoClient } from 'mongodb';
import { MongoNetworkError } from 'mongodb';
import { openVault } from '../../adapters/crypto/vault.ts';
import { connect } from '../../adapters/store-mongodb/database.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';

const withCode = (code: string, fields: object = {}) => Object.assign(new Error(code), { code, ...fields });

const errors: Record<string, () => Error> = {
  'ECONNRESET of a read': () => withCode('ECONNRESET', { syscall: 'read', errno: -104 }),
  'EPIPE of a write': () => withCode('EPIPE', { syscall: 'write' }),
  'ECONNREFUSED without a system call': () => withCode('ECONNREFUSED'),
  ETIMEDOUT: () => withCode('ETIMEDOUT', { syscall: 'connect' }),
  'a name server that does not respond': () => withCode('EAI_AGAIN', { syscall: 'getaddrinfo' }),
  'a write after the end': () => withCode('ERR_STREAM_WRITE_AFTER_END'),
  'a destroyed stream': () => withCode('ERR_STREAM_DESTROYED'),
  'a closed socket': () => withCode('ERR_SOCKET_CLOSED'),
  'a cause': () => new Error('connection lost', { cause: withCode('ECONNRESET', { syscall: 'read' }) }),
  'a network error of the driver': () => new MongoNetworkError('connection 1 closed'),
  'a cleared pool': () => new MongoNetworkError('Connection pool for a:1 was cleared because another operation failed'),
};

async function database() {
  const client = {
    options: { hosts: ['db.example:27017'], srvHost: undefined },
    connect: async () => undefined,
    close: async () => undefined,
    db: () => ({ command: async () => ({ ok: 1 }) }),
  };
  return connect({
    url: 'mongodb://db.example/portcullis',
    vault: openVault({ current: new Uint8Array(32) }),
    clock: { now: () => 0 },
    timeout: 60_000,
    pool: 1,
    openClient: () => client as unknown as MongoClient,
  });
}

describe('An error of the connection to MongoDB', () => {
  for (const [name, error] of Object.entries(errors)) {
    it(`${name}: the operation is repeated once`, async () => {
      const { run } = await database();
      let calls = 0;
      const result = await run(async () => {
        if (++calls === 1) throw error();
        return 'read';
      });
      expect([result, calls]).to.deep.equal(['read', 2]);
    });

    it(`${name}, twice, or where it must not be repeated: the store is unavailable`, async () => {
      const { run, runOnce } = await database();
      for (const [how, most] of [
        [run, 2],
        [runOnce, 1],
      ] as const) {
        let calls = 0;
        const failure = await how(async () => {
          calls++;
          throw error();
        }).catch((reason: unknown) => reason);
        expect(failure).to.be.instanceOf(Unavailable);
        expect(calls).to.equal(most);
      }
    });
  }

  it('is not what a mistake of the program is taken for', async () => {
    const { run } = await database();
    for (const mistake of [new TypeError('x is undefined'), withCode('ERR_INVALID_ARG_TYPE'), new Error('no')]) {
      expect(
        await run(async () => {
          throw mistake;
        }).catch((reason: unknown) => reason),
      ).to.equal(mistake);
    }
  });
});
