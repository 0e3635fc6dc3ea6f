import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DurableStore, type LmdbStoreOptions, lmdbStore } from '../../adapters/durable/lmdb.ts';
import { mongodbStore } from '../../adapters/durable/mongodb.ts';
import { createGate, InvalidOption } from '../../adapters/library/portcullis.ts';
import { consumersKind } from '../../adapters/library/records.ts';
import { testClient } from '../../adapters/testing/testing.ts';
import { StoreUnusable } from '../../src/ports/unavailable.ts';

const key = new Uint8Array(32).fill(7);
const asClient = {
  grant_type: 'client_credentials',
  client_id: testClient.clientId,
  client_secret: testClient.clientSecret,
};

describe('portcullis/lmdb', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-durable-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const open = (options: Partial<LmdbStoreOptions> = {}) => lmdbStore({ directory, key, ...options });
  const failure = (options?: Partial<LmdbStoreOptions>) => open(options).catch((error: unknown) => error);
  const gateWith = (store: DurableStore) => createGate({ store, clients: [testClient] });
  const issuedBy = async (gate: ReturnType<typeof gateWith>) => {
    const issued = await gate.exchange(asClient);
    if (issued.state === 'refused') throw new Error(issued.description);
    return issued.accessToken;
  };

  it('keeps tokens and revocations when the program starts again', async () => {
    const first = await open();
    const before = gateWith(first);
    const [kept, revoked] = [await issuedBy(before), await issuedBy(before)];
    await before.revoke(revoked);
    await first.close();

    const second = await open();
    const after = gateWith(second);
    expect(await after.check(kept)).to.include({ state: 'admitted' });
    expect(await after.check(revoked)).to.include({ state: 'denied' });
    await second.close();
  });

  it('announces revocations to every gate with the store, and changes of its rows', async () => {
    const store = await open();
    const [one, other] = [gateWith(store), gateWith(store)];
    const token = await issuedBy(one);
    await other.check(token);
    await one.revoke(token);
    expect(await other.check(token)).to.include({ state: 'denied' });

    const announced: unknown[] = [];
    store.announcements.subscribe((announcement) => void announced.push(announcement));
    const id = 'a1f0c7a5-9d0c-4a57-9f0e-0a6c1f1d7a01';
    await store.entities.insert(consumersKind, { id, username: 'ada' });
    expect(announced).to.deep.equal([{ announces: 'entityChanged', kind: 'consumers', id }]);
    await store.close();
  });

  it('cannot be opened with another key, but with the new key and the previous one', async () => {
    const first = await open();
    const token = await issuedBy(gateWith(first));
    await first.close();
    const newKey = new Uint8Array(32).fill(8);
    expect(await failure({ key: newKey })).to.be.instanceOf(StoreUnusable);
    const rotated = await open({ key: newKey, previousKeys: [key] });
    expect(await gateWith(rotated).check(token)).to.include({ state: 'admitted' });
    await rotated.close();
  });

  it('a directory in use is refused with the process id, and can be opened after that or after a failure', async () => {
    const first = await open();
    const refused = await failure();
    expect(refused).to.be.instanceOf(StoreUnusable);
    expect(String(refused)).to.include(`process ${process.pid}`);
    await first.close();
    expect(await failure({ key: new Uint8Array(32).fill(8) })).to.be.instanceOf(StoreUnusable);
    await (await open()).close();
  });

  it('the gate uses the clock of the store', async () => {
    const store = await open();
    expect(gateWith(store).clock).to.equal(store.clock);
    await store.close();
  });
});

describe('The options of durable stores', () => {
  const wrong = (value: unknown): never => value as never;
  const calls: readonly (readonly [string, () => unknown, string])[] = [
    ['lmdbStore()', () => lmdbStore(wrong(undefined)), 'must be an object'],
    ['no directory', () => lmdbStore(wrong({ key })), 'must be a path'],
    ['no key', () => lmdbStore(wrong({ directory: '/nowhere' })), '32 bytes'],
    ['a short key', () => lmdbStore({ directory: '/nowhere', key: new Uint8Array(16) }), '32 bytes'],
    ['a key as text', () => lmdbStore({ directory: '/nowhere', key: wrong('a'.repeat(32)) }), '32 bytes'],
    ['a previous key', () => lmdbStore({ directory: '/nowhere', key, previousKeys: wrong(['old']) }), '32 bytes'],
    ['previous keys', () => lmdbStore({ directory: '/nowhere', key, previousKeys: wrong('old') }), 'a list'],
    ['a misspelt option', () => lmdbStore(wrong({ directroy: '/nowhere', key })), 'did you mean directory?'],
    ['onError', () => lmdbStore({ directory: '/nowhere', key, onError: wrong('warn') }), 'must be a function'],
    ['mongodbStore()', () => mongodbStore(wrong(undefined)), 'must be an object'],
    ['a URL of another kind', () => mongodbStore({ url: 'postgres://localhost/a', key }), 'mongodb://'],
    ['no key for MongoDB', () => mongodbStore(wrong({ url: 'mongodb://localhost/a' })), '32 bytes'],
    ['a pool', () => mongodbStore({ url: 'mongodb://localhost/a', key, pool: 0 }), 'from 1 to 1000'],
    ['a timeout', () => mongodbStore({ url: 'mongodb://localhost/a', key, timeout: 0 }), 'whole number of seconds'],
    ['a limit', () => mongodbStore({ url: 'mongodb://localhost/a', key, stalenessLimit: -1 }), 'whole number'],
  ];
  for (const [title, call, says] of calls) {
    it(`${title}: InvalidOption`, async () => {
      let thrown: unknown;
      try {
        await call();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).to.be.instanceOf(InvalidOption);
      expect(String(thrown)).to.include(says);
    });
  }
});
