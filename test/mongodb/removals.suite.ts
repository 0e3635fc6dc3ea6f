/** A removal takes several writes in MongoDB: it holds with concurrent writes, and when its process crashes. */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { openVault } from '../../adapters/crypto/vault.ts';
import { connect, type Database } from '../../adapters/store-mongodb/database.ts';
import { mongoEntityStore } from '../../adapters/store-mongodb/entity-store.ts';
import { ensureIndexes } from '../../adapters/store-mongodb/indexes.ts';
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import { noon, testClock } from '../contract/clock.ts';
import { cleanUp, newDatabase, testKey } from './database.ts';

const kind = (name: string, foreign: EntityKind['foreign'] = []): EntityKind => ({
  name,
  unique: [],
  uniqueTogether: [],
  foreign,
  encrypted: () => [],
});
const consumers = kind('consumers');
const credentials = kind('credentials', [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }]);
const notes = kind('notes', [{ field: 'credential', kind: 'credentials', onDelete: 'cascade' }]);
const plugins = kind('plugins', [{ field: 'consumer', kind: 'consumers', onDelete: 'null' }]);
const routes = kind('routes', [{ field: 'consumer', kind: 'consumers', onDelete: 'restrict' }]);
const kinds = [consumers, credentials, notes, plugins, routes];

describe('A removal in MongoDB', function () {
  this.timeout(120_000);
  const clock = testClock();
  let database: Database;
  let store: EntityStore;

  before(async () => {
    const options = { vault: openVault({ current: testKey }), clock, timeout: 10_000, pool: 10 };
    database = await connect({ url: await newDatabase(), ...options });
    await ensureIndexes(database);
    store = mongoEntityStore(database);
  });
  beforeEach(() => clock.set(noon));
  after(async () => {
    await database?.close();
    await cleanUp();
  });

  /** A store whose process crashes at operation number `last`. */
  function crashingStore(last: number): EntityStore & { readonly hasCrashed: boolean } {
    let operations = 0;
    const crashing = mongoEntityStore({
      ...database,
      run: (operation) => (++operations < last ? database.run(operation) : Promise.reject(new Error('crashed'))),
    });
    return {
      ...crashing,
      get hasCrashed() {
        return operations >= last;
      },
    };
  }

  async function family(): Promise<Entity> {
    const consumer = { id: randomUUID() };
    const credential = { id: randomUUID(), consumer };
    await store.insert(consumers, consumer);
    await store.insert(credentials, credential);
    await store.insert(credentials, { id: randomUUID(), consumer });
    await store.insert(notes, { id: randomUUID(), credential: { id: credential.id } });
    await store.insert(plugins, { id: randomUUID(), consumer });
    return consumer;
  }

  /** All references to rows that do not exist. */
  async function dangling(): Promise<string[]> {
    const found: string[] = [];
    for (const from of kinds) {
      const { rows } = await store.page(from, { size: 1_000, after: undefined });
      for (const { field, kind: target } of from.foreign) {
        for (const row of rows) {
          const reference = row[field] as { readonly id: string } | null | undefined;
          if (reference == null) continue;
          const pointedTo = await store.get(kinds.find(({ name }) => name === target)!, reference.id);
          if (pointedTo === undefined) found.push(`${from.name} ${row.id} ${field}`);
        }
      }
    }
    return found;
  }

  it('leaves no dangling reference, wherever its process crashes, and can be repeated', async () => {
    let completed = false;
    for (let last = 1; !completed; last++) {
      clock.set(noon);
      const consumer = await family();
      const crashing = crashingStore(last);
      const outcome = await Promise.resolve(crashing.remove(consumers, consumer.id)).catch(() => 'crashed');
      completed = !crashing.hasCrashed;
      expect(await dangling(), `crashed at ${last}`).to.deep.equal([]);
      if (outcome === 'crashed') {
        // The marks of a crashed process are void after ten seconds.
        clock.set(noon + 10_001);
        const again = await store.remove(consumers, consumer.id);
        expect(again.outcome, `crashed at ${last}`).to.be.oneOf(['removed', 'missing']);
      }
      expect(await store.get(consumers, consumer.id)).to.equal(undefined);
      const where = { field: 'consumer.id', value: consumer.id };
      for (const kind of [credentials, plugins]) {
        expect((await store.page(kind, { size: 9, after: undefined, where })).rows).to.deep.equal([]);
      }
      expect(await dangling()).to.deep.equal([]);
      expect(last).to.be.below(60);
    }
  });

  it('whose process crashed blocks new references to the row only for a while', async () => {
    const consumer = await family();
    await Promise.resolve(crashingStore(6).remove(consumers, consumer.id)).catch(() => undefined);
    clock.set(noon + 10_001);
    const row = { id: randomUUID(), consumer: { id: consumer.id } };
    expect(await store.insert(credentials, row)).to.deep.equal({ outcome: 'written' });
  });

  it('is either restricted or leaves no row that restricts it, when two nodes write both at the same time', async () => {
    const outcomes = { written: 0, dangling: 0 };
    for (let n = 0; n < 40; n++) {
      const consumer = { id: randomUUID() };
      await store.insert(consumers, consumer);
      const other = mongoEntityStore(database);
      const route = { id: randomUUID(), consumer };
      const [removed, written] = await Promise.all([store.remove(consumers, consumer.id), other.insert(routes, route)]);
      const exists = (await store.get(consumers, consumer.id)) !== undefined;
      expect(exists).to.equal(removed.outcome === 'restricted');
      expect((await store.get(routes, route.id)) !== undefined).to.equal(written.outcome === 'written');
      expect(written.outcome).to.equal(exists ? 'written' : 'dangling');
      outcomes[written.outcome as keyof typeof outcomes]++;
    }
    expect(outcomes.written + outcomes.dangling).to.equal(40);
    expect(await dangling()).to.deep.equal([]);
  });

  it('of the same row on two nodes at once returns removed on one of them and missing on the other', async () => {
    for (let n = 0; n < 10; n++) {
      const consumer = await family();
      const other = mongoEntityStore(database);
      const both = await Promise.all([store.remove(consumers, consumer.id), other.remove(consumers, consumer.id)]);
      expect(both.map(({ outcome }) => outcome).sort()).to.deep.equal(['missing', 'removed']);
    }
  });
});
