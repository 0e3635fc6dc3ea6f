/** The contract of every store of entities. The test of each adapter calls it once; yours can, too. */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Entity, EntityKind, EntityStore, Json } from '../../src/ports/entity-store.ts';
import { hostileText } from './hostile.ts';

const nothingEncrypted = () => [];
const services: EntityKind = {
  name: 'services',
  unique: ['name'],
  uniqueTogether: [],
  foreign: [{ field: 'certificate', kind: 'certificates', onDelete: 'null' }],
  encrypted: nothingEncrypted,
};
const certificates: EntityKind = {
  name: 'certificates',
  unique: [],
  uniqueTogether: [],
  foreign: [],
  encrypted: () => ['key'],
};
const routes: EntityKind = {
  name: 'routes',
  unique: ['name'],
  uniqueTogether: [],
  foreign: [{ field: 'service', kind: 'services', onDelete: 'restrict' }],
  encrypted: nothingEncrypted,
};
const consumers: EntityKind = {
  name: 'consumers',
  unique: ['username', 'custom_id'],
  uniqueTogether: [],
  foreign: [],
  encrypted: nothingEncrypted,
};
const credentials: EntityKind = {
  name: 'oauth2_credentials',
  unique: ['client_id'],
  uniqueTogether: [],
  foreign: [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }],
  encrypted: () => ['client_secret'],
};
const keys: EntityKind = {
  name: 'keyauth_credentials',
  unique: ['key'],
  uniqueTogether: [],
  foreign: [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }],
  encrypted: () => ['key'],
};
const notes: EntityKind = {
  name: 'notes',
  unique: [],
  uniqueTogether: [],
  foreign: [{ field: 'credential', kind: 'oauth2_credentials', onDelete: 'cascade' }],
  encrypted: nothingEncrypted,
};
const plugins: EntityKind = {
  name: 'plugins',
  unique: ['instance_name'],
  uniqueTogether: [['name', 'service', 'consumer']],
  foreign: [
    { field: 'service', kind: 'services', onDelete: 'cascade' },
    { field: 'consumer', kind: 'consumers', onDelete: 'null' },
  ],
  encrypted: () => ['config.provision_key', 'config.list.0.secret'],
};

const id = (): string => randomUUID();
let drawn = 0;
const newName = (): string => `name ${++drawn}`;

