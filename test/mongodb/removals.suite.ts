/** Removing is several acts in MongoDB: what holds if others come between them, and if they end in the middle. */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { openVault } from '../../adapters/crypto/vault.ts';
import { connect, type Database } from '../../adapters/store-mongodb/database.ts';
import { mongoEntityStore } from '../../adapters/store-mongodb/entity-store.ts';
import { ensureIndexes } from '../../adapters/store-mongodb/indexes.ts';
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import { noon, turnedClock } from '../contract/clock.ts';
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
  const clock = turnedClock();
  let database: Database;
  let store: EntityStore;

  before(async () => {
    const options = { vault: openVault({ current: testKey }), clock, timeout: 10_000, pool: 10 };
    database = await connect({ url: await newDatabase(), ...options });
    await ensureIndexes(database);
    store = mongoEntityStore(database);
  });
  beforeEach(() => clock.turn(noon));
  after(async () => {
    await database?.close();
    await cleanUp();
  });

  /** A store whose process dies when it asks for the `last`th time. */
  function dyingStore(last: number): EntityStore & { readonly isExpired: boolean } {
    let asked = 0;
    const dying = mongoEntityStore({
      ...database,
      ask: (work) => (++asked < last ? database.ask(work) : Promise.reject(new Error('died'))),
    });
    return {
      ...dying,
      get isExpired() {
        return asked >= last;
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

  /** Every reference to a row that is not there. */
  async function dangling(): Promise<string[]> {
    const found: string[] = [];
    for (const from of kinds) {
      const { rows } = await store.page(from, { size: 1_000, after: undefined });
      for (const { field, kind: target } of from.foreign) {
        for (const row of rows) {
          const reference = row[field] as { readonly id: string } | null | undefined;
          if (reference == null) continue;
          const there = await store.get(kinds.find(({ name }) => name === target)!, reference.id);
          if (there === undefined) found.push(`${from.name} ${row.id} ${field}`);
        }
      }
    }
    return found;
  }

  it('leaves nothing that points to nothing, wherever its process dies, and can be done again', async () => {
    let completed = false;
    for (let last = 1; !completed; last++) {
      clock.turn(noon);
      const consumer = await family();
      const dying = dyingStore(last);
      const outcome = await Promise.resolve(dying.remove(consumers, consumer.id)).catch(() => 'died');
      completed = !dying.isExpired;
      expect(await dangling(), `died at ${last}`).to.deep.equal([]);
      if (outcome === 'died') {
        // The marks of the dead are void after a while.
        clock.turn(noon + 10_001);
        const again = await store.remove(consumers, consumer.id);
        expect(again.outcome, `died at ${last}`).to.be.oneOf(['removed', 'missing']);
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

  it('whose process died is no obstacle for long to who points to the row', async () => {
    const consumer = await family();
    await Promise.resolve(dyingStore(6).remove(consumers, consumer.id)).catch(() => undefined);
    clock.turn(noon + 10_001);
    const row = { id: randomUUID(), consumer: { id: consumer.id } };
    expect(await store.insert(credentials, row)).to.deep.equal({ outcome: 'written' });
  });

  it('either is restricted or leaves no row that restricts it, when both come together from two nodes', async () => {
    const told = { written: 0, dangling: 0 };
    for (let n = 0; n < 40; n++) {
      const consumer = { id: randomUUID() };
      await store.insert(consumers, consumer);
      const other = mongoEntityStore(database);
      const route = { id: randomUUID(), consumer };
      const [removed, written] = await Promise.all([store.remove(consumers, consumer.id), other.insert(routes, route)]);
      const isThere = (await store.get(consumers, consumer.id)) !== undefined;
      expect(isThere).to.equal(removed.outcome === 'restricted');
      expect((await store.get(routes, route.id)) !== undefined).to.equal(written.outcome === 'written');
      expect(written.outcome).to.equal(isThere ? 'written' : 'dangling');
      told[written.outcome as keyof typeof told]++;
    }
    expect(told.written + told.dangling).to.equal(40);
    expect(await dangling()).to.deep.equal([]);
  });

  it('of the same row, asked of two nodes at once, is told once; the other is told that it is missing', async () => {
    for (let n = 0; n < 10; n++) {
      const consumer = await family();
      const other = mongoEntityStore(database);
      const told = await Promise.all([store.remove(consumers, consumer.id), other.remove(consumers, consumer.id)]);
      expect(told.map(({ outcome }) => outcome).sort()).to.deep.equal(['missing', 'removed']);
    }
  });
});
