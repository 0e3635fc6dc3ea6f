import { expect } from 'chai';
import type { Entity, EntityKind, EntityQuery } from '../../src/ports/entity-store.ts';
import { allRows, eachPage, takePage } from '../../src/records/pages.ts';

const kind: EntityKind = { name: 'notes', unique: [], uniqueTogether: [], foreign: [], encrypted: () => [] };
const rows: readonly Entity[] = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }));

describe('The pages of a store', () => {
  for (const [store, later] of [
    ['that returns values', <T>(value: T) => value],
    ['that returns promises', <T>(value: T) => Promise.resolve(value)],
  ] as const) {
    describe(store, () => {
      const page = (_: EntityKind, { size, after }: EntityQuery) =>
        later(
          takePage(
            rows.filter(({ id }) => after === undefined || id > after),
            size,
            ({ id }) => id,
          ),
        );

      it('are visited in order, from a row on', async () => {
        const seen: string[] = [];
        await eachPage({ page }, kind, { size: 2, after: 'a' }, (found) => {
          seen.push(found.map(({ id }) => id).join());
        });
        expect(seen).to.deep.equal(['b,c', 'd,e']);
      });

      it('are not read after the visit that returns false', async () => {
        for (const visited of [false, Promise.resolve(false)]) {
          let visits = 0;
          await eachPage({ page }, kind, { size: 2 }, () => {
            visits++;
            return visits === 2 ? visited : undefined;
          });
          expect(visits).to.equal(2);
        }
      });

      it('together have all rows', async () => {
        for (const size of [1, 2, 5, 6]) expect(await allRows({ page }, kind, { size }), `${size}`).to.deep.equal(rows);
      });
    });
  }

  it('are full if more rows follow, and the last one has no next', () => {
    const idOf = ({ id }: Entity) => id;
    expect(takePage(rows, 1, idOf)).to.deep.equal({ rows: rows.slice(0, 1), next: 'a' });
    expect(takePage(rows, 4, idOf)).to.deep.equal({ rows: rows.slice(0, 4), next: 'd' });
    expect(takePage(rows, 5, idOf)).to.deep.equal({ rows, next: undefined });
    expect(takePage([], 5, idOf)).to.deep.equal({ rows: [], next: undefined });
  });
});
