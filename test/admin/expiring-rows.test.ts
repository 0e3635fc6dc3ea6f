import { expect } from 'chai';
import { expiringRowHooks } from '../../adapters/admin/expiring-rows.ts';
import { hookedStore } from '../../adapters/admin/kind-hooks.ts';
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

function expiring() {
  const raw = memoryEntityStore();
  const world = { now: 1_000_000 };
  const hooks = new Map([[kind.name, expiringRowHooks({ now: () => world.now })]]);
  return { world, raw, store: hookedStore(raw, hooks) };
}

describe('Rows with a ttl', () => {
  it('show the seconds that are left, and are deleted when they have expired', async () => {
    const { world, store, raw } = expiring();
    await store.insert(kind, row(1, { key: 'a', ttl: 10 }));
    world.now += 3500;
    expect(await store.get(kind, row(1, {}).id)).to.deep.equal(row(1, { key: 'a', ttl: 7 }));
    world.now += 6500;
    expect(await store.getBy(kind, 'key', 'a')).to.equal(undefined);
    expect(raw.get(kind, row(1, {}).id), 'deleted').to.equal(undefined);
  });

  it('keep their time of expiry when another field changes', async () => {
    const { world, store } = expiring();
    await store.insert(kind, row(1, { key: 'a', ttl: 10 }));
    world.now += 3500;
    const read = (await store.get(kind, row(1, {}).id))!;
    expect(await store.replace(kind, { ...read, tags: ['t'] }, { expected: read })).to.include({ outcome: 'written' });
    world.now += 6499;
    expect(await store.get(kind, read.id)).to.include({ ttl: 1 });
    world.now += 1;
    expect(await store.get(kind, read.id)).to.equal(undefined);
  });

  it('count from the change with a new ttl, and never expire with 0', async () => {
    const { world, store } = expiring();
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

  it('from a configuration file count from their time of creation', async () => {
    const { world, store, raw } = expiring();
    raw.insert(kind, row(1, { key: 'a', ttl: 10 }));
    world.now += 9999;
    expect(await store.get(kind, row(1, {}).id)).to.include({ ttl: 1 });
    world.now += 1;
    expect((await store.page(kind, { size: 10, after: undefined })).rows).to.deep.equal([]);
  });

  it('free their unique values when they have expired', async () => {
    const { world, store } = expiring();
    await store.insert(kind, row(1, { key: 'a', ttl: 10 }));
    expect(await store.insert(kind, row(2, { key: 'a', ttl: null }))).to.deep.include({ outcome: 'taken' });
    world.now += 10_000;
    expect(await store.insert(kind, row(2, { key: 'a', ttl: null }))).to.deep.include({ outcome: 'written' });
  });
});
