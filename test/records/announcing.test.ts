import { expect } from 'chai';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import type { Announcement } from '../../src/ports/announcements.ts';
import type { EntityKind } from '../../src/ports/entity-store.ts';
import { announcingEntityStore } from '../../src/records/announcing.ts';

const kind = (name: string, foreign: EntityKind['foreign'] = []): EntityKind => ({
  name,
  unique: [],
  uniqueTogether: [],
  foreign,
  encrypted: () => [],
});
const consumers = kind('consumers');
const acls = kind('acls', [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }]);

/** A store whose listener applies an announcement only when the test says so. */
function world() {
  const applied: (() => void)[] = [];
  const announced: Announcement[] = [];
  const store = announcingEntityStore(memoryEntityStore(), {
    publish(announcement) {
      announced.push(announcement);
      return new Promise((resolve) => applied.push(resolve));
    },
    subscribe: () => () => undefined,
  });
  const settle = async (): Promise<void> => {
    while (applied.length > 0) applied.shift()!();
    await new Promise(setImmediate);
  };
  return { store, announced, applied, settle };
}

describe('A store that announces its changes', () => {
  for (const [change, start] of [
    ['an insert', (store: ReturnType<typeof world>['store']) => store.insert(consumers, { id: 'b' })],
    ['a replacement', (store: ReturnType<typeof world>['store']) => store.replace(consumers, { id: 'a', tags: [] })],
    ['a removal', (store: ReturnType<typeof world>['store']) => store.remove(consumers, 'a')],
  ] as const) {
    it(`${change} returns only after every listener has applied it`, async () => {
      const { store, applied, settle } = world();
      const inserted = Promise.resolve(store.insert(consumers, { id: 'a' }));
      await settle();
      await inserted;
      let isDone = false;
      const done = Promise.resolve(start(store)).then(() => (isDone = true));
      await new Promise(setImmediate);
      expect(applied.length).to.be.greaterThan(0);
      expect(isDone).to.equal(false);
      await settle();
      await done;
    });
  }

  it('a removal announces every row that went, and waits for all of them', async () => {
    const { store, announced, applied, settle } = world();
    const rows = [
      store.insert(consumers, { id: 'a' }),
      store.insert(acls, { id: '1', consumer: { id: 'a' } }),
      store.insert(acls, { id: '2', consumer: { id: 'a' } }),
    ];
    await settle();
    await Promise.all(rows);
    announced.length = 0;
    let isDone = false;
    const done = Promise.resolve(store.remove(consumers, 'a')).then(() => (isDone = true));
    expect(announced.map((one) => ('id' in one ? `${one.kind} ${one.id}` : ''))).to.have.members([
      'consumers a',
      'acls 1',
      'acls 2',
    ]);
    applied.shift()!();
    applied.shift()!();
    await new Promise(setImmediate);
    expect(isDone).to.equal(false);
    await settle();
    await done;
  });
});
