import { expect } from 'chai';
import fc from 'fast-check';
import { inProcessAnnouncements } from '../adapters/announcements/in-process.ts';
import { liveRows, type RowsByKind } from '../adapters/live-rows.ts';
import { memoryEntityStore } from '../adapters/store-memory/entity-store.ts';
import type { Announcement, Announcements } from '../src/ports/announcements.ts';
import type { Entity, EntityKind, EntityStore } from '../src/ports/entity-store.ts';
import { scheduled } from './support/scheduled.ts';

const kindOf = (name: string): EntityKind => ({
  ...{ name, unique: [], uniqueTogether: [], foreign: [], encrypted: () => [] },
});
const kinds = [kindOf('services'), kindOf('routes')];
const everythingChanged: Announcement = { announces: 'everythingChanged' };
const changeOf = (kind: string, id: string): Announcement => ({ announces: 'entityChanged', kind, id });

function world() {
  const store = memoryEntityStore();
  const announcements = inProcessAnnouncements();
  const [services] = kinds;
  return {
    store,
    announcements,
    write: (row: Entity, kind = services!) => store.replace(kind, row, { orInsert: true }),
    open: (from: Pick<EntityStore, 'get' | 'page'> = store, changed: (rows: RowsByKind) => void = () => {}) =>
      liveRows({ store: from, kinds, announcements, changed }),
  };
}

/** A store of which each read fails while `broken` is true. */
function unreliable(store: EntityStore) {
  const reads = {
    broken: false,
    get(kind: EntityKind, id: string) {
      if (reads.broken) throw new Error('the store is down');
      return store.get(kind, id);
    },
    page(kind: EntityKind, query: Parameters<EntityStore['page']>[1]) {
      if (reads.broken) throw new Error('the store is down');
      return store.page(kind, query);
    },
  };
  return reads;
}

const rejected = (promise: unknown) =>
  Promise.resolve(promise).then(
    () => false,
    () => true,
  );

