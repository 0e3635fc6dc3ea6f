/** A list reads the rows that it shows, whatever else the store has: the work must not grow with other rows. */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { openVault } from '../../adapters/crypto/vault.ts';
import { lmdbEntityStore } from '../../adapters/store-lmdb/entity-store.ts';
import { type Environment, openEnvironment } from '../../adapters/store-lmdb/environment.ts';
import { lmdbGrants } from '../../adapters/store-lmdb/grants.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import type { Grant } from '../../src/oauth/tokens.ts';
import type { Entity, EntityKind, EntityQuery, EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { cleanUp, newDirectory, testKey } from '../store-lmdb/directory.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';
import { noon, testClock } from './clock.ts';

const kinds = [...describeEntities(pluginDescriptions).values()]
  .map(kindOf)
  .filter(({ name }) => name !== 'oauth2_tokens');

interface Stores {
  readonly entities: EntityStore;
  readonly grants: Grants;
}

let reads = 0;

const stores: readonly { readonly name: string; open(): Stores }[] = [
  { name: 'memory', open: () => ({ entities: memoryEntityStore(), grants: memoryGrants(testClock()) }) },
  {
    name: 'lmdb',
    open() {
      const environment = openEnvironment(newDirectory(), openVault({ current: testKey }), testClock());
      opened.push(environment);
      const collection: Environment['collection'] = (name) => countingReads(environment.collection(name), rangeMethods);
      const counted = { ...environment, collection };
      return { entities: lmdbEntityStore(counted), grants: lmdbGrants(counted) };
    },
  },
];
const opened: Environment[] = [];
const rangeMethods = ['getKeys', 'getRange'];

/** Counts the calls of `get` and its like, and the entries of the ranges that other methods return. */
function countingReads<T extends object>(collection: T, ranges: readonly string[] = []): T {
  for (const name of ['get', 'has', 'doesExist', ...ranges]) {
    const original = Reflect.get(collection, name);
    if (typeof original !== 'function') continue;
    Reflect.set(collection, name, function counted(this: unknown, ...args: unknown[]) {
      reads++;
      const result = original.apply(this, args);
      return ranges.includes(name)
        ? (function* each() {
            for (const one of result) {
              reads++;
              yield one;
            }
          })()
        : result;
    });
  }
  return collection;
}

/** How many reads this work makes. Reads of the memory store are those of its maps. */
function counting(work: () => void): number {
  const originals = { get: Map.prototype.get, has: Map.prototype.has };
  countingReads(Map.prototype);
  const before = reads;
  try {
    work();
    return reads - before;
  } finally {
    Object.assign(Map.prototype, originals);
  }
}

async function closeAll(): Promise<void> {
  for (const environment of opened.splice(0)) await environment.close();
  await cleanUp();
}

function rowOf(kind: EntityKind, parents: { readonly [kind: string]: string }, tags: readonly string[]): Entity {
  const id = randomUUID();
  return {
    id,
    tags,
    ...Object.fromEntries(kind.unique.map((field) => [field, `${field} of ${id}`])),
    ...Object.fromEntries(kind.uniqueTogether.flat().map((field) => [field, `${field} of ${id}`])),
    ...Object.fromEntries(
      kind.foreign.map(({ field, kind: target }) => [field, target in parents ? { id: parents[target]! } : null]),
    ),
  };
}

for (const { name, open: openStores } of stores) {
  describe(`Lists of the ${name} store`, () => {
    after(closeAll);

    it('read as many rows of each kind with 500 other rows as with 20', async function () {
      this.timeout(120_000);
      const { entities } = openStores();
      const parents: { [kind: string]: string } = {};
      const others: { [kind: string]: string } = {};
      // A kind comes after the kinds that it refers to.
      for (const kind of kinds) {
        for (const [those, tag] of [
          [parents, 'rare'],
          [others, 'common'],
        ] as const) {
          const row = rowOf(kind, those, [tag]);
          expect(await entities.insert(kind, row), kind.name).to.deep.equal({ outcome: 'written' });
          those[kind.name] = row.id;
        }
      }
      const queries = (kind: EntityKind): Omit<EntityQuery, 'size' | 'after'>[] => [
        {},
        ...kind.foreign.map(({ field, kind: target }) => ({
          where: { field: `${field}.id`, value: parents[target]! },
        })),
        ...kind.unique.map((field) => ({ where: { field, value: `${field} of ${parents[kind.name]}` } })),
        { tags: { all: ['rare'] } },
        { tags: { all: ['common', 'rare'] } },
        { tags: { all: ['rare', 'common'] } },
        { tags: { any: ['rare', 'absent'] } },
        { tags: 'some' },
      ];
      const measured = () =>
        kinds.flatMap((kind) =>
          queries(kind).map((query) => {
            const size = 'tags' in query || 'where' in query ? 2 : 1;
            return [
              `${kind.name} ${JSON.stringify(query)}`,
              counting(() => void entities.page(kind, { size, after: undefined, ...query })),
            ] as const;
          }),
        );
      const grow = async (count: number) => {
        for (const kind of kinds) {
          await Promise.all(
            Array.from({ length: count }, (_, n) =>
              entities.insert(kind, rowOf(kind, others, n % 2 === 0 ? ['common'] : [])),
            ),
          );
        }
      };
      const scanned = () =>
        counting(
          () =>
            void entities.page(kinds[0]!, { size: 1, after: undefined, where: { field: 'no_index', value: 'none' } }),
        );
      await grow(20);
      const few = new Map(measured());
      const scannedFew = scanned();
      await grow(480);
      for (const [query, reads] of measured()) expect(reads, query).to.be.at.most(few.get(query)! + 8);
      // The count sees a scan: no index has this field.
      expect(scanned() - scannedFew).to.be.at.least(400);
    });

    it('read as many grants of a client or a service with 500 other grants as with 20', async () => {
      const { grants } = openStores();
      const grantOf = (owner: Partial<Grant>): Grant => ({
        grantId: randomUUID(),
        credentialId: randomUUID(),
        subject: undefined,
        scope: [],
        tokenStorage: 'digest',
        grantedAt: noon,
        generation: 1,
        boundTo: 'service:s',
        serviceId: undefined,
        accessScope: [],
        issuedAt: noon,
        expiresAt: undefined,
        refreshExpiresAt: undefined,
        ...owner,
      });
      const openGrant = (owner: Partial<Grant>) =>
        grants.open(grantOf(owner), { accessToken: randomUUID(), refreshToken: randomUUID() });
      const [credentialId, serviceId] = [randomUUID(), randomUUID()];
      for (let n = 0; n < 2; n++) await openGrant({ credentialId, serviceId });
      const measured = () =>
        [{ credentialId }, { serviceId }, { serviceId: randomUUID() }, undefined].map((owner) =>
          counting(() => void grants.page({ size: 1, after: undefined, owner })),
        );
      await Promise.all(Array.from({ length: 20 }, () => openGrant({ serviceId: randomUUID() })));
      const few = measured();
      await Promise.all(Array.from({ length: 480 }, () => openGrant({})));
      for (const [at, reads] of measured().entries()) expect(reads).to.be.at.most(few[at]! + 4);
    });
  });
}
