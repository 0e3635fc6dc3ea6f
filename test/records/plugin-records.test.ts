import { expect } from 'chai';
import fc from 'fast-check';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import type { Entity, EntityKind } from '../../src/ports/entity-store.ts';
import { findConsumer, rememberedRecords } from '../../src/records/plugin-records.ts';

const kinds: Record<string, EntityKind> = {
  consumers: { name: 'consumers', unique: ['username'], uniqueTogether: [], foreign: [], encrypted: () => [] },
  acls: {
    name: 'acls',
    unique: [],
    uniqueTogether: [],
    foreign: [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }],
    encrypted: () => [],
  },
};
const kindOf = (name: string) => kinds[name]!;

function world(limit?: number, isFresh?: () => boolean) {
  const store = memoryEntityStore();
  let reads = 0;
  const counted = <A extends unknown[], R>(read: (...args: A) => R) => {
    return (...args: A): R => {
      reads++;
      return read(...args);
    };
  };
  const counting = { get: counted(store.get), getBy: counted(store.getBy), page: counted(store.page) };
  return { store, records: rememberedRecords(counting, kindOf, limit, isFresh), reads: () => reads };
}

const alice = { id: 'a', username: 'alice' };

describe('Rows that plugins look up', () => {
  it('are read once, by any key', () => {
    const { store, records, reads } = world();
    store.insert(kindOf('consumers'), alice);
    for (let i = 0; i < 3; i++) {
      expect(records.findBy('consumers', 'username', 'alice')).to.deep.equal(alice);
      expect(records.findBy('consumers', 'id', 'a')).to.deep.equal(alice);
    }
    expect(reads()).to.equal(2);
  });

  it('are read from the store while announcements of other nodes may be missing', () => {
    let isFresh = true;
    const { store, records, reads } = world(undefined, () => isFresh);
    store.insert(kindOf('consumers'), alice);
    const find = () => records.findBy('consumers', 'id', 'a');
    find();
    isFresh = false;
    store.replace(kindOf('consumers'), { ...alice, username: 'alicia' });
    expect(find()).to.include({ username: 'alicia' });
    expect(find()).to.include({ username: 'alicia' });
    expect(reads()).to.equal(3);
    isFresh = true;
    expect(find()).to.include({ username: 'alicia' });
    expect(reads()).to.equal(3);
  });

  it('a consumer is found by its id before another one whose username is this id', () => {
    const { store, records } = world();
    store.insert(kindOf('consumers'), alice);
    store.insert(kindOf('consumers'), { id: 'b', username: 'a' });
    expect(findConsumer(records, 'a')).to.include({ id: 'a' });
    expect(findConsumer(records, 'alice')).to.include({ id: 'a' });
    expect(findConsumer(records, 'unknown')).to.equal(undefined);
  });

  it('are looked up each time while they are unknown', () => {
    const { store, records } = world();
    expect(records.findBy('consumers', 'username', 'alice')).to.equal(undefined);
    store.insert(kindOf('consumers'), alice);
    expect(records.findBy('consumers', 'username', 'alice')).to.deep.equal(alice);
  });

  it('are forgotten when a change is announced, and only then', () => {
    const { store, records, reads } = world();
    store.insert(kindOf('consumers'), alice);
    records.findBy('consumers', 'username', 'alice');
    records.apply({ announces: 'entityChanged', kind: 'consumers', id: 'another' });
    records.findBy('consumers', 'username', 'alice');
    expect(reads()).to.equal(1);
    store.replace(kindOf('consumers'), { ...alice, username: 'alicia' });
    records.apply({ announces: 'entityChanged', kind: 'consumers', id: 'a' });
    expect(records.findBy('consumers', 'username', 'alice')).to.equal(undefined);
    records.findBy('consumers', 'username', 'alicia');
    records.apply({ announces: 'everythingChanged' });
    expect(records.remembered).to.equal(0);
  });

  it('a list has all rows, however many, and a new one at once', async () => {
    const { store, records } = world();
    store.insert(kindOf('consumers'), alice);
    const groups = Array.from(
      { length: 250 },
      (_, i): Entity => ({ id: `g${i}`, consumer: { id: 'a' }, group: `${i}` }),
    );
    for (const row of groups) store.insert(kindOf('acls'), row);
    expect(await records.allOf('acls', 'consumer', 'a')).to.have.length(250);
    store.insert(kindOf('acls'), { id: 'new', consumer: { id: 'a' }, group: 'new' });
    records.apply({ announces: 'entityChanged', kind: 'acls', id: 'new' });
    expect(await records.allOf('acls', 'consumer', 'a')).to.have.length(251);
    expect(await records.allOf('acls', 'consumer', 'b')).to.deep.equal([]);
  });

  it('a list is read again when one of its rows changes or is deleted, and not when a row of another kind does', async () => {
    const { store, records, reads } = world();
    store.insert(kindOf('consumers'), alice);
    store.insert(kindOf('acls'), { id: 'g', consumer: { id: 'a' }, group: 'red' });
    const groups = async () => (await records.allOf('acls', 'consumer', 'a')).map((row) => row['group']);
    expect(await groups()).to.deep.equal(['red']);
    records.apply({ announces: 'entityChanged', kind: 'consumers', id: 'a' });
    expect(await groups()).to.deep.equal(['red']);
    expect(reads()).to.equal(1);
    store.replace(kindOf('acls'), { id: 'g', consumer: { id: 'a' }, group: 'blue' });
    records.apply({ announces: 'entityChanged', kind: 'acls', id: 'g' });
    expect(await groups()).to.deep.equal(['blue']);
    store.remove(kindOf('acls'), 'g');
    records.apply({ announces: 'entityChanged', kind: 'acls', id: 'g' });
    expect(await groups()).to.deep.equal([]);
  });

  it('stay within the limit; those in use are kept', () => {
    const { store, records, reads } = world(10);
    for (let i = 0; i < 100; i++) store.insert(kindOf('consumers'), { id: `${i}`, username: `user ${i}` });
    for (let i = 1; i < 100; i++) {
      records.findBy('consumers', 'username', 'user 0');
      records.findBy('consumers', 'username', `user ${i}`);
    }
    expect(records.remembered).to.equal(10);
    expect(reads()).to.equal(100);
  });

  it('are not remembered if a change was announced while they were read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const store = memoryEntityStore();
        store.insert(kindOf('consumers'), alice);
        const slow = {
          ...store,
          getBy: s.scheduleFunction(async (...args: Parameters<typeof store.getBy>) => store.getBy(...args)),
        };
        const records = rememberedRecords(slow, kindOf);
        const reading = records.findBy('consumers', 'username', 'alice');
        const change = s.schedule(Promise.resolve()).then(() => {
          store.replace(kindOf('consumers'), { ...alice, custom_id: 'new' });
          records.apply({ announces: 'entityChanged', kind: 'consumers', id: 'a' });
        });
        await s.waitFor(Promise.all([reading, change]));
        const after = await s.waitFor(Promise.resolve(records.findBy('consumers', 'username', 'alice')));
        expect(after).to.include({ custom_id: 'new' });
      }),
    );
  });
});
