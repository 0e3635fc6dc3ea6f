import { expect } from 'chai';
import { withExpiringRows } from '../../adapters/admin/expiring-rows.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { keyauthCredentials } from '../../src/entities/keyauth-credentials.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import { kindOf } from '../../src/schema/kind.ts';

const kind = { ...kindOf(keyauthCredentials), foreign: [] };
const row = (n: number, also: object): Entity => ({
  id: `00000000-0000-4000-8000-00000000000${n}`,
  created_at: 1000,
  ...also,
});

function mortal() {
  const store = memoryEntityStore();
  const world = { now: 1_000_000 };
  return { world, raw: store, store: withExpiringRows(store, { now: () => world.now }, () => true) };
}

describe('Rows with a ttl', () => {
  it('say how many seconds are left, and are not there any more when none is', async () => {
    const { world, store, raw } = mortal();
    await store.insert(kind, row(1, { key: 'a', ttl: 10 }));
    world.now += 3500;
    expect(await store.get(kind, row(1, {}).id)).to.deep.equal(row(1, { key: 'a', ttl: 7 }));
    world.now += 6500;
    expect(await store.getBy(kind, 'key', 'a')).to.equal(undefined);
    expect(raw.get(kind, row(1, {}).id), 'buried').to.equal(undefined);
  });

  it('live on when something else of them changes, as long as they would have', async () => {
    const { world, store } = mortal();
    await store.insert(kind, row(1, { key: 'a', ttl: 10 }));
    world.now += 3500;
    const read = (await store.get(kind, row(1, {}).id))!;
    expect(await store.replace(kind, { ...read, tags: ['t'] }, { expected: read })).to.include({ outcome: 'written' });
    world.now += 6499;
    expect(await store.get(kind, read.id)).to.include({ ttl: 1 });
    world.now += 1;
    expect(await store.get(kind, read.id)).to.equal(undefined);
  });

  it('begin anew with a new ttl, and never end with 0', async () => {
    const { world, store } = mortal();
    await store.insert(kind, row(1, { key: 'a', ttl: 10 }));
    world.now += 9000;
    const read = (await store.get(kind, row(1, {}).id))!;
    await store.replace(kind, { ...read, ttl: 20 }, { expected: read });
    world.now += 19_000;
    const again = (await store.get(kind, read.id))!;
    expect(again).to.include({ ttl: 1 });
    await store.replace(kind, { ...again, ttl: 0 }, { expected: again });
    world.now += 1e12;
    expect(await store.get(kind, read.id)).to.include({ ttl: null });
  });

  it('that came in by a file count from when they were made', async () => {
    const { world, store, raw } = mortal();
    raw.insert(kind, row(1, { key: 'a', ttl: 10 }));
    world.now += 9999;
    expect(await store.get(kind, row(1, {}).id)).to.include({ ttl: 1 });
    world.now += 1;
    expect((await store.page(kind, { size: 10, after: undefined })).rows).to.deep.equal([]);
  });

  it('leave what they had to others when they are dead', async () => {
    const { world, store } = mortal();
    await store.insert(kind, row(1, { key: 'a', ttl: 10 }));
    expect(await store.insert(kind, row(2, { key: 'a', ttl: null }))).to.deep.include({ outcome: 'taken' });
    world.now += 10_000;
    expect(await store.insert(kind, row(2, { key: 'a', ttl: null }))).to.deep.include({ outcome: 'written' });
  });
});
