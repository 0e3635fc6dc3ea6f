import { cpSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { open } from 'lmdb';
import { openVault } from '../../adapters/crypto/vault.ts';
import { openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import { StoreUnusable, Unavailable } from '../../src/ports/unavailable.ts';
import { schemaVersion } from '../../src/records/store-format.ts';
import { noon } from '../contract/clock.ts';
import { cleanUp, newDirectory, openTestStore, testKey } from './directory.ts';
import { consumers, world } from './writer.ts';

const clock = { now: () => noon };
const otherKey = new Uint8Array(32).fill(8);

async function filled(): Promise<string> {
  const directory = newDirectory();
  const store = openTestStore(directory, clock);
  const rows = Array.from({ length: 300 }, (_, n) => ({ id: `row-${n}`, username: `${n}`, big: 'x'.repeat(3_000) }));
  await Promise.all(rows.map((row) => store.entityStore.insert(consumers, row)));
  await store.close();
  return directory;
}

function opening(directory: string, current = testKey): () => unknown {
  return () => openLmdbStore({ directory, vault: openVault({ current }), clock });
}

describe('A closed lmdb store', () => {
  after(cleanUp);

  it('RS-22, RV-09: rejects new calls as unavailable, and completes earlier ones', async () => {
    const store = openTestStore(newDirectory(), clock);
    const { grant, first } = world(1);
    const opening = store.grants.open(grant, first);
    const closing = store.close();
    expect(await opening).to.equal('opened');
    await closing;
    expect(() => store.grants.byAccessToken(first.accessToken)).to.throw(Unavailable);
    const result = await Promise.resolve(store.grants.revoke(grant.grantId, undefined)).then(
      () => 'revoked',
      (error: unknown) => error,
    );
    expect(result).to.be.instanceOf(Unavailable);
  });
});

describe('The time that an lmdb store records', () => {
  after(cleanUp);

  it('SE-14: is the latest time of its clock, but not that of a wrong clock that was corrected', async () => {
    const hour = 60 * 60 * 1000;
    let now = noon;
    const store = openTestStore(newDirectory(), { now: () => now });
    const seenAt = async (time: number) => {
      now = time;
      await store.sweep();
      return store.lastSweepAt();
    };
    expect(store.lastSweepAt()).to.equal(undefined);
    expect(await seenAt(noon)).to.equal(noon);
    expect(await seenAt(noon - 24 * hour)).to.equal(noon);
    expect(await seenAt(noon + 1000 * hour)).to.equal(noon + 1000 * hour);
    expect(await seenAt(noon + hour)).to.equal(noon + hour);
    expect(await seenAt(noon)).to.equal(noon + hour);
  });
});

describe('Opening an lmdb store', () => {
  after(cleanUp);

  it('creates the directory, for its owner only, with any name', async () => {
    for (const name of ['new/er/newest', 'with.extension']) {
      const directory = join(newDirectory(), name);
      const store = openTestStore(directory, clock);
      expect(statSync(directory).isDirectory()).to.equal(true);
      expect(statSync(directory).mode & 0o777).to.equal(0o700);
      await store.entityStore.insert(consumers, { id: 'one' });
    }
  });

  it('finds the rows that were written before', async () => {
    const directory = newDirectory();
    const { grant, first } = world(1);
    const store = openTestStore(directory, clock);
    await store.grants.open(grant, first);
    await store.close();
    expect(openTestStore(directory, clock).grants.get(grant.grantId)).to.deep.equal({
      grant,
      ...first,
      hint: undefined,
    });
  });

  it('rejects another master key, names the setting, and changes nothing', async () => {
    const directory = await filled();
    const before = readFileSync(join(directory, 'data.mdb'));
    expect(opening(directory, otherKey)).to.throw(
      StoreUnusable,
      /another master key \(PORTCULLIS_KEY or PORTCULLIS_KEY_FILE\)/,
    );
    expect(readFileSync(join(directory, 'data.mdb')).equals(before)).to.equal(true);
    expect(openTestStore(directory, clock).entityStore.get(consumers, 'row-7')).to.include({ username: '7' });
  });

  it('rejects a store that a newer or an older version wrote', async () => {
    const directory = await filled();
    for (const [schema, message] of [
      [schemaVersion + 1, /was written by a newer version \(schema 3, this one knows 2\)/],
      [schemaVersion - 1, /was written by an older version \(schema 1, this one knows 2\)/],
    ] as const) {
      const root = open({ path: directory, noSubdir: false, overlappingSync: false, encoding: 'json' });
      await root.openDB({ name: 'meta', encoding: 'json' }).put('schema', schema);
      await root.close();
      expect(opening(directory)).to.throw(StoreUnusable, message);
    }
  });

  it('rejects a file of another kind, and does not change it', () => {
    for (const content of ['x'.repeat(100_000), '\0'.repeat(100_000), 'short']) {
      const directory = newDirectory();
      writeFileSync(join(directory, 'data.mdb'), content);
      expect(opening(directory)).to.throw(StoreUnusable, /data\.mdb is not a file of this store/);
      expect(readFileSync(join(directory, 'data.mdb'), 'utf8')).to.equal(content);
    }
  });

  it('rejects a file whose end is missing', async () => {
    const directory = await filled();
    const { size } = statSync(join(directory, 'data.mdb'));
    for (const part of [0.9, 0.5, 0.1]) {
      const copy = newDirectory();
      cpSync(directory, copy, { recursive: true });
      truncateSync(join(copy, 'data.mdb'), Math.floor(size * part));
      expect(opening(copy), String(part)).to.throw(StoreUnusable, /damaged: its end is missing/);
    }
  });

  it('accepts a file that is shorter than its header says if only free pages are missing', async () => {
    const directory = newDirectory();
    const store = openTestStore(directory, clock);
    for (let n = 0; n < 50; n++) await store.entityStore.insert(consumers, { id: `row-${n}`, big: 'x'.repeat(20_000) });
    for (let n = 0; n < 50; n++) await store.entityStore.remove(consumers, `row-${n}`);
    await store.entityStore.insert(consumers, { id: 'last' });
    await store.close();
    const file = join(directory, 'data.mdb');
    const root = open({ path: directory, noSubdir: false, overlappingSync: false });
    const { lastPageNumber, pageSize } = root.getStats() as { lastPageNumber: number; pageSize: number };
    await root.close();
    truncateSync(file, lastPageNumber * pageSize);
    expect(statSync(file).size).to.be.below((lastPageNumber + 1) * pageSize);
    const again = openTestStore(directory, clock);
    expect(again.entityStore.get(consumers, 'last')).to.deep.equal({ id: 'last' });
  });

  it('rejects a path where data.mdb is no file that can be read', () => {
    const directory = newDirectory();
    symlinkSync('data.mdb', join(directory, 'data.mdb'));
    expect(opening(directory)).to.throw(/ELOOP/);
  });

  it('accepts an empty file as a new store', async () => {
    const directory = newDirectory();
    writeFileSync(join(directory, 'data.mdb'), '');
    const store = openTestStore(directory, clock);
    expect(await store.entityStore.insert(consumers, { id: 'one' })).to.deep.equal({ outcome: 'written' });
  });

  it('rejects a path that is not a directory', () => {
    const file = join(newDirectory(), 'file');
    writeFileSync(file, '');
    expect(opening(file)).to.throw(StoreUnusable, /cannot be used: .*EEXIST/);
    expect(opening(join(file, 'below'))).to.throw(StoreUnusable, /cannot be used: .*EEXIST/);
    // No directory can be created there, and Node's own recursive mkdir never returns.
    expect(opening('/proc/portcullis/store')).to.throw(StoreUnusable, /cannot be used: /);
  });
});