describe('Live rows', () => {
  it('hold all rows of their kinds, however many pages these are', async () => {
    const { write, open } = world();
    for (let n = 0; n < 2001; n++) write({ id: String(n) });
    write({ id: 'r' }, kinds[1]);
    const { rows } = await open();
    expect([...rows].map(([name, each]) => [name, each.size])).to.deep.equal([
      ['services', 2001],
      ['routes', 1],
    ]);
  });

  it('call `changed` at the start and after each change, before the publisher continues', async () => {
    const { write, open, announcements } = world();
    const seen: number[] = [];
    const { close } = await open(undefined, (rows) => seen.push(rows.get('services')!.size));
    write({ id: 'a' });
    await announcements.publish(changeOf('services', 'a'));
    expect(seen).to.deep.equal([0, 1]);
    await announcements.publish(changeOf('consumers', 'a'));
    close();
    await announcements.publish(everythingChanged);
    expect(seen).to.have.length(2);
  });

  it('read changes together that are announced while others are being read', async () => {
    const { write, open, announcements } = world();
    let calls = 0;
    const { rows } = await open(undefined, () => void calls++);
    const ids = ['a', 'b', 'c', 'd'];
    for (const id of ids) write({ id });
    await Promise.all(ids.map((id) => announcements.publish(changeOf('services', id))));
    expect([...rows.get('services')!.keys()]).to.deep.equal(ids);
    expect(calls).to.equal(2);
  });

  it('after a read that failed change nothing, and read everything at the next announcement', async () => {
    const { store, write, open, announcements } = world();
    const reads = unreliable(store);
    const { rows } = await open(reads);
    write({ id: 'a' });
    write({ id: 'b' });
    reads.broken = true;
    expect(await rejected(announcements.publish(changeOf('services', 'a')))).to.equal(true);
    expect(await rejected(announcements.publish(everythingChanged))).to.equal(true);
    expect(rows.get('services')!.size).to.equal(0);
    reads.broken = false;
    await announcements.publish(changeOf('services', 'b'));
    expect([...rows.get('services')!.keys()]).to.deep.equal(['a', 'b']);
  });

  it('apply a batch as a whole or not at all', async () => {
    const { store, write, open, announcements } = world();
    let gets = 0;
    const { rows } = await open({
      page: store.page,
      get: (kind, id) => (++gets > 1 ? Promise.reject(new Error('the store is down')) : store.get(kind, id)),
    });
    write({ id: 'a' });
    write({ id: 'b' });
    const published = ['a', 'b'].map((id) => rejected(announcements.publish(changeOf('services', id))));
    expect(await Promise.all(published)).to.deep.equal([true, true]);
    expect(rows.get('services')!.size).to.equal(0);
  });

  it('end their subscription if the first read fails', async () => {
    const { store, open, announcements } = world();
    const reads = unreliable(store);
    reads.broken = true;
    expect(await rejected(open(reads))).to.equal(true);
    expect(announcements.publish(everythingChanged)).to.equal(undefined);
  });

  describe('whatever the order of reads, writes and announcements', () => {
    it('hold what the store holds, and a change when its publisher continues', async () => {
      await fc.assert(inStepWithTheStore(liveRows), { numRuns: 300 });
    });

    it('(this property fails for rows that subscribe after the first read)', async () => {
      const late: typeof liveRows = async (options) => {
        let isOpen = false;
        const announcements: Announcements = {
          ...options.announcements,
          subscribe: (listener) =>
            options.announcements.subscribe((announcement) => (isOpen ? listener(announcement) : undefined)),
        };
        const live = await liveRows({ ...options, announcements });
        isOpen = true;
        return live;
      };
      expect((await fc.check(inStepWithTheStore(late), { numRuns: 300 })).failed).to.equal(true);
    });

    it('(this property fails for rows that read one change while another is being read)', async () => {
      const parallel: typeof liveRows = async ({ store, kinds, announcements }) => {
        const rows = new Map(kinds.map(({ name }) => [name, new Map<string, Entity>()]));
        const close = announcements.subscribe(async (announcement) => {
          for (const kind of kinds) {
            if (announcement.announces !== 'entityChanged' || announcement.kind !== kind.name) continue;
            const row = await store.get(kind, announcement.id);
            if (row === undefined) rows.get(kind.name)!.delete(announcement.id);
            else rows.get(kind.name)!.set(announcement.id, row);
          }
        });
        return { rows, close };
      };
      expect((await fc.check(inStepWithTheStore(parallel), { numRuns: 300 })).failed).to.equal(true);
    });
  });
});

const writes = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    id: fc.constantFrom('a', 'b'),
    removes: fc.boolean(),
    all: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

function inStepWithTheStore(live: typeof liveRows) {
  return fc.asyncProperty(fc.scheduler(), writes, async (s, acts) => {
    const store = memoryEntityStore();
    const announcements = inProcessAnnouncements();
    const lastWrites = new Map<string, number>();
    const far = scheduled(s, 'store', { get: store.get, page: store.page });
    const opened = live({ store: far, kinds, announcements, changed: () => {} });
    const published = acts.map(async ({ kind, id, removes, all }, version) => {
      await s.schedule(Promise.resolve(), `write ${version}`);
      if (removes) store.remove(kind, id);
      else store.replace(kind, { id, version }, { orInsert: true });
      lastWrites.set(`${kind.name} ${id}`, version);
      await announcements.publish(all ? everythingChanged : changeOf(kind.name, id));
      const { rows } = await opened;
      const isLast = lastWrites.get(`${kind.name} ${id}`) === version;
      if (isLast) expect(rows.get(kind.name)!.get(id)).to.equal(store.get(kind, id));
    });
    const { rows } = await s.waitFor(Promise.all([opened, ...published])).then(([first]) => first);
    for (const kind of kinds) {
      const inStore = await store.page(kind, { size: 10, after: undefined });
      const held = [...rows.get(kind.name)!.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
      expect(held).to.deep.equal(inStore.rows);
    }
  });
}