export function behavesAsEntityStore(name: string, open: () => Promise<EntityStore> | EntityStore): void {
  describe(`${name} as a store of entities`, () => {
    let store: EntityStore;
    before(async () => {
      store = await open();
    });

    async function inserted(
      kind: EntityKind,
      fields: { readonly [field: string]: Json | undefined } = {},
    ): Promise<Entity> {
      const row = { id: id(), ...fields };
      expect(await store.insert(kind, row)).to.deep.equal({ outcome: 'written' });
      return row;
    }

    async function all(kind: EntityKind, query: Partial<Parameters<EntityStore['page']>[1]> = {}): Promise<string[]> {
      const ids: string[] = [];
      let after: string | undefined;
      do {
        const page = await store.page(kind, { size: 3, ...query, after });
        expect(page.rows.length).to.be.at.most(3);
        ids.push(...page.rows.map((row) => row.id));
        after = page.next;
      } while (after !== undefined && ids.length < 10_000);
      return ids;
    }

    it('returns a written row by its id and by each unique field, with its secrets', async () => {
      const consumer = await inserted(consumers, { username: newName(), custom_id: newName(), tags: null });
      const row = await inserted(credentials, {
        consumer: { id: consumer.id },
        client_id: newName(),
        client_secret: 'hidden',
        redirect_uris: ['https://client.example/cb'],
        nested: { deep: [1, 2.5, true, null, { a: '' }] },
      });
      const key = await inserted(keys, { consumer: { id: consumer.id }, key: newName() });
      expect(await store.get(credentials, row.id)).to.deep.equal(row);
      expect(await store.getBy(credentials, 'client_id', row['client_id'] as string)).to.deep.equal(row);
      expect(await store.getBy(keys, 'key', key['key'] as string)).to.deep.equal(key);
      expect(await store.getBy(consumers, 'custom_id', consumer['custom_id'] as string)).to.deep.equal(consumer);
      expect(await store.getBy(consumers, 'username', consumer['custom_id'] as string)).to.equal(undefined);
      expect(await store.get(consumers, row.id)).to.equal(undefined);
      expect(await store.get(consumers, id())).to.equal(undefined);
    });

    it('does not change when the caller changes the row afterwards', async () => {
      const row = { id: id(), name: newName(), list: ['a'] };
      await store.insert(routes, row);
      row.list.push('b');
      expect(await store.get(routes, row.id)).to.deep.equal({ ...row, list: ['a'] });
    });

    it('returns taken, with the fields, for an id, a unique field or fields that are unique together', async () => {
      const one = await inserted(consumers, { username: newName(), custom_id: newName() });
      expect(await store.insert(consumers, { id: one.id, username: newName() })).to.deep.equal({
        outcome: 'taken',
        fields: ['id'],
      });
      expect(await store.insert(consumers, { id: id(), custom_id: one['custom_id'] })).to.deep.equal({
        outcome: 'taken',
        fields: ['custom_id'],
      });
      const key = await inserted(keys, { key: newName() });
      expect(await store.insert(keys, { id: id(), key: key['key'] }), 'a secret').to.deep.equal({
        outcome: 'taken',
        fields: ['key'],
      });
    });

    it('allows null as the value of a unique field in many rows', async () => {
      await inserted(consumers, { username: null });
      await inserted(consumers, { username: null });
      await inserted(consumers);
    });

    it('counts null as a value among fields that are unique together', async () => {
      const service = await inserted(services);
      const plugin = newName();
      const fields = ['name', 'service', 'consumer'];
      await inserted(plugins, { name: plugin, service: null });
      await inserted(plugins, { name: plugin, service: { id: service.id }, consumer: null });
      expect(await store.insert(plugins, { id: id(), name: plugin })).to.deep.equal({ outcome: 'taken', fields });
      expect(await store.insert(plugins, { id: id(), name: plugin, service: { id: service.id } })).to.deep.equal({
        outcome: 'taken',
        fields,
      });
      await inserted(plugins, { name: newName(), service: { id: service.id } });
    });

    it('returns dangling, with the field, for a reference to a row that does not exist', async () => {
      expect(await store.insert(routes, { id: id(), service: { id: id() } })).to.deep.equal({
        outcome: 'dangling',
        field: 'service',
      });
      const route = await inserted(routes);
      expect(await store.replace(routes, { ...route, service: { id: route.id } })).to.deep.equal({
        outcome: 'dangling',
        field: 'service',
      });
      expect(await store.get(routes, route.id)).to.deep.equal(route);
    });

    it('of many concurrent inserts of one unique value exactly one is written', () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 2, max: 20 }), async (count) => {
          const username = newName();
          const writes = await Promise.all(
            Array.from({ length: count }, () => store.insert(consumers, { id: id(), username })),
          );
          expect(writes.filter(({ outcome }) => outcome === 'written')).to.have.length(1);
          expect(writes.filter(({ outcome }) => outcome === 'taken')).to.have.length(count - 1);
        }),
        { numRuns: 15 },
      ));

    describe('replacing', () => {
      it('replaces a row; its earlier unique values are free', async () => {
        const row = await inserted(consumers, { username: newName(), custom_id: newName() });
        const next = { id: row.id, username: newName(), custom_id: row['custom_id'] };
        expect(await store.replace(consumers, next)).to.deep.equal({ outcome: 'written' });
        expect(await store.get(consumers, row.id)).to.deep.equal(next);
        expect(await store.getBy(consumers, 'username', row['username'] as string)).to.equal(undefined);
        expect(await store.getBy(consumers, 'username', next.username)).to.deep.equal(next);
        await inserted(consumers, { username: row['username'] });
      });

      it('does not change the row if another one has the unique value', async () => {
        const [one, other] = [
          await inserted(consumers, { username: newName() }),
          await inserted(consumers, { username: newName() }),
        ];
        expect(await store.replace(consumers, { ...one, username: other['username'] })).to.deep.equal({
          outcome: 'taken',
          fields: ['username'],
        });
        expect(await store.get(consumers, one.id)).to.deep.equal(one);
        expect(await store.getBy(consumers, 'username', one['username'] as string)).to.deep.equal(one);
      });

      it('returns missing if the row does not exist, unless it may insert', async () => {
        const row = { id: id(), username: newName() };
        expect(await store.replace(consumers, row)).to.deep.equal({ outcome: 'missing' });
        expect(await store.replace(consumers, row, { expected: row })).to.deep.equal({ outcome: 'missing' });
        expect(await store.replace(consumers, row, { orInsert: true })).to.deep.equal({ outcome: 'written' });
        expect(await store.get(consumers, row.id)).to.deep.equal(row);
      });

      it('returns changed if the row differs from the expected one, in whatever order its fields are', async () => {
        const row = await inserted(credentials, {
          client_id: newName(),
          client_secret: 'hidden',
          config: { a: 1, b: [2] },
        });
        const same = {
          config: { b: [2], a: 1 },
          left_out: undefined,
          client_secret: 'hidden',
          client_id: row['client_id'],
          id: row.id,
        };
        expect(
          await store.replace(credentials, { ...row, name: 'x' }, { expected: { ...row, client_secret: 'other' } }),
        ).to.deep.equal({ outcome: 'changed' });
        expect(await store.replace(credentials, { ...row, name: 'x' }, { expected: same })).to.deep.equal({
          outcome: 'written',
        });
        expect(await store.replace(credentials, { ...row, name: 'y' }, { expected: same })).to.deep.equal({
          outcome: 'changed',
        });
        expect(await store.get(credentials, row.id)).to.include({ name: 'x' });
      });

      it('loses no update when many read, change and write one row at the same time', async () => {
        const row = await inserted(consumers, { count: 0 });
        const increment = async (): Promise<void> => {
          for (;;) {
            const before = (await store.get(consumers, row.id))!;
            const next = { ...before, count: (before['count'] as number) + 1 };
            if ((await store.replace(consumers, next, { expected: before })).outcome === 'written') return;
          }
        };
        await Promise.all(Array.from({ length: 12 }, increment));
        expect(await store.get(consumers, row.id)).to.include({ count: 12 });
      });
    });

    describe('removing', () => {
      it('removes a row with its unique values', async () => {
        const row = await inserted(consumers, { username: newName() });
        expect(await store.remove(consumers, row.id)).to.deep.equal({
          outcome: 'removed',
          rows: [{ kind: 'consumers', id: row.id }],
        });
        expect(await store.remove(consumers, row.id)).to.deep.equal({ outcome: 'missing' });
        expect(await store.get(consumers, row.id)).to.equal(undefined);
        expect(await store.getBy(consumers, 'username', row['username'] as string)).to.equal(undefined);
        expect(await all(consumers)).to.not.include(row.id);
        await inserted(consumers, row);
      });

      it('removes all rows that cascade from it, over several steps, and returns every row', async () => {
        const consumer = await inserted(consumers, { username: newName() });
        const credential = await inserted(credentials, {
          client_id: newName(),
          client_secret: 's',
          consumer: { id: consumer.id },
        });
        const key = await inserted(keys, { key: newName(), consumer: { id: consumer.id } });
        const note = await inserted(notes, { credential: { id: credential.id } });
        const other = await inserted(keys, { key: newName() });
        const removed = await store.remove(consumers, consumer.id);
        if (removed.outcome !== 'removed') throw new Error(removed.outcome);
        expect(removed.rows[0]).to.deep.equal({ kind: 'consumers', id: consumer.id });
        expect(removed.rows.slice(1)).to.have.deep.members([
          { kind: 'oauth2_credentials', id: credential.id },
          { kind: 'keyauth_credentials', id: key.id },
          { kind: 'notes', id: note.id },
        ]);
        expect(await store.get(notes, note.id)).to.equal(undefined);
        expect(await store.getBy(keys, 'key', key['key'] as string)).to.equal(undefined);
        expect(await store.get(keys, other.id)).to.deep.equal(other);
      });

      it('removes nothing if a row restricts it, also over several steps', async () => {
        const service = await inserted(services);
        const plugin = await inserted(plugins, { name: newName(), service: { id: service.id } });
        const route = await inserted(routes, { service: { id: service.id } });
        expect(await store.remove(services, service.id)).to.deep.equal({ outcome: 'restricted', by: 'routes' });
        expect(await store.get(plugins, plugin.id)).to.deep.equal(plugin);
        await store.replace(routes, { ...route, service: null });
        expect(await store.remove(services, service.id)).to.include({ outcome: 'removed' });
        expect(await store.get(plugins, plugin.id)).to.equal(undefined);
      });

      it('writes null over references to it, and changes their unique keys', async () => {
        const [service, consumer] = [await inserted(services), await inserted(consumers)];
        const name = newName();
        const plugin = await inserted(plugins, {
          name,
          service: { id: service.id },
          consumer: { id: consumer.id },
          config: { provision_key: 'p', list: [{ secret: 's' }] },
        });
        const removed = await store.remove(consumers, consumer.id);
        expect(removed).to.deep.equal({ outcome: 'removed', rows: [{ kind: 'consumers', id: consumer.id }] });
        expect(await store.get(plugins, plugin.id)).to.deep.equal({ ...plugin, consumer: null });
        expect(await store.insert(plugins, { id: id(), name, service: { id: service.id } })).to.include({
          outcome: 'taken',
        });
        expect(await store.remove(services, service.id)).to.nested.include({ 'rows[1].id': plugin.id });
      });

      it('frees the unique key with the reference that is null now', async () => {
        const [service, consumer] = [await inserted(services), await inserted(consumers)];
        const fields = { name: newName(), service: { id: service.id }, consumer: { id: consumer.id } };
        await inserted(plugins, fields);
        await store.remove(consumers, consumer.id);
        await store.insert(consumers, consumer);
        const second = await inserted(plugins, fields);
        await store.remove(consumers, consumer.id);
        expect(await store.get(plugins, second.id), 'restricted: it would be the same as the first').to.deep.equal(
          second,
        );
      });

      it('is restricted if null would make two rows the same', async () => {
        const consumer = await inserted(consumers);
        const name = newName();
        const plugin = await inserted(plugins, { name, consumer: { id: consumer.id } });
        await inserted(plugins, { name });
        expect(await store.remove(consumers, consumer.id)).to.deep.equal({ outcome: 'restricted', by: 'plugins' });
        expect(await store.get(consumers, consumer.id)).to.deep.equal(consumer);
        expect(await store.get(plugins, plugin.id)).to.deep.equal(plugin);
      });

      it('is restricted if null would make two rows the same that differ now', async () => {
        const labels: EntityKind = {
          name: 'labels',
          unique: [],
          uniqueTogether: [['name', 'consumer', 'credential']],
          foreign: [
            { field: 'consumer', kind: 'consumers', onDelete: 'null' },
            { field: 'credential', kind: 'oauth2_credentials', onDelete: 'null' },
          ],
          encrypted: nothingEncrypted,
        };
        const consumer = await inserted(consumers);
        const credential = await inserted(credentials, { client_id: newName(), consumer: { id: consumer.id } });
        const name = newName();
        const one = await inserted(labels, { name, consumer: { id: consumer.id } });
        const other = await inserted(labels, { name, credential: { id: credential.id } });
        expect(await store.remove(consumers, consumer.id)).to.deep.equal({ outcome: 'restricted', by: 'labels' });
        expect(await store.get(consumers, consumer.id)).to.deep.equal(consumer);
        expect(await store.get(labels, one.id)).to.deep.equal(one);
        expect(await store.get(labels, other.id)).to.deep.equal(other);
      });

      it('does not remove a row that points to another row now', async () => {
        const [one, other] = [await inserted(consumers), await inserted(consumers)];
        const key = await inserted(keys, { key: newName(), consumer: { id: one.id } });
        await store.replace(keys, { ...key, consumer: { id: other.id } });
        await store.remove(consumers, one.id);
        expect(await store.get(keys, key.id)).to.not.equal(undefined);
        await store.remove(consumers, other.id);
        expect(await store.get(keys, key.id)).to.equal(undefined);
      });

      it('leaves no dangling reference after concurrent inserts and removals', () =>
        fc.assert(
          fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), async (before, after) => {
            const consumer = await inserted(consumers);
            const insert = () => store.insert(keys, { id: id(), key: newName(), consumer: { id: consumer.id } });
            await Promise.all([
              ...Array.from({ length: before }, insert),
              store.remove(consumers, consumer.id),
              ...Array.from({ length: after }, insert),
            ]);
            const where = { field: 'consumer.id', value: consumer.id };
            expect(await all(keys, { where })).to.deep.equal([]);
          }),
          { numRuns: 15 },
        ));
    });

    describe('paging', () => {
      it('returns all rows in the order of their ids, each once, while rows are added and removed', async () => {
        const kind = { ...certificates, name: 'paged' };
        const present = await Promise.all(Array.from({ length: 20 }, () => inserted(kind)));
        const [removed, ...others] = present.map((row) => row.id).sort();
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = await store.page(kind, { size: 3, after });
          seen.push(...page.rows.map((row) => row.id));
          after = page.next;
          await store.remove(kind, removed!);
          await inserted(kind);
        } while (after !== undefined && seen.length < 1_000);
        expect(seen).to.deep.equal([...new Set(seen)].sort());
        expect(seen).to.include.members(others);
      });

      it('the last page has no next, also if it is full', async () => {
        const kind = { ...certificates, name: 'paged twice' };
        expect(await store.page(kind, { size: 2, after: undefined })).to.deep.equal({ rows: [], next: undefined });
        for (let n = 0; n < 4; n++) await inserted(kind);
        const first = await store.page(kind, { size: 2, after: undefined });
        expect(first.next).to.equal(first.rows[1]!.id);
        const last = await store.page(kind, { size: 2, after: first.next });
        expect(last.rows).to.have.length(2);
        expect(last.next).to.equal(undefined);
      });

      it('selects rows by the value of a field: a reference, a unique field or any other', async () => {
        const [one, other] = [await inserted(consumers, { username: newName() }), await inserted(consumers)];
        const shared = newName();
        const owned: string[] = [];
        for (let n = 0; n < 5; n++) {
          owned.push(
            (await inserted(keys, { key: newName(), consumer: { id: one.id }, config: { group: shared } })).id,
          );
          await inserted(keys, { key: newName(), consumer: { id: other.id } });
        }
        owned.sort();
        expect(await all(keys, { where: { field: 'consumer.id', value: one.id } })).to.deep.equal(owned);
        expect(await all(keys, { where: { field: 'config.group', value: shared } })).to.deep.equal(owned);
        expect(await all(consumers, { where: { field: 'username', value: one['username'] as string } })).to.deep.equal([
          one.id,
        ]);
        expect(await all(keys, { where: { field: 'consumer.id', value: id() } })).to.deep.equal([]);
        expect(await all(consumers, { where: { field: 'username', value: newName() } })).to.deep.equal([]);
      });

      it('selects rows that have all of the tags, or any of them', async () => {
        const [red, green, blue] = [newName(), newName(), newName()];
        const tagged = async (...tags: string[]) => (await inserted(services, { tags })).id;
        const [r, g, rg, rgb] = [
          await tagged(red),
          await tagged(green),
          await tagged(red, green),
          await tagged(red, green, blue),
        ];
        await tagged();
        await inserted(services, { tags: null });
        const some = await all(services, { tags: 'some' });
        expect(some).to.include.members([r, g, rg, rgb]);
        expect(some).to.deep.equal([...some].sort());
        for (const one of some) expect((await store.get(services, one))!['tags']).not.to.be.oneOf([null, undefined]);
        expect(await all(services, { tags: { all: [red] } })).to.deep.equal([r, rg, rgb].sort());
        expect(await all(services, { tags: { all: [red, green] } })).to.deep.equal([rg, rgb].sort());
        expect(await all(services, { tags: { any: [red, green] } })).to.deep.equal([r, g, rg, rgb].sort());
        expect(await all(services, { tags: { any: [blue, newName()] } })).to.deep.equal([rgb]);
        expect(await all(services, { tags: { all: [blue, newName()] } })).to.deep.equal([]);
        await store.remove(services, rgb);
        await store.replace(services, { id: rg, tags: [green] });
        expect(await all(services, { tags: { all: [red] } })).to.deep.equal([r]);
        await store.replace(services, { id: r, tags: [] });
        expect(await all(services, { tags: 'some' })).to.not.include(r);
      });
    });

    it('SE-06, SE-07: handles any text as a value or a name, and compares it exactly', () =>
      fc.assert(
        fc.asyncProperty(hostileText, hostileText, async (text, field) => {
          const username = newName() + text;
          const config = Object.fromEntries([[field, text]]);
          const row = await inserted(consumers, { username, config, tags: [text] });
          expect(await store.getBy(consumers, 'username', text)).to.equal(undefined);
          expect(await store.get(consumers, text)).to.equal(undefined);
          expect(await store.remove(consumers, text)).to.deep.equal({ outcome: 'missing' });
          expect(
            (await store.page(consumers, { size: 1, after: undefined, where: { field, value: newName() } })).rows,
          ).to.deep.equal([]);
          expect(await store.getBy(consumers, 'username', username)).to.deep.equal(row);
          expect(await all(consumers, { tags: { any: [text] } })).to.include(row.id);
          expect(await store.remove(consumers, row.id)).to.deep.equal({
            outcome: 'removed',
            rows: [{ kind: 'consumers', id: row.id }],
          });
          expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
        }),
        { numRuns: 60, examples: [['polluted', '__proto__']] },
      ));

    it('behaves as a plain list of rows, for any operations', () =>
      fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 50 }), async (operations) => {
          const round = newName();
          const ids = { parents: Array.from({ length: 3 }, id), children: Array.from({ length: 5 }, id) };
          const parents: EntityKind = {
            name: 'parents',
            unique: ['name'],
            uniqueTogether: [],
            foreign: [],
            encrypted: nothingEncrypted,
          };
          const children: EntityKind = {
            name: 'children',
            unique: ['name'],
            uniqueTogether: [['kind', 'parent']],
            foreign: [{ field: 'parent', kind: 'parents', onDelete: 'cascade' }],
            encrypted: () => ['name'],
          };
          const list = new Map<string, Entity>();
          for (const { does, n, parent, label } of operations) {
            const target = ids.parents[parent]!;
            if (does === 'parent') {
              const written = await store.insert(parents, { id: target, name: `${round} ${parent}` });
              expect(written.outcome).to.equal(list.has(target) ? 'taken' : 'written');
              list.set(target, { id: target, name: `${round} ${parent}` });
            } else if (does === 'remove parent') {
              expect((await store.remove(parents, target)).outcome).to.equal(
                list.delete(target) ? 'removed' : 'missing',
              );
              for (const [key, row] of list) if (referenceTo(row) === target) list.delete(key);
            } else if (does === 'remove child') {
              const child = ids.children[n]!;
              expect((await store.remove(children, child)).outcome).to.equal(
                list.delete(child) ? 'removed' : 'missing',
              );
            } else {
              const row: Entity = {
                id: ids.children[n]!,
                name: `${round} ${label}`,
                kind: round,
                parent: label === 'd' ? null : { id: target },
              };
              const others = [...list.values()].filter((one) => one.id !== row.id && 'kind' in one);
              const expected = others.some(
                (one) => one['name'] === row['name'] || referenceTo(one) === referenceTo(row),
              )
                ? 'taken'
                : row['parent'] !== null && !list.has(target)
                  ? 'dangling'
                  : 'written';
              expect((await store.replace(children, row, { orInsert: true })).outcome).to.equal(expected);
              if (expected === 'written') list.set(row.id, row);
            }
          }
          for (const child of ids.children) expect(await store.get(children, child)).to.deep.equal(list.get(child));
          for (const parent of ids.parents) {
            const owned = [...list.values()].filter((row) => referenceTo(row) === parent).map((row) => row.id);
            expect(await all(children, { where: { field: 'parent.id', value: parent } })).to.deep.equal(owned.sort());
            await store.remove(parents, parent);
          }
          for (const child of ids.children) await store.remove(children, child);
        }),
        { numRuns: 40 },
      ));
  });
}

const operation = fc.record({
  does: fc.constantFrom('parent', 'child', 'child', 'child', 'remove parent', 'remove child'),
  n: fc.nat(4),
  parent: fc.nat(2),
  label: fc.constantFrom('a', 'b', 'c', 'd'),
});

function referenceTo(row: Entity): string | null {
  return (row['parent'] as { readonly id: string } | null | undefined)?.id ?? null;
}
