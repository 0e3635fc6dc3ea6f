import { expect } from 'chai';
import fc from 'fast-check';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { type Change, planChanges } from '../../src/declarative/plan-changes.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import type { Entity, EntityStore } from '../../src/ports/entity-store.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

const entities = describeEntities(pluginDescriptions);
const [consumers, acls, services] = ['consumers', 'acls', 'services'].map((name) => entities.get(name)!);
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

describe('The changes from the rows of a store to those of a file', () => {
  it('are none if only the time of the last change differs', () => {
    const row = { id: id(1), name: 'a', created_at: 1, updated_at: 1 };
    const one = { description: services!, rows: [row] };
    expect(planChanges([one], [{ ...one, rows: [{ ...row, updated_at: 9 }] }])).to.deep.equal([]);
  });

  it('are only the differences; rows that others refer to are written first and removed last', () => {
    const kept = { id: id(1), username: 'kept' };
    const before = [
      { description: consumers!, rows: [kept, { id: id(2), username: 'gone' }] },
      { description: acls!, rows: [{ id: id(3), consumer: { id: id(2) }, group: 'g' }] },
    ];
    const after = [
      { description: consumers!, rows: [kept, { id: id(4), username: 'new' }] },
      { description: acls!, rows: [{ id: id(5), consumer: { id: id(4) }, group: 'g' }] },
    ];
    expect(planChanges(before, after).map(inWords)).to.deep.equal([
      'write consumers 4',
      'write acls 5',
      'remove acls 3',
      'remove consumers 2',
    ]);
  });

  it('can be as many as a store can have', () => {
    const many = Array.from({ length: 150_000 }, (_, n) => ({ id: id(n), username: String(n) }));
    const changes = planChanges([{ description: consumers!, rows: many }], [{ description: consumers!, rows: [] }]);
    expect(changes).to.have.length(150_000);
  });

  it('free a unique name before another row gets it', () => {
    const rows = (one: string, other: string) => [
      {
        description: consumers!,
        rows: [
          { id: id(1), username: one, custom_id: other },
          { id: id(2), username: other },
        ],
      },
    ];
    expect(planChanges(rows('a', 'b'), rows('b', 'a')).map(inWords)).to.deep.equal([
      'yield consumers 2',
      'yield consumers 1',
      'write consumers 1',
      'write consumers 2',
    ]);
  });

  it('lead from any rows to any others, and the store accepts all of them', () => {
    const people = fc.uniqueArray(
      fc.record({ n: fc.integer({ min: 1, max: 5 }), username: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
      { selector: ({ n }) => n, maxLength: 5 },
    );
    const state = fc.record({
      people,
      groups: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(4), fc.constantFrom('x', 'y'))),
    });
    fc.assert(
      fc.property(state, state, (one, other) => {
        const [before, after] = [rowsOf(one), rowsOf(other)];
        const store = memoryEntityStore();
        for (const change of planChanges([], before)) apply(store, change);
        for (const change of planChanges(before, after)) apply(store, change);
        for (const { description, rows } of after) {
          const page = store.page(kindOf(description), { size: 1000, after: undefined }) as { rows: readonly Entity[] };
          expect(page.rows).to.have.deep.members([...rows]);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function rowsOf({
  people,
  groups,
}: {
  people: readonly { n: number; username: string }[];
  groups: readonly (readonly [number, number, string])[];
}) {
  const names = new Set<string>();
  const members = people
    .filter(({ username }) => !names.has(username) && names.add(username))
    .map(({ n, username }) => ({ id: id(n), username }));
  const taken = new Set<string>();
  const memberships = groups.flatMap(([n, whose, group]) => {
    const consumer = members[whose % Math.max(1, members.length)];
    const keys = [`id ${n}`, `${consumer?.id} ${group}`];
    if (consumer === undefined || keys.some((key) => taken.has(key))) return [];
    for (const key of keys) taken.add(key);
    return [{ id: id(100 + n), consumer: { id: consumer.id }, group }];
  });
  return [
    { description: consumers!, rows: members },
    { description: acls!, rows: memberships },
  ];
}

function apply(store: EntityStore, change: Change): void {
  const kind = kindOf(change.description);
  const done =
    change.act === 'remove' ? store.remove(kind, change.id) : store.replace(kind, change.row, { orInsert: true });
  expect((done as { outcome: string }).outcome).to.be.oneOf(
    change.act === 'remove' ? ['removed', 'missing'] : ['written'],
  );
}

function inWords(change: Change): string {
  const which = change.act === 'remove' ? change.id : change.row.id;
  return `${change.act} ${change.description.name} ${Number(which.slice(-12))}`;
}
